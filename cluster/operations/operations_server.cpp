#include "cluster/operations/operations_server.h"

#include <httplib.h>

#include <cerrno>
#include <condition_variable>
#include <deque>
#include <mutex>
#include <thread>
#include <vector>

#include "storage/base/error_text.h"

namespace engram {
namespace {

constexpr std::size_t max_waiting_connections = 64;
constexpr std::size_t max_request_body_bytes = 4096;
constexpr int max_start_ms = 5000;
constexpr std::time_t first_byte_timeout_seconds = 1;  // a connection that says nothing holds a thread for so long
constexpr std::time_t socket_timeout_seconds = 2;

/// A few threads and a bounded queue. When it is full the accepting thread waits, and the kernel's backlog is the
/// limit: a flood of connections costs no memory.
class BoundedPool final : public httplib::TaskQueue {
 public:
  explicit BoundedPool(std::size_t threads) {
    for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
  }

  void enqueue(std::function<void()> task) override {
    std::unique_lock lock(mutex_);
    room_.wait(lock, [this] { return tasks_.size() < max_waiting_connections; });
    tasks_.push_back(std::move(task));
    waiting_.notify_one();
  }

  void shutdown() override {
    {
      std::lock_guard guard(mutex_);
      ending_ = true;
    }
    waiting_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

 private:
  void work() {
    while (true) {
      std::unique_lock lock(mutex_);
      waiting_.wait(lock, [this] { return ending_ || !tasks_.empty(); });
      if (tasks_.empty()) return;
      std::function<void()> task = std::move(tasks_.front());
      tasks_.pop_front();
      room_.notify_one();
      lock.unlock();
      task();
    }
  }

  std::mutex mutex_;
  std::condition_variable waiting_, room_;
  std::deque<std::function<void()>> tasks_;
  bool ending_ = false;
  std::vector<std::thread> threads_;
};

void answer_probe(const Readiness::Probe& probe, httplib::Response& response) {
  response.status = probe.ok ? 200 : 503;
  response.set_content(probe.reason + "\n", "text/plain; charset=utf-8");
}

void configure(httplib::Server& server, std::size_t threads) {
  server.new_task_queue = [threads] { return new BoundedPool(threads); };
  // One request a connection: an idle keep-alive connection would hold a thread, and a probe must never wait for one.
  server.set_keep_alive_max_count(1);
  server.set_keep_alive_timeout(first_byte_timeout_seconds);
  server.set_read_timeout(socket_timeout_seconds);
  server.set_write_timeout(socket_timeout_seconds);
  server.set_payload_max_length(max_request_body_bytes);
  server.set_default_headers({{"Cache-Control", "no-store"}, {"X-Content-Type-Options", "nosniff"}});
  // The library's default is SO_REUSEPORT: a second engine on the same port would get half of the probes, silently.
  server.set_socket_options([](socket_t socket) {
    int on = 1;
    ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
  });
  server.set_exception_handler([](const httplib::Request&, httplib::Response& response, std::exception_ptr) {
    response.status = 500;
    response.set_content("internal error\n", "text/plain; charset=utf-8");
  });
  server.set_error_handler([](const httplib::Request&, httplib::Response& response) {
    if (response.body.empty() && response.status == 404)
      response.set_content("not found; there are /livez /startupz /readyz /metrics /status\n",
                           "text/plain; charset=utf-8");
  });
}

Status cannot_bind(const Endpoint& endpoint, int error) {
  std::string message = "the operations port cannot listen on " + endpoint.text() + ": ";
  if (error == EADDRINUSE)
    message += "the port is in use, perhaps by another engram: stop that one, or set operations.address";
  else if (error == EADDRNOTAVAIL)
    message += "this machine does not have that address: set operations.address to one that it has";
  else
    message += (error == 0 ? "the host name is unknown" : error_text(error)) + "; set operations.address";
  return {Code::unavailable, std::move(message), "operations.address"};
}

}  // namespace

struct OperationsServer::Impl {
  httplib::Server server;
  std::thread thread;
};

OperationsServer::OperationsServer(std::unique_ptr<Impl> impl, Endpoint endpoint)
    : impl_(std::move(impl)), endpoint_(std::move(endpoint)) {}

Result<std::unique_ptr<OperationsServer>> OperationsServer::start(const OperationsOptions& options,
                                                                  const Readiness& readiness, Sources sources) {
  auto impl = std::make_unique<Impl>();
  httplib::Server& server = impl->server;
  configure(server, options.threads);
  using Request = httplib::Request;
  using Response = httplib::Response;
  server.Get("/livez", [&readiness](const Request&, Response& response) { answer_probe(readiness.live(), response); });
  server.Get("/startupz",
             [&readiness](const Request&, Response& response) { answer_probe(readiness.startup(), response); });
  server.Get("/readyz",
             [&readiness](const Request&, Response& response) { answer_probe(readiness.readiness(), response); });
  server.Get("/metrics", [metrics = std::move(sources.metrics)](const Request&, Response& response) {
    response.set_content(metrics(), "text/plain; version=0.0.4; charset=utf-8");
  });
  server.Get("/status", [status = std::move(sources.status)](const Request&, Response& response) {
    response.set_content(status(), "application/json");
  });

  Endpoint bound = options.endpoint;
  errno = 0;
  int port = bound.port == 0 ? server.bind_to_any_port(bound.host)
                             : (server.bind_to_port(bound.host, bound.port) ? bound.port : -1);
  if (port <= 0) return cannot_bind(bound, errno);
  bound.port = static_cast<std::uint16_t>(port);
  impl->thread = std::thread([&server] { server.listen_after_bind(); });
  // `stop` before the loop has begun would be lost. It begins at once, since the socket is bound already.
  for (int waited_ms = 0; !server.is_running() && waited_ms < max_start_ms; ++waited_ms)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  return std::unique_ptr<OperationsServer>(new OperationsServer(std::move(impl), std::move(bound)));
}

OperationsServer::~OperationsServer() {
  impl_->server.stop();
  impl_->thread.join();
}

}  // namespace engram
