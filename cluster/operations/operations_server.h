#pragma once
// The operations port: plain HTTP for probes, Prometheus and people, on two threads of its own, so that it answers while
// the engine is busy, replays, or hangs. One of them makes /metrics and /status; probes do not wait for it.
//
//   GET /livez     200, or 503 when only a restart helps
//   GET /startupz  503 until the node was ready for the first time
//   GET /readyz    200 while clients are served, else 503 with the reason in one line
//   GET /metrics   Prometheus text
//   GET /status    JSON

#include <cstddef>
#include <functional>
#include <memory>
#include <string>

#include "cluster/config/endpoint.h"
#include "cluster/operations/readiness.h"
#include "storage/base/result.h"

namespace engram {

class OperationsServer {
 public:
  struct Sources {
    std::function<std::string()> metrics;
    std::function<std::string()> status;
  };

  /// Connections at a time. One more takes the place of one that has not asked for anything yet.
  static constexpr std::size_t max_connections = 64;

  /// Binds and serves; port 0: the system chooses. Error unavailable: the port is in use or the address is not of this
  /// machine; the message says so. `readiness` must outlive the server.
  static Result<std::unique_ptr<OperationsServer>> start(Endpoint endpoint, const Readiness& readiness, Sources sources);
  /// Stops accepting, finishes what is being answered.
  ~OperationsServer();

  /// With the port that was bound.
  [[nodiscard]] const Endpoint& endpoint() const { return endpoint_; }

 private:
  struct Impl;
  OperationsServer(std::unique_ptr<Impl> impl, Endpoint endpoint);

  std::unique_ptr<Impl> impl_;
  Endpoint endpoint_;
};

}  // namespace engram
