#include "cluster/peers/wire_receiver.h"

#include <utility>

#include <caf/actor_cast.hpp>

namespace engram {

WireReceiver::WireReceiver(caf::actor_config& config, std::shared_ptr<WireConnection> connection, caf::actor broker)
    : WireMailbox<PeerActor::broker_base>(config), connection_(std::move(connection)), broker_(std::move(broker)) {}

WireReceiver::behavior_type WireReceiver::make_behavior() {
  set_default_handler(caf::drop);
  set_down_handler([this](caf::down_msg&) {
    connection_->over_because({Code::internal, "The connection's actor failed."});
    connection_->table.go_down(connection_->number, connection_->why);
    broker_ = caf::actor();
    quit();
  });
  monitor(broker_);
  return {
      [this](hello_atom, std::uint64_t number, const caf::strong_actor_ptr& caller) { greet(number, caller); },
      [this](PacketBytes& packet) {
        if (connection_->up) return connection_->table.take(connection_->number, std::move(packet));
        ask_to_end(broker_, {Code::corrupt, "The other node sent a packet before it had said which connection this is."});
      },
  };
}

void WireReceiver::greet(std::uint64_t number, const caf::strong_actor_ptr& caller) {
  if (connection_->up || number != connection_->number || caller == nullptr || caller->node() == system().node())
    return ask_to_end(broker_, {Code::corrupt, "The other node takes this for another connection."});
  connection_->up = true;
  connection_->table.come_up(number, caf::actor_cast<PeerActor>(caller));
}

}  // namespace engram
