#pragma once
// Speaks BASP, CAF's protocol between nodes, on one connection.
//
// CAF has one broker for all connections, which keeps one route to each node: while the ruin of an old connection is not
// noticed, it closes a new one to the same node as redundant, and what is sent still goes the old way. It also remembers
// every node for ever. So every connection has a broker of its own here, with its own routes and proxies: connections of one
// pair of nodes know nothing of each other, and all that belongs to one goes with it.
//
// Heartbeats are CAF's; when to send them, and when a peer was silent or its set-up lasted for too long, is decided here:
// CAF would also end connections that are being set up when it looks, and does not notice that it stood still itself.

#include <memory>
#include <set>
#include <string>

#include <caf/io/basp_broker.hpp>

#include "cluster/peers/wire_connection.h"
#include "cluster/peers/wire_mailbox.h"
#include "cluster/peers/wire_socket.h"

namespace engram {

class WireBroker final : public WireMailbox<caf::io::basp_broker> {
 public:
  /// Ends by itself, and with it the connection and its receiver.
  WireBroker(caf::actor_config& config, std::shared_ptr<WireConnection> connection, caf::intrusive_ptr<WireSocket> socket);

  const char* name() const override { return "engram.wire"; }
  caf::behavior make_behavior() override;
  void on_exit() override;

  // What BASP tells.

  void finalize_handshake(const caf::node_id& node, caf::actor_id actor, std::set<std::string>& messages) override;
  caf::strong_actor_ptr make_proxy(caf::node_id node, caf::actor_id actor) override;
  // CAF would look for its spawn server there, and for shorter ways.
  void learned_new_node_directly(const caf::node_id& node, bool was_indirectly_before) override {}
  void learned_new_node_indirectly(const caf::node_id& node) override {}

 private:
  Status begin();
  void shake_hands(caf::io::connection_handle handle);
  void end(const Status& why);
  void tick();
  void arm();

  std::shared_ptr<WireConnection> connection_;
  caf::intrusive_ptr<WireSocket> socket_;  // until the middleman has it
  PeerActor receiver_;
  caf::actor_clock::time_point began_at_{};
  caf::actor_clock::time_point due_{};  // the next tick
};

}  // namespace engram
