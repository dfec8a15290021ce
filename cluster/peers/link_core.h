#pragma once
// The inside of a link: what its object and the ports of the peer's questions share. These may outlive the object.
//
// One lock guards what is sent and what is open; nothing outside is called under it. Packets are written and transmitted
// without it, by one thread at a time: whoever finds nobody transmitting does it for all, so that they stay in order.

#include <absl/container/flat_hash_map.h>

#include <condition_variable>
#include <memory>
#include <mutex>
#include <optional>

#include "cluster/peers/link_assembly.h"
#include "cluster/peers/link_outbox.h"

namespace engram {

class LinkCore final : public std::enable_shared_from_this<LinkCore> {
 public:
  LinkCore(const PeerLinkOptions& options, const PartitionMap& map, PeerLinkHost& host, const Clock& clock);

  // As in PeerLink.
  void send(PartitionId to, Mail mail);
  void up(std::uint64_t connection);
  void down(std::uint64_t connection);
  void receive(std::uint64_t connection, const PacketBytes& packet);
  void tick();
  void drain();
  void tell(std::shared_ptr<const NodeStatus> status);
  [[nodiscard]] const PeerLinkGauges& gauges() const { return gauges_; }

  /// The object goes: answers all that is open, and waits for threads that are just transmitting. From then on nothing of
  /// the world is called. Not from within a call of the host.
  void close();

 private:
  class QuestionPort;
  friend class QuestionPort;

  // Of the ports.
  void answer(const QuestionPort& port, Frame frame);
  void forget(std::uint64_t connection, std::uint64_t number);

  // Of what arrives, on the wire's thread.
  struct Arrival;
  Status read(const LinkPacket& packet, Arrival& arrival);
  Status take_in(const LinkPacket& packet, Arrival& arrival);
  void act_on(Arrival& arrival);
  void act_on_stale(Arrival& arrival);
  void break_off(const Status& why);

  void end_connection(SettledList& settled);
  void pump(std::unique_lock<std::mutex>& lock, SettledList& settled);

  const PeerLinkOptions options_;
  const PartitionMap& map_;
  PeerLinkHost& host_;
  const Clock& clock_;
  PeerLinkGauges gauges_;

  // The wire's thread's.
  std::optional<std::uint64_t> heard_;  // the connection that is listened to
  MessageAssembly assembly_;

  std::mutex mutex_;
  LinkOutbox outbox_;
  std::uint64_t connection_ = 0;
  bool up_ = false;
  absl::flat_hash_map<std::uint64_t, QuestionPort*> open_;  // the peer's questions on this connection; see ~QuestionPort
  bool transmitting_ = false;
  bool closed_ = false;
  std::condition_variable idle_;
};

}  // namespace engram
