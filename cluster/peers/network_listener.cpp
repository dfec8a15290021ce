#include "cluster/peers/network_listener.h"

#include <utility>

#include "cluster/gateway/listen_socket.h"
#include "cluster/logging/logging.h"

namespace engram {

NetworkListener::NetworkListener(kj::AutoCloseFd socket, const PeerNetworkOptions& options, const Clock& clock,
                                 kj::AsyncIoContext& io, Handshakes& handshakes)
    : options_(options),
      clock_(clock),
      timer_(io.provider->getTimer()),
      handshakes_(handshakes),
      receiver_(io.lowLevelProvider->wrapListenSocketFd(
          kj::mv(socket), kj::LowLevelAsyncIoProvider::ALREADY_NONBLOCK | kj::LowLevelAsyncIoProvider::ALREADY_CLOEXEC)),
      tasks_(*this) {}

kj::Promise<void> NetworkListener::run() {
  // accept() can throw on the spot. Out of file descriptors is no reason to stop listening: wait and go on.
  return kj::evalNow([this] { return receiver_->accept(); })
      .then([this](kj::Own<kj::AsyncIoStream> stream) -> kj::Promise<void> {
              accept_fails_ = false;
              auto thrown = kj::runCatchingExceptions([&] { take(kj::mv(stream)); });
              KJ_IF_MAYBE(failure, thrown) { taskFailed(kj::mv(*failure)); }
              return kj::READY_NOW;
            },
            [this](kj::Exception&& exception) -> kj::Promise<void> {
              if (!std::exchange(accept_fails_, true))
                log_event(LogLevel::error, "cannot accept peers", {{"error", exception.getDescription().cStr()}});
              return timer_.afterDelay(100 * kj::MILLISECONDS);
            })
      .then([this] { return run(); });
}

void NetworkListener::take(kj::Own<kj::AsyncIoStream> stream) {
  int fd = -1;
  KJ_IF_MAYBE(known, stream->getFd()) { fd = *known; }
  std::string from = peer_of(fd);
  if (running_ >= options_.max_handshakes) return complain(from, "too many are connecting at once");
  ++running_;
  auto place = kj::defer([this] { --running_; });
  tasks_.add(handshakes_.answer(kj::mv(stream))
                 .then([this, from = std::move(from)](HandshakeEnd end) {
                   if (!end.connected) complain(from, end.why.message());
                 })
                 .attach(kj::mv(place)));
}

void NetworkListener::complain(const std::string& from, const std::string& why) {
  if (!log_.is_due(clock_.monotonic_ns())) return;
  log_event(LogLevel::warn, "no peer let in", {{"from", from}, {"reason", why}, {"others_unlogged", log_.take_left_out()}});
}

void NetworkListener::taskFailed(kj::Exception&& exception) { complain("a connection", exception.getDescription().cStr()); }

}  // namespace engram
