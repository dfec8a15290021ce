#pragma once
// Puts messages together from the parts that come on a connection, and checks that these can be what a link sends.

#include <absl/container/flat_hash_map.h>
#include <kj/array.h>

#include <cstdint>
#include <optional>

#include <capnp/common.h>

#include "cluster/peers/link_packet.h"
#include "storage/base/clock.h"

namespace engram {

struct WholeMessage {
  std::uint64_t number = 0;
  MessageHead head;
  std::int64_t deadline_ns = 0;  // by this node's clock, counted from the first part; 0: none
  kj::Array<capnp::word> words;
};

/// Belongs to the wire's thread. Takes no more memory for a message than about twice what has come of it, whatever size it
/// claims to have.
class MessageAssembly {
 public:
  MessageAssembly(std::size_t max_message_bytes, const Clock& clock)
      : max_message_bytes_(max_message_bytes), clock_(clock) {}

  /// Another connection: message 1 is next, and what was begun on the old one will never end.
  void restart();
  /// The message, once its last part is there. Errors: internal (no link would send such a part).
  Result<std::optional<WholeMessage>> take(const LinkPacket& part);
  /// The rest of a message that was begun will not come; one that is whole, or cancelled already, may be named as well.
  Status cancel(std::uint64_t number);

 private:
  struct Begun {
    WholeMessage message;  // its words grow as parts come
    std::size_t filled_bytes = 0;
  };
  [[nodiscard]] Status check_head(const LinkPacket& part) const;
  static Status append(Begun& begun, const LinkPacket& part);
  Begun begin(const LinkPacket& part) const;

  std::size_t max_message_bytes_;
  const Clock& clock_;
  std::uint64_t last_number_ = 0;
  absl::flat_hash_map<std::uint64_t, Begun> begun_;
};

}  // namespace engram
