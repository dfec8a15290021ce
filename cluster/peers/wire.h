#pragma once
// Carries packets between nodes as messages of CAF actors, through CAF's middleman.
//
// CAF's middleman on its own connects and accepts by itself, and believes whoever comes: an unauthenticated header of 32
// bytes makes it allocate a gigabyte, a TLS connection that says nothing keeps its thread busy, and one host that does not
// answer holds up all calls (CAF 0.17.6). So it never sees a socket of a stranger: connections are made and authenticated by
// PeerNetwork, and given to the middleman then (`adopt`); nothing ever asks the middleman to connect or to accept by itself.
//
// On each connection both nodes have one typed actor (PeerActor). Its mailbox is emptied on the middleman's own thread, so a
// packet reaches its handler without another hop. There is one such thread for all peers: handlers are short.
//
// Connections are apart from each other, also those of one pair of nodes: a new one comes up whatever has become of the last
// (wire_broker.h). What comes in is looked at before CAF reads it, and ends the connection if it is not what a node sends
// (wire_gate.h).

#include <cstdint>
#include <functional>
#include <memory>
#include <vector>

#include "storage/base/result.h"

namespace engram {

/// One PeerPacket (schema/peer.capnp) in stream framing. CAF copies exactly this type in bulk.
using PacketBytes = std::vector<char>;

struct PeerWireHandlers {
  // All on the middleman's thread, in the order in which things happen on a connection: up, packets, down; each connection
  // that was adopted goes down once. They do not throw, and may use the wire.
  std::function<void(std::uint64_t connection)> up;
  std::function<void(std::uint64_t connection, PacketBytes packet)> packet;
  /// The connection is over: it was closed or lost, its peer was silent for too long, or it never came up.
  std::function<void(std::uint64_t connection, const Status& why)> down;
};

struct PeerWireOptions {
  std::int64_t heartbeat_ms = 500;
  std::int64_t silence_ms = 4'000;  // a peer from which nothing came for so long is lost
  std::int64_t setup_ms = 3'000;    // a connection that is not up by then is over
  std::size_t max_packet_bytes = 80 << 10;
  std::int64_t busy_poll_us = 0;  // how long its thread looks for more work before it sleeps, if the last came no longer ago
};

class PeerWire {
 public:
  static std::unique_ptr<PeerWire> start(const PeerWireOptions& options, PeerWireHandlers handlers);
  /// Ends all connections, which go down before it returns, and threads. No handler is called after it. Not by a handler.
  virtual ~PeerWire() = default;

  /// Takes over an authenticated socket, TCP or Unix. `connection` is the same number at both ends. If a connection of this
  /// number is not down yet, the socket is closed and nothing is said. The end that called says so: one of the two has to be
  /// first. Any thread.
  virtual void adopt(int fd, std::uint64_t connection, bool called) = 0;
  /// Sends a packet; in order with others from the same thread. To a connection that is not up, or over: nothing. One over
  /// the limit ends the connection. Any thread. Nothing here bounds what waits to be sent: PeerLink does.
  virtual void send(std::uint64_t connection, PacketBytes packet) = 0;
  /// Ends a connection, whatever waits to be sent; `down` follows. Any thread.
  virtual void close(std::uint64_t connection) = 0;
};

}  // namespace engram
