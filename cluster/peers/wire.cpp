#include "cluster/peers/wire.h"

#include <utility>

#include <unistd.h>

#include <caf/make_counted.hpp>
#include <caf/send.hpp>

#include "cluster/peers/wire_broker.h"
#include "cluster/peers/wire_connection.h"
#include "cluster/peers/wire_socket.h"
#include "cluster/peers/wire_system.h"
#include "cluster/peers/wire_table.h"

namespace engram {
namespace {

class CafWire final : public PeerWire {
 public:
  CafWire(const PeerWireOptions& options, PeerWireHandlers handlers)
      : options_(options), table_(std::move(handlers)), system_(std::chrono::microseconds(options.busy_poll_us)) {}
  ~CafWire() override { table_.end_all(); }

  void adopt(int fd, std::uint64_t connection, bool called) override {
    if (!table_.add(connection)) {
      ::close(fd);
      return;
    }
    auto shared = std::make_shared<WireConnection>(WireConnection{connection, called, table_, options_});
    auto socket = caf::make_counted<WireSocket>(system_.loop(), fd, shared);
    caf::actor_config config{&system_.loop()};
    system_.actors().spawn_class<WireBroker, caf::no_spawn_options>(config, std::move(shared), std::move(socket));
  }

  void send(std::uint64_t connection, PacketBytes packet) override {
    if (const std::size_t limit = options_.max_packet_bytes; packet.size() > limit)
      return table_.end(connection, {Code::internal, "A packet to send has " + std::to_string(packet.size()) + " bytes; the "
                                                     "limit is " + std::to_string(limit) + "."});
    if (PeerActor peer = table_.peer_of(connection)) caf::anon_send(peer, std::move(packet));
  }

  void close(std::uint64_t connection) override {
    table_.end(connection, {Code::cancelled, "This node closed the connection."});
  }

 private:
  const PeerWireOptions options_;
  WireTable table_;
  WireSystem system_;  // goes first, and waits for the actors, which use the table
};

}  // namespace

std::unique_ptr<PeerWire> PeerWire::start(const PeerWireOptions& options, PeerWireHandlers handlers) {
  return std::make_unique<CafWire>(options, std::move(handlers));
}

}  // namespace engram
