#include "cluster/gateway/gateway.h"

#include <condition_variable>
#include <utility>

#include "cluster/gateway/connection.h"
#include "cluster/gateway/kj_log.h"
#include "cluster/gateway/tls_acceptor.h"
#include "cluster/logging/logging.h"

namespace engram {

CommandLimits GatewayServices::command_limits() const {
  CommandLimits limits;
  limits.max_bytes = config->limits.max_command_bytes;
  limits.max_operations = config->limits.max_operations;
  return limits;
}

namespace {

/// Accepts on one socket and serves what comes, until the loop ends.
class Acceptor final : public kj::TaskSet::ErrorHandler {
 public:
  Acceptor(GatewayServices& services, GatewayLoop& loop, kj::AutoCloseFd fd, bool encrypted)
      : services_(services),
        loop_(loop),
        receiver_(loop.io().lowLevelProvider->wrapListenSocketFd(
            kj::mv(fd), kj::LowLevelAsyncIoProvider::ALREADY_NONBLOCK | kj::LowLevelAsyncIoProvider::ALREADY_CLOEXEC)),
        connections_(*this) {
    if (encrypted && services.tls != nullptr) tls_.emplace(*services.tls);
  }

  kj::Promise<void> run() {
    if (services_.draining) return kj::READY_NOW;
    // accept() can throw on the spot. Out of file descriptors is no reason to stop listening: wait and go on.
    return kj::evalNow([this] { return receiver_->accept(); })
        .then([this](kj::Own<kj::AsyncIoStream> stream) -> kj::Promise<void> {
                accept_fails_ = false;
                // What goes wrong with one connection must not end the loop that serves the others.
                auto thrown = kj::runCatchingExceptions([&] { take(kj::mv(stream)); });
                KJ_IF_MAYBE(failure, thrown) { taskFailed(kj::mv(*failure)); }
                return kj::READY_NOW;
              },
              [this](kj::Exception&& exception) -> kj::Promise<void> {
                if (!std::exchange(accept_fails_, true))
                  log_event(LogLevel::error, "cannot accept connections", {{"error", exception.getDescription().cStr()}});
                return loop_.timer().afterDelay(100 * kj::MILLISECONDS);
              })
        .then([this] { return run(); });
  }

  void taskFailed(kj::Exception&& exception) override {
    if (exception.getType() == kj::Exception::Type::DISCONNECTED) return;
    log_event(LogLevel::warn, "connection dropped", {{"error", exception.getDescription().cStr()}});
  }

 private:
  void take(kj::Own<kj::AsyncIoStream> stream) {
    int fd = -1;
    KJ_IF_MAYBE(known, stream->getFd()) { fd = *known; }
    std::string peer = peer_of(fd);
    auto place = kj::defer([this] { services_.connections.fetch_sub(1); });  // given back however the connection ends
    if (services_.connections.fetch_add(1) >= services_.config->listen.max_connections) {
      services_.metrics->connections.refused.add();
      log_event(LogLevel::warn, "connection refused: too many", {{"peer", peer}});
      return;
    }
    services_.metrics->connections.accepted.add();
    connections_.add(serve(kj::mv(stream), std::move(peer)).attach(kj::mv(place)));
  }

  kj::Promise<void> serve(kj::Own<kj::AsyncIoStream> stream, std::string peer) {
    if (!tls_) return serve_connection(services_, loop_, kj::mv(stream), std::move(peer));
    return tls_->accept(kj::mv(stream), loop_.timer(), services_.config->listen.handshake_timeout_ms)
        .then([this, peer = std::move(peer)](kj::Own<kj::AsyncIoStream> secure) mutable {
          return serve_connection(services_, loop_, kj::mv(secure), std::move(peer));
        });
  }

  GatewayServices& services_;
  GatewayLoop& loop_;
  kj::Own<kj::ConnectionReceiver> receiver_;
  std::optional<TlsAcceptor> tls_;
  kj::TaskSet connections_;
  bool accept_fails_ = false;  // and it has been said
};

}  // namespace

struct Gateway::LoopThread {
  std::vector<kj::AutoCloseFd> tcp;
  std::vector<kj::AutoCloseFd> unix_sockets;
  std::function<void()> begin_to_stop, stop;  // any thread
  std::mutex mutex;
  std::condition_variable started;
  bool running = false;
  std::thread thread;

  void run(GatewayServices& services) {
    KjLog messages;
    auto io = kj::setupAsyncIo();
    GatewayLoop loop(*services.engine, *services.clock, io,
                     static_cast<std::int64_t>(services.config->listen.busy_poll_us) * 1000);
    auto paf = kj::newPromiseAndFulfiller<void>();
    auto inbox = loop.inbox()->serve(io.unixEventPort);
    std::vector<kj::Own<Acceptor>> acceptors;
    for (auto& fd : tcp) acceptors.push_back(kj::heap<Acceptor>(services, loop, kj::mv(fd), true));
    for (auto& fd : unix_sockets) acceptors.push_back(kj::heap<Acceptor>(services, loop, kj::mv(fd), false));
    auto accepting = kj::Promise<void>(kj::NEVER_DONE);
    for (auto& acceptor : acceptors) accepting = accepting.exclusiveJoin(acceptor->run().then([]() -> kj::Promise<void> {
                                                   return kj::NEVER_DONE;
                                                 }));
    {
      std::lock_guard lock(mutex);
      begin_to_stop = [inbox = loop.inbox(), &loop] { inbox->push([&loop] { loop.begin_to_stop(); }); };
      stop = [inbox = loop.inbox(), &end = *paf.fulfiller] { inbox->push([&end] { end.fulfill(); }); };
      running = true;
    }
    started.notify_all();
    paf.promise.exclusiveJoin(kj::mv(accepting)).exclusiveJoin(kj::mv(inbox)).wait(io.waitScope);
  }
};

Gateway::Gateway(GatewayServices& services) : services_(services) {}

Result<std::unique_ptr<Gateway>> Gateway::start(GatewayServices& services) {
  std::unique_ptr<Gateway> gateway(new Gateway(services));
  const auto& listen = services.config->listen;
  std::size_t loops = std::max<std::size_t>(listen.loops, 1);
  for (std::size_t i = 0; i < loops; ++i) gateway->loops_.push_back(std::make_unique<LoopThread>());
  if (!is_off(listen.address)) {
    auto endpoint = parse_endpoint(listen.address);
    if (!endpoint.ok()) return endpoint.status();
    if (endpoint->port != 0) {
      // SO_REUSEPORT would let a second engine of the same user in beside a first one: find out without it.
      Endpoint probe = *endpoint;
      if (auto alone = listen_tcp(probe, false); !alone.ok()) return alone.status();
    }
    for (auto& loop : gateway->loops_) {
      auto fd = listen_tcp(*endpoint, true);
      if (!fd.ok()) return fd.status();
      loop->tcp.push_back(kj::mv(*fd));
    }
    gateway->address_ = endpoint->text();
  }
  if (!is_off(listen.unix)) {
    auto socket = listen_unix(listen.unix);
    if (!socket.ok()) return socket.status();
    gateway->unix_file_ = socket->file;
    gateway->loops_.front()->unix_sockets.push_back(kj::mv(socket->fd));
  }
  for (auto& loop : gateway->loops_) {
    LoopThread* thread = loop.get();
    thread->thread = std::thread([thread, &services] { thread->run(services); });
    std::unique_lock lock(thread->mutex);
    thread->started.wait(lock, [thread] { return thread->running; });
  }
  return gateway;
}

void Gateway::drain(std::int64_t timeout_ms) {
  services_.draining = true;
  for (auto& loop : loops_) {
    std::lock_guard lock(loop->mutex);
    loop->begin_to_stop();
  }
  auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  while (services_.calls_in_flight > 0 && std::chrono::steady_clock::now() < deadline)
    std::this_thread::sleep_for(std::chrono::milliseconds(5));
}

Gateway::~Gateway() {
  for (auto& loop : loops_) {
    if (!loop->thread.joinable()) continue;
    {
      std::lock_guard lock(loop->mutex);
      if (loop->stop) loop->stop();
    }
    loop->thread.join();
  }
  if (unix_file_) remove_unix(services_.config->listen.unix, *unix_file_);
}

}  // namespace engram
