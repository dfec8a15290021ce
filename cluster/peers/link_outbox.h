#pragma once
// All that is kept for a peer, and what goes to it next: two orders, a window, a budget.
//
// Commands and notices are one stream, whole messages in the order in which they were sent; it goes first. Questions,
// submissions and answers begin in their order and then take turns, part by part. What asks stays here until it is answered,
// and begins anew on every connection.
//
// Not thread-safe, and calls nobody: LinkCore's lock is around it, and what has to be told to ports is given back.

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_map.h>

#include <deque>

#include "cluster/peers/link_mail.h"

namespace engram {

class LinkOutbox {
 public:
  LinkOutbox(const PeerLinkOptions& options, PeerLinkGauges& gauges, const Clock& clock)
      : options_(options), gauges_(gauges), clock_(clock) {}

  void add(OutgoingPtr message, SettledList& settled);

  void up();
  void down(SettledList& settled);
  /// Nothing is kept or taken from now on.
  void close(SettledList& settled);
  /// The peer takes no new questions until the next connection.
  void hold_back();
  /// Tells the peer that this node takes none, now and on later connections.
  void say_draining();
  /// Tells it how this node is; the last word counts. Nothing while the peer is silent itself: it may stand still, and what
  /// nobody reads would pile up.
  void tell(std::shared_ptr<const NodeStatus> status);
  /// Something came from the peer.
  void heard() { told_unheard_ = 0; }

  /// What goes to the peer now, and whose bytes it has. False: nothing, or nothing yet.
  bool next(LinkPacket& packet, OutgoingPtr& message, SettledList& settled);
  /// Whether there may be something: spares a look.
  [[nodiscard]] bool has_next() const;

  /// Bytes of the peer were taken in; told to it with what goes next, alone if they are many.
  void took(std::size_t bytes);
  /// Tells what was taken in even if it is little.
  void tell_taken() { tell_ = told_bytes_ != taken_bytes_; }
  /// The peer took in so much on this connection. Errors: internal (it cannot have).
  Status acknowledged(std::uint64_t taken_bytes);
  /// The peer answered: gives the port, or none if nobody waits any more. Errors: internal (what was not asked to its end).
  Status answered(std::uint64_t number, ReplyPortPtr& port);

  struct Watched {
    std::uint64_t order = 0;
    ReplyPortPtr port;
  };
  /// Goes through some of what waits, on from where the last call ended: lets go of what is past its time, and gives the
  /// ports of the others. Callers ask these whether anybody waits, without the lock.
  void look_through(SettledList& settled, std::vector<Watched>& watched);
  /// Nobody waits for it any more.
  void let_go(std::uint64_t order, SettledList& settled);
  /// Frees what `let_go` left between the turns.
  void tidy_turns();

 private:
  [[nodiscard]] std::uint64_t in_flight_bytes() const { return begun_bytes_ - acknowledged_bytes_; }
  /// One part may always go, however small the window is.
  [[nodiscard]] bool window_open() const { return in_flight_bytes() == 0 || in_flight_bytes() < options_.window_bytes; }
  void keep(const Outgoing& message);
  void unkeep(const Outgoing& message);
  [[nodiscard]] Status why_refused(const Outgoing& message, std::size_t kept_with_it);
  void add_answer(OutgoingPtr message);
  void lose(const Outgoing& message);
  void end(const OutgoingPtr& message, Status status, SettledList& settled);
  [[nodiscard]] Status waited_too_long(const Outgoing& message) const;

  bool next_control(LinkPacket& packet);
  bool next_part(LinkPacket& packet, OutgoingPtr& message, SettledList& settled);
  void cut_part(LinkPacket& packet, const OutgoingPtr& message);
  void begin(LinkPacket& packet, const OutgoingPtr& message);

  const PeerLinkOptions& options_;
  PeerLinkGauges& gauges_;
  const Clock& clock_;
  bool closed_ = false;
  bool up_ = false;
  bool held_back_ = false;    // the peer is about to stop
  bool draining_ = false;     // we are
  bool tell_draining_ = false;
  bool tell_ = false;
  std::shared_ptr<const NodeStatus> status_;  // to be told
  unsigned told_unheard_ = 0;                 // statuses since the peer said something

  std::deque<OutgoingPtr> stream_;                             // commands and notices
  std::deque<OutgoingPtr> turns_;                              // what asks, as far as it may be sent, and answers
  absl::btree_map<std::uint64_t, OutgoingPtr> asking_;         // by order: all that waits for an answer
  absl::flat_hash_map<std::uint64_t, OutgoingPtr> by_number_;  // of these what was begun on this connection
  std::deque<std::uint64_t> cancels_;
  std::uint64_t last_order_ = 0;
  std::uint64_t looked_at_ = 0;  // the last order that look_through came to
  bool over_in_turns_ = false;
  std::size_t answer_bytes_ = 0;  // of what is kept: has a budget of its own, and is in nobody's way

  // Of this connection.
  std::uint64_t last_number_ = 0;
  std::uint64_t begun_bytes_ = 0;  // of parts sent
  std::uint64_t acknowledged_bytes_ = 0;
  std::uint64_t taken_bytes_ = 0;
  std::uint64_t told_bytes_ = 0;
};

}  // namespace engram
