#pragma once
// "host:port" as people write it.

#include <cstdint>
#include <string>
#include <string_view>

#include "storage/base/result.h"

namespace engram {

struct Endpoint {
  std::string host;        // without brackets; "0.0.0.0" and "::" mean all interfaces
  std::uint16_t port = 0;  // 0: the system chooses when it is bound

  /// "127.0.0.1:9470", "[::1]:9470".
  [[nodiscard]] std::string text() const;
  /// 127.0.0.0/8, ::1 or "localhost": nothing from another machine gets there.
  [[nodiscard]] bool loopback() const;
  /// "0.0.0.0" or "::": where one listens, and nobody can go.
  [[nodiscard]] bool all_interfaces() const;
  [[nodiscard]] bool ip_address() const;
};

/// Takes "127.0.0.1:9470", "localhost:9470", "[::1]:9470", "engram-0.engram:9470". A missing port is an error, since
/// two ports are configured and guessing would mix them up.
Result<Endpoint> parse_endpoint(std::string_view text);

}  // namespace engram
