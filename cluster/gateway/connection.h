#pragma once
// One client's connection: its stream, its RPC system, and what it has in flight.

#include <kj/refcount.h>

#include <capnp/rpc-twoparty.h>

#include "cluster/gateway/gateway.h"
#include "cluster/gateway/seam.h"
#include "schema/client.capnp.h"
#include "schema/rpc/message_stream.h"

namespace engram {

/// What the capabilities of one connection share. They may outlive the connection by a moment.
class ConnectionState : public kj::Refcounted {
 public:
  ConnectionState(GatewayServices& shared, GatewayLoop& own_loop, std::string peer_address)
      : services(shared), loop(own_loop), peer(std::move(peer_address)) {}

  GatewayServices& services;
  GatewayLoop& loop;
  const std::string peer;
  std::size_t calls_in_flight = 0;
  bool authenticated = false;
  rpc::BatchedMessageStream* stream = nullptr;  // null once the connection is gone
  std::int64_t last_call_ns = 0;

  /// The overload check of every call; counts it in if it may go on.
  Status admit();
  void leave();
};

/// The bootstrap capability of a connection.
schema::Engram::Client make_bootstrap(kj::Own<ConnectionState> state);

/// Serves the stream until the client goes, misbehaves or is idle for too long.
kj::Promise<void> serve_connection(GatewayServices& services, GatewayLoop& loop, kj::Own<kj::AsyncIoStream> stream,
                                   std::string peer);

}  // namespace engram
