#include "cluster/peers/network.h"

#include <future>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "cluster/config/endpoint.h"
#include "cluster/gateway/kj_log.h"
#include "cluster/gateway/listen_socket.h"
#include "cluster/gateway/loop_inbox.h"
#include "cluster/logging/logging.h"
#include "cluster/peers/network_caller.h"
#include "cluster/peers/network_listener.h"

namespace engram {
namespace {

class NetworkThread final : public PeerNetwork {
 public:
  NetworkThread(PeerNetworkOptions options, const Clock& clock, Random& random, Endpoint listens, kj::AutoCloseFd socket)
      : options_(std::move(options)),
        clock_(clock),
        random_(random),
        listens_(std::move(listens)),
        socket_(kj::mv(socket)) {}

  /// Errors: unavailable (the system has no event loop to give: file descriptors).
  Status begin() {
    std::promise<Status> begun;
    auto answer = begun.get_future();
    thread_ = std::thread([this, begun = std::move(begun)]() mutable { run(begun); });
    return answer.get();
  }

  ~NetworkThread() noexcept override {
    if (!thread_.joinable()) return;
    inbox_.push([this] { stop_->fulfill(); });
    thread_.join();
  }

  void call(std::uint32_t ordinal) override {
    inbox_.push([this, ordinal] { caller_of(ordinal).start(); });
  }
  void stop_calling(std::uint32_t ordinal) override {
    inbox_.push([this, ordinal] { caller_of(ordinal).stop(); });
  }
  [[nodiscard]] std::string address() const override { return listens_.text(); }
  [[nodiscard]] Status last_failure(std::uint32_t ordinal) const override {
    std::lock_guard lock(mutex_);
    auto found = failures_.find(ordinal);
    return found == failures_.end() ? Status() : found->second;
  }

 private:
  /// What exists while the thread runs; members are destroyed in reverse order.
  struct Loop {
    explicit Loop(NetworkThread& thread)
        : io(kj::setupAsyncIo()),
          handshakes(thread.options_, thread.random_, io),
          listener(kj::mv(thread.socket_), thread.options_, thread.clock_, io, handshakes) {}

    kj::AsyncIoContext io;
    Handshakes handshakes;
    NetworkListener listener;
    std::map<std::uint32_t, kj::Own<NetworkCaller>> callers;
  };

  void run(std::promise<Status>& begun) {
    KjLog messages;
    bool running = false;
    auto thrown = kj::runCatchingExceptions([&] {
      Loop loop(*this);
      auto stop = kj::newPromiseAndFulfiller<void>();
      loop_ = &loop;
      stop_ = stop.fulfiller.get();
      auto inbox = inbox_.serve(loop.io.unixEventPort);
      begun.set_value({});
      running = true;
      stop.promise.exclusiveJoin(loop.listener.run()).exclusiveJoin(kj::mv(inbox)).wait(loop.io.waitScope);
    });
    KJ_IF_MAYBE(failure, thrown) {
      std::string why = failure->getDescription().cStr();
      if (!running)
        return begun.set_value({Code::unavailable, "No event loop for connections to other nodes: " + why + "."});
      log_event(LogLevel::error, "peer network ended", {{"error", why}});
    }
  }

  NetworkCaller& caller_of(std::uint32_t ordinal) {
    auto& caller = loop_->callers[ordinal];
    if (caller.get() == nullptr)
      caller = kj::heap<NetworkCaller>(ordinal, options_, clock_, random_, loop_->io, loop_->handshakes,
                                       [this, ordinal](Status status) {
                                         std::lock_guard lock(mutex_);
                                         failures_[ordinal] = std::move(status);
                                       });
    return *caller;
  }

  const PeerNetworkOptions options_;
  const Clock& clock_;
  Random& random_;
  const Endpoint listens_;
  kj::AutoCloseFd socket_;  // until the thread takes it
  LoopInbox inbox_;
  Loop* loop_ = nullptr;                        // the thread's
  kj::PromiseFulfiller<void>* stop_ = nullptr;  // the thread's
  mutable std::mutex mutex_;
  std::map<std::uint32_t, Status> failures_;
  std::thread thread_;
};

}  // namespace

Result<std::unique_ptr<PeerNetwork>> PeerNetwork::start(PeerNetworkOptions options, const Clock& clock, Random& random) {
  auto endpoint = parse_endpoint(options.listen);
  if (!endpoint.ok()) return Status(Code::invalid_argument, endpoint.status().message(), "cluster.address");
  if (options.tls != nullptr && options.tls->current()->client_ca_pem.empty())
    return Status(Code::invalid_argument,
                  "TLS between nodes needs the authority that signs their certificates; set cluster.ca.", "cluster.ca");
  auto socket = listen_tcp(*endpoint, false);
  if (!socket.ok()) return Status(socket.status().code(), socket.status().message(), "cluster.address");
  auto network = std::make_unique<NetworkThread>(std::move(options), clock, random, std::move(*endpoint), kj::mv(*socket));
  if (Status begun = network->begin(); !begun.ok()) return begun;
  return std::unique_ptr<PeerNetwork>(std::move(network));
}

}  // namespace engram
