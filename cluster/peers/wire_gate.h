#pragma once
// What may come in on a connection, decided before CAF sees it.
//
// CAF 0.17.6 takes what it reads at its word: a header's length is allocated at once (4 GiB), a handshake without a payload
// is read through a null pointer, a message may name any actor of the process and any type, and one that it cannot read is
// lost without a trace. So only what a WireBroker at the other end writes is let through: handshakes in their order,
// heartbeats, and the two messages of PeerActor to the one actor that takes them. Anything else ends the connection.

#include <cstddef>
#include <cstdint>
#include <string>

#include <caf/actor_system.hpp>

#include "storage/base/result.h"

namespace engram {

class WireGate {
 public:
  /// `called`: by this node, so that the other end opens as the server. `receiver`: the id of this end's PeerActor.
  WireGate(caf::actor_system& system, bool called, std::uint64_t receiver, std::size_t max_packet_bytes);

  /// A header of BASP, or the payload that the last header announced; each whole. Errors: corrupt, too_large.
  Status admit(const char* bytes, std::size_t size);

 private:
  Status admit_header(const char* bytes, std::size_t size);
  [[nodiscard]] Status admit_handshake(std::uint8_t flags, std::uint32_t payload_bytes);
  [[nodiscard]] Status admit_message(const char* bytes, std::size_t size) const;
  [[nodiscard]] std::size_t max_message_bytes() const;

  const bool called_;
  const std::uint64_t receiver_;
  const std::size_t max_packet_bytes_;
  const std::string packet_start_;  // how a message with a packet begins, up to the size of the packet
  const std::string hello_start_;
  int handshakes_ = 0;
  enum class Next { header, handshake, message } next_ = Next::header;
};

}  // namespace engram
