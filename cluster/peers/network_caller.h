#pragma once
// Calls one peer, again and again, until there is a connection.

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include <kj/async-io.h>

#include "cluster/peers/network_handshake.h"

namespace engram {

/// For the network's thread.
class NetworkCaller {
 public:
  /// `ended` is told of the end of every call: ok, or why there is no connection, with the peer's address.
  NetworkCaller(std::uint32_t ordinal, const PeerNetworkOptions& options, const Clock& clock, Random& random,
                kj::AsyncIoContext& io, Handshakes& handshakes, std::function<void(Status)> ended);

  /// Nothing if it is calling already. The pause behind the call before is kept, even if it was stopped in between.
  void start();
  void stop();

 private:
  kj::Promise<void> call_until_connected();
  kj::Promise<HandshakeEnd> call_once();
  kj::Promise<kj::Own<kj::AsyncIoStream>> connect(const std::string& address);
  kj::Promise<std::shared_ptr<kj::NetworkAddress>> resolve(const std::string& address);
  /// Sets the pause before the next call, and tells.
  void note(const HandshakeEnd& end);
  std::int64_t with_jitter(std::int64_t pause_ms);

  const std::uint32_t ordinal_;
  const PeerNetworkOptions& options_;
  const Clock& clock_;
  Random& random_;
  kj::Network& network_;
  kj::Timer& timer_;
  Handshakes& handshakes_;
  const std::function<void(Status)> ended_;

  std::int64_t pause_ms_;  // before the next call but one
  kj::TimePoint next_call_;
  static constexpr std::int64_t complaint_pause_ms = 60'000;
  SparseLog log_{complaint_pause_ms};
  bool complained_ = false;  // since it was reached the last time
  // A lookup that takes longer than a call goes on in its thread: the next call waits for the same one, so that a name
  // server that does not answer costs one thread a peer.
  kj::Maybe<kj::ForkedPromise<std::shared_ptr<kj::NetworkAddress>>> lookup_;
  kj::Promise<void> lookup_watch_ = kj::READY_NOW;
  bool looking_up_ = false;

  bool calling_ = false;
  kj::Promise<void> calls_ = kj::READY_NOW;
};

}  // namespace engram
