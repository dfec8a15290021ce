#pragma once
// Takes what connects to the port of the nodes, and shakes hands with a bounded number at a time.

#include <kj/async-io.h>
#include <kj/io.h>

#include "cluster/peers/network_handshake.h"

namespace engram {

/// For the network's thread.
class NetworkListener final : private kj::TaskSet::ErrorHandler {
 public:
  NetworkListener(kj::AutoCloseFd socket, const PeerNetworkOptions& options, const Clock& clock, kj::AsyncIoContext& io,
                  Handshakes& handshakes);

  /// Never resolves.
  kj::Promise<void> run();

 private:
  void take(kj::Own<kj::AsyncIoStream> stream);
  void complain(const std::string& from, const std::string& why);
  void taskFailed(kj::Exception&& exception) override;

  const PeerNetworkOptions& options_;
  const Clock& clock_;
  kj::Timer& timer_;
  Handshakes& handshakes_;
  kj::Own<kj::ConnectionReceiver> receiver_;
  unsigned running_ = 0;  // handshakes
  SparseLog log_{10'000};
  bool accept_fails_ = false;  // and it has been said
  kj::TaskSet tasks_;
};

}  // namespace engram
