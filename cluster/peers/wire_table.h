#pragma once
// The connections of a PeerWire by number: where the threads of its user meet the middleman's.

#include <cstdint>
#include <mutex>
#include <unordered_map>

#include <caf/actor.hpp>

#include "actors/runtime/peer_actor.h"
#include "cluster/peers/wire.h"

namespace engram {

/// Asks a connection's broker to end it: with a Code, and a message.
using end_atom = caf::atom_constant<caf::atom("end")>;
void ask_to_end(const caf::actor& broker, const Status& why);

/// Thread-safe. Handlers are called on the caller's thread, without a lock.
class WireTable {
 public:
  explicit WireTable(PeerWireHandlers handlers) : handlers_(std::move(handlers)) {}

  // By whoever uses the wire.

  /// False: there is a connection of that number, or all are being ended.
  bool add(std::uint64_t connection);
  /// Null: the connection is not up (any more).
  [[nodiscard]] PeerActor peer_of(std::uint64_t connection) const;
  void end(std::uint64_t connection, const Status& why);
  /// Ends all, also those that are not there yet.
  void end_all();

  // By the connection's actors, on the middleman's thread, each once and in this order, but `take` as often as it likes.

  /// Who is to be asked to end the connection. An error if somebody has asked already.
  Status attach(std::uint64_t connection, caf::actor broker);
  void come_up(std::uint64_t connection, PeerActor peer) noexcept;
  void take(std::uint64_t connection, PacketBytes packet) const noexcept;
  /// Nothing is kept of the connection.
  void go_down(std::uint64_t connection, const Status& why) noexcept;

 private:
  struct Entry {
    caf::actor broker;  // null until it runs
    PeerActor peer;     // null until the connection is up
    Status end;         // what was asked for before there was a broker
  };

  const PeerWireHandlers handlers_;
  mutable std::mutex mutex_;
  std::unordered_map<std::uint64_t, Entry> entries_;
  bool ending_all_ = false;
};

}  // namespace engram
