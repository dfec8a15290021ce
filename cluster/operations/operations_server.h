#pragma once
// The operations port: plain HTTP for probes, Prometheus and people, on threads of its own, so that it answers while
// the engine is busy, replays, or hangs.
//
//   GET /livez     200, or 503 when only a restart helps
//   GET /startupz  503 until the node was ready for the first time
//   GET /readyz    200 while clients are served, else 503 with the reason in one line
//   GET /metrics   Prometheus text
//   GET /status    JSON

#include <functional>
#include <memory>
#include <string>

#include "cluster/config/endpoint.h"
#include "cluster/operations/readiness.h"
#include "storage/base/result.h"

namespace engram {

struct OperationsOptions {
  Endpoint endpoint;  // port 0: the system chooses
  std::size_t threads = 8;
};

class OperationsServer {
 public:
  struct Sources {
    std::function<std::string()> metrics;
    std::function<std::string()> status;
  };

  /// Binds and serves. Error unavailable: the port is in use or the address is not of this machine; the message says
  /// so. `readiness` must outlive the server.
  static Result<std::unique_ptr<OperationsServer>> start(const OperationsOptions& options, const Readiness& readiness,
                                                         Sources sources);
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
