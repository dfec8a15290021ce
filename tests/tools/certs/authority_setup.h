#pragma once
// An authority in a directory of its own, for tests.

#include <sys/stat.h>

#include <catch2/catch.hpp>

#include <string>

#include "cluster/security/tls_files.h"
#include "tests/support/temporary_directory.h"
#include "tools/certs/authority.h"
#include "tools/certs/names.h"

namespace engram::test {

/// The real time, some hours ago.
class PastClock final : public Clock {
 public:
  explicit PastClock(std::int64_t hours = 0) : hours_(hours) {}
  [[nodiscard]] std::int64_t wall_ns() const override { return clock_.wall_ns() - hours_ * 3'600'000'000'000; }
  [[nodiscard]] std::int64_t monotonic_ns() const override { return clock_.monotonic_ns(); }

 private:
  SystemClock clock_;
  std::int64_t hours_;
};

template <typename T>
T value_of(Result<T> result) {
  INFO(result.status().message());
  REQUIRE(result.ok());
  return std::move(result).value();
}

inline mode_t mode_of(const std::string& path) {
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  return info.st_mode & 07777;
}

inline std::int64_t real_now_s() { return SystemClock().wall_ns() / 1'000'000'000; }

struct AuthoritySetup {
  TemporaryDirectory directory;
  std::string certs = directory / "certs";
  PastClock clock;
  SystemRandom random;

  explicit AuthoritySetup(std::int64_t hours_ago = 0, std::uint32_t days = 3650) : clock(hours_ago) {
    value_of(certs::Authority::make(certs, "engram", days, clock, random));
  }
  Result<certs::Issued> issue(const certs::Order& order) {
    return value_of(certs::Authority::open(certs, clock, random)).issue(order);
  }
  certs::Issued issue_node(std::uint32_t ordinal) { return value_of(issue(certs::node_order("engram", ordinal))); }
  [[nodiscard]] std::string operator/(const std::string& file) const { return certs + "/" + file; }
  /// As a node reads them.
  [[nodiscard]] TlsPaths paths(const std::string& name) const {
    return {*this / (name + ".pem"), *this / (name + ".key"), *this / "ca.pem"};
  }
};

}  // namespace engram::test
