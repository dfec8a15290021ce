#include "cluster/operations/operations_server.h"

#include <netdb.h>
#include <netinet/in.h>
#include <sys/eventfd.h>
#include <sys/socket.h>

#include <cerrno>
#include <thread>

#include "cluster/operations/operations_loop.h"
#include "storage/base/descriptor.h"
#include "storage/base/error_text.h"

namespace engram {
namespace {

constexpr int backlog = 128;

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

std::uint16_t port_of(int socket) {
  sockaddr_storage bound{};
  socklen_t size = sizeof bound;
  ::getsockname(socket, reinterpret_cast<sockaddr*>(&bound), &size);
  return ntohs(bound.ss_family == AF_INET ? reinterpret_cast<sockaddr_in&>(bound).sin_port
                                          : reinterpret_cast<sockaddr_in6&>(bound).sin6_port);
}

/// `endpoint.port` 0 is replaced by the port that was given. No SO_REUSEPORT: a second engine on the same port would get half
/// of the probes, silently.
Result<Descriptor> listen_on(Endpoint& endpoint) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  if (::getaddrinfo(endpoint.host.c_str(), std::to_string(endpoint.port).c_str(), &hints, &found) != 0)
    return cannot_bind(endpoint, 0);
  Descriptor socket(::socket(found->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
  int on = 1;
  ::setsockopt(socket.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  bool failed = ::bind(socket.get(), found->ai_addr, found->ai_addrlen) != 0 || ::listen(socket.get(), backlog) != 0;
  int error = errno;
  ::freeaddrinfo(found);
  if (failed) return cannot_bind(endpoint, error);
  endpoint.port = port_of(socket.get());
  return socket;
}

HttpAnswer to_answer(const Readiness::Probe& probe) { return {probe.ok ? 200 : 503, probe.reason + "\n"}; }

}  // namespace

struct OperationsServer::Impl {
  Impl(Descriptor listener, Descriptor wake, OperationsLoop::Routes routes)
      : loop(std::move(listener), std::move(wake), std::move(routes), max_connections), thread([this] { loop.run(); }) {}
  ~Impl() {
    loop.end();
    thread.join();
  }

  OperationsLoop loop;
  std::thread thread;
};

OperationsServer::OperationsServer(std::unique_ptr<Impl> impl, Endpoint endpoint)
    : impl_(std::move(impl)), endpoint_(std::move(endpoint)) {}

Result<std::unique_ptr<OperationsServer>> OperationsServer::start(Endpoint endpoint, const Readiness& readiness,
                                                                  Sources sources) {
  Result<Descriptor> listener = listen_on(endpoint);
  if (!listener.ok()) return listener.status();
  Descriptor wake(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (wake.get() < 0) return cannot_bind(endpoint, errno);
  OperationsLoop::Routes routes;
  routes.probes["/livez"] = [&readiness] { return to_answer(readiness.live()); };
  routes.probes["/startupz"] = [&readiness] { return to_answer(readiness.startup()); };
  routes.probes["/readyz"] = [&readiness] { return to_answer(readiness.readiness()); };
  routes.documents["/metrics"] = [metrics = std::move(sources.metrics)] {
    return HttpAnswer{200, metrics(), "text/plain; version=0.0.4; charset=utf-8"};
  };
  routes.documents["/status"] = [status = std::move(sources.status)] {
    return HttpAnswer{200, status(), "application/json"};
  };
  auto impl = std::make_unique<Impl>(std::move(*listener), std::move(wake), std::move(routes));
  return std::unique_ptr<OperationsServer>(new OperationsServer(std::move(impl), std::move(endpoint)));
}

OperationsServer::~OperationsServer() = default;

}  // namespace engram
