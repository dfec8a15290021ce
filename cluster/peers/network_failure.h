#pragma once
// Why a connection did not come about, in words.

#include <cstdint>
#include <string>

#include <kj/exception.h>

namespace engram {

/// What KJ's texts say besides their code and its variables: "connection refused", "name or service not known".
std::string reason_in(const kj::Exception& exception);

/// Whether it is TLS that failed, and not the network below it.
bool is_tls_failure(const kj::Exception& exception);
/// Whether it is one that the other end told us of: it does not take our certificate, or our versions of TLS.
bool is_tls_alert(const kj::Exception& exception);

/// Lets a line through now and then: what strangers or a peer that is away can cause must not fill the log.
class SparseLog {
 public:
  explicit SparseLog(std::int64_t pause_ms) : pause_ns_(pause_ms * 1'000'000) {}
  /// Whether to write it; if not it is counted.
  bool is_due(std::int64_t now_ns);
  /// Lines that were left out since the one before; counts from zero again.
  std::uint64_t take_left_out();

 private:
  std::int64_t pause_ns_;
  std::int64_t next_ns_ = 0;
  bool wrote_ = false;
  std::uint64_t left_out_ = 0;
};

}  // namespace engram
