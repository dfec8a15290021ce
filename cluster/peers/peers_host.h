#pragma once
// What the link to one peer needs of the world.

#include <mutex>

#include "cluster/peers/link_batch.h"
#include "cluster/peers/peers.h"

namespace engram {

class Peers::Host final : public PeerLinkHost {
 public:
  Host(Peers& peers, std::uint32_t ordinal) : peers_(peers), ordinal_(ordinal) {}

  /// Waits with others of its kind while this thread holds mail.
  void transmit(std::uint64_t connection, PacketBytes packet) override;
  /// Sends what waits. False: nothing did.
  bool send_waiting();
  void deliver(PartitionId to, Mail mail) override;
  void told(const NodeStatus& status) override { peers_.told(ordinal_, status); }
  void drop(std::uint64_t connection, const Status& why) override;

 private:
  Peers& peers_;
  const std::uint32_t ordinal_;
  void send_batch();

  std::mutex batch_mutex_;  // also while it is sent: packets stay in order
  PacketBatch batch_;
};

}  // namespace engram
