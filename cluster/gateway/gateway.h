#pragma once
// The front of a node: Cap'n Proto RPC on TCP and on a Unix socket, on a few event-loop threads. What is in flight is
// counted and bounded; what is too much is answered with a typed error before anything is logged.

#include <atomic>
#include <memory>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "actors/partition/command_check.h"
#include "actors/query/read_memory.h"
#include "cluster/config/config.h"
#include "cluster/config/endpoint.h"
#include "cluster/gateway/listen_socket.h"
#include "cluster/map/cluster_member.h"
#include "cluster/node/engine.h"
#include "cluster/operations/metrics.h"
#include "cluster/security/attempt_limiter.h"
#include "cluster/security/tls_files.h"
#include "cluster/security/token_store.h"

namespace engram {

/// What all loops and connections share.
struct GatewayServices {
  const Config* config = nullptr;
  Engine* engine = nullptr;
  Metrics* metrics = nullptr;
  const Clock* clock = nullptr;
  TokenStore* tokens = nullptr;  // null: open mode
  TlsFiles* tls = nullptr;       // null: plain
  AttemptLimiter* limiter = nullptr;
  std::uint32_t node = 0;
  Id128 cluster_id;
  std::function<std::string()> status;
  std::function<std::vector<ClusterMember>()> members;  // the nodes, this one included, by ordinal
  std::function<Result<std::uint32_t>()> finalize;
  std::function<Status(std::uint32_t ordinal)> forget_volume;
  std::atomic<std::size_t> calls_in_flight{0};
  std::atomic<std::size_t> connections{0};
  ReadMemory read_memory;
  std::atomic<bool> draining{false};
  std::atomic<std::uint64_t> last_request{0};  // begins at random, so that two processes have different ones

  [[nodiscard]] CommandLimits command_limits() const;
};

class Gateway {
 public:
  /// Binds and serves. Errors: unavailable (port or socket in use, address not of this machine), invalid_argument (a socket
  /// path that is too long or is no socket).
  static Result<std::unique_ptr<Gateway>> start(GatewayServices& services);
  /// Closes all connections and ends the threads.
  ~Gateway();

  /// No new connections and calls; scans end, and go on elsewhere by their cursor; all else in flight is answered. Returns
  /// when nothing is in flight, or after `timeout_ms`.
  void drain(std::int64_t timeout_ms);
  /// With the port that was bound; empty if TCP is off.
  [[nodiscard]] const std::string& address() const { return address_; }

 private:
  struct LoopThread;
  explicit Gateway(GatewayServices& services);

  GatewayServices& services_;
  std::string address_;
  std::optional<SocketFile> unix_file_;  // the one that this gateway bound
  std::vector<std::unique_ptr<LoopThread>> loops_;
};

}  // namespace engram
