#pragma once
// Makes connections between nodes, up to the point at which both sides know who the other is and agree to talk.
//
// A thread with an event loop of its own listens for peers and calls those that it is told to (the node with the higher
// ordinal calls the one with the lower, so that there is one connection a pair). Names are resolved anew for every call. On
// a connection comes TLS, if there is any, with certificates on both sides and a check of the name; then PeerHello and
// PeerVerdict, each way (schema/peer.capnp). Whoever has come so far is handed over as a socket; nobody else takes memory or
// time of anything behind this file. What can hang is bounded by time, what can grow by size, and a peer that is away is
// called again after a pause that doubles, with jitter.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "cluster/peers/introduction.h"
#include "cluster/security/tls_files.h"
#include "storage/base/clock.h"
#include "storage/base/random.h"
#include "storage/base/result.h"

namespace engram {

/// A connection whose ends know each other. `fd` is a stream socket of the owner: TCP itself, or, with TLS, one end of a
/// pair of Unix sockets whose other end the network thread encrypts. Non-blocking, close-on-exec. When either node closes
/// its socket, or shuts down one direction, the other one reads what was sent before and then the end.
struct PeerSocket {
  int fd = -1;
  std::uint64_t connection = 0;  // the same number at both ends
  bool called = false;           // by this node
  Introduction peer;
};

struct PeerNetworkOptions {
  std::uint32_t ordinal = 0;
  std::string listen;                  // host:port; port 0 takes a free one
  std::vector<std::string> addresses;  // host:port by ordinal
  TlsFiles* tls = nullptr;             // null: plain TCP. `client_ca` signs the peers' certificates, in both directions
  // With TLS: the name that a node's certificate is for; "{}" in it stands for the ordinal. Of a node that is called it has
  // to be among the DNS names, or the common name if there are none; of one that calls, the common name.
  std::string certificate_name;

  /// What this node says of itself; asked for with every connection.
  std::function<Introduction()> introduce;
  /// Whether a peer may connect; called on the network's thread, after what the network checks itself (certificate,
  /// protocol, cluster if both have one, that it is who was called, the numbers of nodes and partitions). Ok is no promise
  /// that it will be `connected`. The message of an error is told to the peer, and is for its operator.
  std::function<Status(const Introduction& peer)> judge;
  /// A connection is there; called on the network's thread. The receiver owns the socket.
  std::function<void(PeerSocket socket)> connected;
  /// A peer that was called, or that called, refused us or was refused; called on the network's thread. `by_peer`: it
  /// refused us, and `status` has its code and message. Who calls is known by its own word until its certificate is checked;
  /// one that says no ordinal of another node of this cluster is only logged.
  std::function<void(std::uint32_t ordinal, bool by_peer, const Status& status)> refused;

  std::int64_t connect_timeout_ms = 1'000;
  std::int64_t handshake_timeout_ms = 3'000;   // TLS, hello and verdict together
  std::int64_t shortest_pause_ms = 50;
  // What needs the peer waits for so long behind its return: calls that find nobody cost next to nothing.
  std::int64_t longest_pause_ms = 500;
  unsigned max_handshakes = 64;                // at a time; more connections are closed at once
};

class PeerNetwork {
 public:
  /// `random` is for the network's thread alone, unless it is thread-safe. A peer whose address is none is one that is away.
  /// Errors: invalid_argument (`listen` is no address; TLS without an authority), unavailable (the port is in use, no file
  /// descriptors are left).
  static Result<std::unique_ptr<PeerNetwork>> start(PeerNetworkOptions options, const Clock& clock, Random& random);
  /// Ends the thread, and the connections that it encrypts. No callback comes after it.
  virtual ~PeerNetwork() = default;

  /// Calls a peer until a connection is handed over; nothing if it is being called already. Any thread.
  virtual void call(std::uint32_t ordinal) = 0;
  /// Stops calling it. Any thread.
  virtual void stop_calling(std::uint32_t ordinal) = 0;
  /// Where it listens: "host:port" with the real port.
  [[nodiscard]] virtual std::string address() const = 0;
  /// Why the last call of a peer did not succeed; ok if it did or there was none. Any thread.
  [[nodiscard]] virtual Status last_failure(std::uint32_t ordinal) const = 0;
};

}  // namespace engram
