#pragma once
// What happens on every new connection, whoever made it: TLS, hello and verdict each way, and its handing over.

#include <cstdint>
#include <optional>

#include <kj/async-io.h>

#include "cluster/peers/network.h"
#include "cluster/peers/network_failure.h"
#include "cluster/peers/network_socket.h"
#include "cluster/peers/network_tls.h"

namespace engram {

struct HandshakeEnd {
  bool connected = false;        // and handed over
  bool refused = false;          // by one of the two; the owner has been told
  bool refused_by_peer = false;
  Status why;                    // if it is not connected
};

/// Handshakes of one node. For the network's thread; must outlive the promises that it answers.
class Handshakes {
 public:
  Handshakes(const PeerNetworkOptions& options, Random& random, kj::AsyncIoContext& io);

  /// With a node that was called. Never rejected, and done within `handshake_timeout_ms` and `parting_ms`.
  kj::Promise<HandshakeEnd> call(kj::Own<kj::AsyncIoStream> stream, std::uint32_t ordinal);
  /// With whoever connected.
  kj::Promise<HandshakeEnd> answer(kj::Own<kj::AsyncIoStream> stream);

 private:
  class Handshake;
  kj::Promise<HandshakeEnd> run(kj::Own<kj::AsyncIoStream> stream, std::optional<std::uint32_t> called);

  const PeerNetworkOptions& options_;
  Random& random_;
  kj::Timer& timer_;
  NetworkPumps pumps_;
  std::optional<NetworkTls> tls_;
};

}  // namespace engram
