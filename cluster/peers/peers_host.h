#pragma once
// What the link to one peer needs of the world.

#include "cluster/peers/peers.h"

namespace engram {

class Peers::Host final : public PeerLinkHost {
 public:
  Host(Peers& peers, std::uint32_t ordinal) : peers_(peers), ordinal_(ordinal) {}

  void transmit(std::uint64_t connection, PacketBytes packet) override;
  void deliver(PartitionId to, Mail mail) override;
  void told(const NodeStatus& status) override { peers_.told(ordinal_, status); }
  void drop(std::uint64_t connection, const Status& why) override;

 private:
  Peers& peers_;
  const std::uint32_t ordinal_;
};

}  // namespace engram
