#pragma once
// What this node and one other say to each other, above the connections that come and go: mail for the other's partitions,
// the answers to it, and the bounds of both.
//
// What is promised to partitions and gateways:
// - Mail from one partition to another arrives in the order in which it was sent, each at most once. It may be lost with a
//   connection, or with a process; whoever sent it has to be able to ask again (transactions do, at their ticks).
// - A question (RequestMail with a port) and a submission are kept until they are answered: they wait while the peer is away,
//   and are sent again on the next connection, in their old order. Both may be repeated without harm: reads change nothing,
//   commands have the session table. A command without a session could take effect twice, so it is answered `unavailable`
//   (outcome unknown) when the connection that it was sent on breaks.
// - Nobody waits for ever: what passes its deadline is let go (its caller has a timer of its own, see ReplyPort), what has
//   none is answered `unavailable` after `longest_wait_ns`.
// - Memory is bounded: by what is sent and not taken in by the peer (`window_bytes`), and by all that is kept for the peer
//   (`budget_bytes`); what exceeds it is answered `overloaded`, at once. Commands and notices of transactions, which end
//   what others wait for, have `reserve_bytes` more and are then dropped, as if the connection had lost them. While the peer is
//   away, no more than `max_waiting` calls wait for it: each holds a place among the calls that the node may have in flight.
// - A large message is cut into parts, and parts of different questions and answers take turns: none waits for another's end.
//   Commands and notices go before them, in their own order.
//
// One object a peer; any thread may send. What arrives and what happens to connections is told by the wire's thread.

#include <cstdint>
#include <functional>
#include <memory>

#include "actors/messages/mail.h"
#include "cluster/map/partition_map.h"
#include "cluster/peers/node_status.h"
#include "cluster/peers/wire.h"
#include "storage/base/clock.h"

namespace engram {

struct PeerLinkOptions {
  std::size_t part_bytes = 60 << 10;               // payload of one packet
  std::size_t window_bytes = std::size_t{4} << 20;   // sent and not taken in yet
  std::size_t budget_bytes = std::size_t{128} << 20; // kept for the peer: waiting, sent, unanswered
  std::size_t reserve_bytes = std::size_t{64} << 20;
  std::size_t max_waiting = 4'096;  // questions and submissions while the peer is away
  std::size_t max_message_bytes = std::size_t{256} << 20;  // a larger one ends the connection: it is a defect or no peer of ours
  std::int64_t longest_wait_ns = 60'000'000'000;
};

/// What a link needs of the world. Called with no lock of the link held.
class PeerLinkHost {
 public:
  virtual ~PeerLinkHost() = default;
  virtual void transmit(std::uint64_t connection, PacketBytes packet) = 0;
  /// Mail for a partition of this node; its port, if it has one, leads back to the link.
  virtual void deliver(PartitionId to, Mail mail) = 0;
  /// The peer told how it is.
  virtual void told(const NodeStatus& status) = 0;
  /// Ends a connection on which something came that must not be.
  virtual void drop(std::uint64_t connection, const Status& why) = 0;
};

/// Read by metrics and status, on other threads.
struct PeerLinkGauges {
  std::atomic<std::uint64_t> kept_bytes{0}, kept_messages{0}, in_flight_bytes{0}, sent_messages{0}, received_messages{0},
      sent_bytes{0}, received_bytes{0}, resent_messages{0}, overloaded{0}, stale_epochs{0}, lost_notices{0};
  std::atomic<bool> connected{false}, draining{false};
};

class PeerLink {
 public:
  static std::unique_ptr<PeerLink> make(const PeerLinkOptions& options, const PartitionMap& map, PeerLinkHost& host,
                                        const Clock& clock);
  virtual ~PeerLink() = default;

  /// Takes mail for a partition of the peer: RequestMail, SubmitMail, PeerCommandMail. Answered by the mail's port, on any
  /// thread, possibly before this returns.
  virtual void send(PartitionId to, Mail mail) = 0;

  /// A connection is up; an older one is over by that, and what still comes on it is not looked at.
  virtual void up(std::uint64_t connection) = 0;
  virtual void down(std::uint64_t connection) = 0;
  virtual void receive(std::uint64_t connection, const PacketBytes& packet) = 0;
  /// Every 20 to 100 ms: lets go of what nobody waits for, answers what waited too long, says what was taken in.
  virtual void tick() = 0;
  /// Answers all that is open, and nothing is taken from now on. Not from within a call of the host.
  virtual void close() = 0;
  /// This node is about to stop: the peer is told, and holds its new questions back for the process after this one.
  virtual void drain() = 0;
  /// Tells the peer how this node is, if it is connected and takes in what it is sent. It has to know feature level 2.
  virtual void tell(std::shared_ptr<const NodeStatus> status) = 0;

  [[nodiscard]] virtual const PeerLinkGauges& gauges() const = 0;
};

}  // namespace engram
