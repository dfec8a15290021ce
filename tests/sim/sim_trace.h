#pragma once
// What happened in a simulation, as one number: the same seed gives the same number, or the simulation depends on something
// that it should not.

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>

#include "storage/base/checksum.h"

namespace engram::test {

class SimTrace {
 public:
  /// Prints every event too: two outputs show where two runs part. With ENGRAM_SIM_TRACE.
  SimTrace() : shown_(std::getenv("ENGRAM_SIM_TRACE") != nullptr) {}  // NOLINT(concurrency-mt-unsafe): one thread

  void note(std::string_view event, std::uint64_t first = 0, std::uint64_t second = 0) {
    if (shown_) show(event, first, second);
    mix(checksum64(as_bytes(event), first));
    mix(second);
  }
  void note(std::string_view event, Bytes content) {
    std::uint64_t sum = checksum64(content, 0);
    note(event, content.size(), sum);
  }
  [[nodiscard]] std::uint64_t hash() const { return hash_; }
  [[nodiscard]] std::uint64_t events() const { return events_; }

 private:
  static void show(std::string_view event, std::uint64_t first, std::uint64_t second) {
    std::fprintf(stderr, "%.*s %llu %llx\n", static_cast<int>(event.size()), event.data(),
                 static_cast<unsigned long long>(first), static_cast<unsigned long long>(second));
  }
  void mix(std::uint64_t number) {
    hash_ = (hash_ ^ number) * 0x9e3779b97f4a7c15ULL;
    hash_ ^= hash_ >> 29;
    ++events_;
  }
  bool shown_;
  std::uint64_t hash_ = 1;
  std::uint64_t events_ = 0;
};

}  // namespace engram::test
