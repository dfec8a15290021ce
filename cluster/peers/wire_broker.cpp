#include "cluster/peers/wire_broker.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <caf/actor_registry.hpp>
#include <caf/send.hpp>

#include "cluster/peers/wire_receiver.h"

namespace engram {
namespace {

using std::chrono::milliseconds;
using wire_tick_atom = caf::atom_constant<caf::atom("wiretick")>;

constexpr std::uint16_t published_port = 1;  // by which BASP finds the receiver of this connection; no port of a socket

Status peer_closed() { return {Code::unavailable, "The other node closed the connection, or the network lost it."}; }

std::string duration_text(std::int64_t ms) { return std::to_string(ms) + " ms"; }

}  // namespace

WireBroker::WireBroker(caf::actor_config& config, std::shared_ptr<WireConnection> connection,
                       caf::intrusive_ptr<WireSocket> socket)
    : WireMailbox<caf::io::basp_broker>(config), connection_(std::move(connection)), socket_(std::move(socket)) {}

caf::behavior WireBroker::make_behavior() {
  caf::behavior basp = basp_broker::make_behavior();
  set_default_handler(caf::drop);
  set_exception_handler([](std::exception_ptr&) -> caf::error { return caf::sec::runtime_error; });
  if (Status status = begin(); !status.ok()) end(status);
  return caf::message_handler{
      [this](end_atom, std::uint16_t code, std::string& message) { end({static_cast<Code>(code), std::move(message)}); },
      [this](wire_tick_atom) { tick(); },
      [this](const caf::io::connection_closed_msg&) { end(peer_closed()); },
      // A proxy lives as long as the connection: nobody has to be told across it.
      [](caf::monitor_atom, const caf::strong_actor_ptr&) {},
  }.or_else(basp);
}

void WireBroker::on_exit() {
  basp_broker::on_exit();
  receiver_ = PeerActor();  // it has us
  socket_.reset();
}

Status WireBroker::begin() {
  began_at_ = connection_->heard_at = clock().now();
  auto self = caf::actor_cast<caf::actor>(this);
  caf::actor_config config{context()};
  receiver_ = system().spawn_class<WireReceiver, caf::no_spawn_options>(config, connection_, self);
  if (Status status = connection_->table.attach(connection_->number, self); !status.ok()) return status;
  if (!socket_->is_stream()) return {Code::internal, "What was to be the connection is no open stream socket."};
  system().registry().put(receiver_.id(), caf::actor_cast<caf::strong_actor_ptr>(receiver_));
  socket_->guard(system(), receiver_.id());
  auto handle = socket_->hdl();
  add_scribe(std::exchange(socket_, nullptr));
  shake_hands(handle);
  arm();
  return {};
}

void WireBroker::shake_hands(caf::io::connection_handle handle) {
  set_context(handle);
  if (connection_->called) {
    instance.write_client_handshake(context(), get_buffer(handle));
  } else {
    instance.add_published_actor(published_port, caf::actor_cast<caf::strong_actor_ptr>(receiver_),
                                 system().message_types<PeerActor>());
    instance.write_server_handshake(context(), get_buffer(handle), published_port);
  }
  flush(handle);
  configure_read(handle, caf::io::receive_policy::exactly(caf::io::basp::header_size));
}

void WireBroker::finalize_handshake(const caf::node_id& node, caf::actor_id actor, std::set<std::string>& messages) {
  basp_broker::finalize_handshake(node, actor, messages);
  if (node == this_node()) return;  // BASP closes it
  auto peer = caf::actor_cast<PeerActor>(proxies().get_or_put(node, actor));
  if (!peer || !system().assignable(messages, system().message_types<PeerActor>()))
    return end({Code::unsupported, "The other node has no actor for this connection: does it run a version of engram that "
                                   "knows this one?"});
  caf::anon_send(peer, hello_atom::value, connection_->number, caf::actor_cast<caf::strong_actor_ptr>(receiver_));
  connection_->up = true;
  connection_->table.come_up(connection_->number, std::move(peer));
}

caf::strong_actor_ptr WireBroker::make_proxy(caf::node_id node, caf::actor_id actor) {
  if (!instance.tbl().lookup_direct(node)) return nullptr;  // of a third node: there is no way to it here
  set_last_hop(nullptr);                                    // so that BASP looks for none
  return basp_broker::make_proxy(std::move(node), actor);
}

void WireBroker::end(const Status& why) {
  connection_->over_because(why);
  quit();
}

void WireBroker::arm() {
  const PeerWireOptions& options = connection_->options;
  due_ = clock().now() + milliseconds(options.heartbeat_ms);
  if (!connection_->up) due_ = std::min(due_, began_at_ + milliseconds(options.setup_ms));
  scheduled_send(this, due_, wire_tick_atom::value);
}

void WireBroker::tick() {
  const PeerWireOptions& options = connection_->options;
  const auto now = clock().now();
  // Late: this process stood still. What the peer sent meanwhile is in the socket, and not read yet.
  if (const auto late = now - due_; late > milliseconds(options.heartbeat_ms)) connection_->heard_at += late;
  if (!connection_->up && now >= began_at_ + milliseconds(options.setup_ms))
    return end({Code::deadline_exceeded, "The connection was not set up within " + duration_text(options.setup_ms) + ": the "
                                         "other node is overloaded or stopped, or does not speak this protocol."});
  if (now - connection_->heard_at > milliseconds(options.silence_ms))
    return end({Code::unavailable, "Nothing came from the other node for " + duration_text(options.silence_ms) + ": it "
                                   "stopped or is overloaded, or the network to it is interrupted."});
  instance.send_heartbeats(context());
  arm();
}

}  // namespace engram
