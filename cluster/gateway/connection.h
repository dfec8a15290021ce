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
///
/// Every question that a client has not finished yet costs memory, whether it is answered or not. Before a client has
/// authenticated it may leave few of them, and then many more than it may have calls in flight, since some libraries finish
/// when their garbage is collected.
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
  /// Trusts the client with more, as it is known now.
  void authenticated_now();

  static constexpr std::size_t max_questions_before_authentication = 256;
  static constexpr std::size_t max_questions_behind_calls = 65'536;
};

/// The bootstrap capability of a connection.
schema::Engram::Client make_bootstrap(kj::Own<ConnectionState> state);

/// Serves the stream until the client goes, misbehaves or is idle for too long.
kj::Promise<void> serve_connection(GatewayServices& services, GatewayLoop& loop, kj::Own<kj::AsyncIoStream> stream,
                                   std::string peer);

}  // namespace engram
