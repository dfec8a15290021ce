#pragma once
// Packets of one connection in one message of the wire: a hop asks many partitions of a node at the same moment, and each message
// through CAF's middleman costs more than what is in it.
//
// A batch is packets one behind the other, as each is alone: their framing says where one ends. Nodes of feature level 1 take
// messages of one packet only.

#include <cstdint>
#include <functional>
#include <utility>

#include "cluster/peers/wire.h"

namespace engram {

class PacketBatch {
 public:
  static constexpr std::size_t max_bytes = 64 << 10;

  /// False: what it has must go out first.
  [[nodiscard]] bool has_room_for(std::uint64_t connection, const PacketBytes& packet) const {
    return bytes_.empty() || (connection == connection_ && bytes_.size() + packet.size() <= max_bytes);
  }
  void add(std::uint64_t connection, PacketBytes packet);
  [[nodiscard]] bool empty() const { return bytes_.empty(); }
  [[nodiscard]] std::uint64_t connection() const { return connection_; }
  PacketBytes take() { return std::exchange(bytes_, {}); }

 private:
  std::uint64_t connection_ = 0;
  PacketBytes bytes_;
};

/// Gives the packets in a message of the wire, in order. What is no packet is given as it is, with all behind it: its reader says so.
void for_each_packet(const PacketBytes& message, const std::function<void(const PacketBytes& packet)>& take);

}  // namespace engram
