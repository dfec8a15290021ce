#pragma once
// The PeerActor at this end of a connection: says up, packet and down, in this order, to whoever uses the wire.

#include <memory>

#include <caf/io/typed_broker.hpp>

#include "cluster/peers/wire_connection.h"
#include "cluster/peers/wire_mailbox.h"

namespace engram {

/// A broker without sockets: CAF runs brokers on the thread of the middleman, so what that thread reads comes here without
/// another hop, and what others send waits in the same mailbox.
class WireReceiver final : public WireMailbox<PeerActor::broker_base> {
 public:
  /// Lives as long as `broker`, and ends the connection once it has taken what came before that one's end.
  WireReceiver(caf::actor_config& config, std::shared_ptr<WireConnection> connection, caf::actor broker);

  const char* name() const override { return "engram.peer"; }

 protected:
  behavior_type make_behavior() override;

 private:
  void greet(std::uint64_t number, const caf::strong_actor_ptr& caller);

  std::shared_ptr<WireConnection> connection_;
  caf::actor broker_;
};

}  // namespace engram
