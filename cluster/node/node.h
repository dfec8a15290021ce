#pragma once
// One node, composed: everything is made here in the order in which it is needed, and ended in reverse.

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "actors/runtime/inline_unit.h"
#include "cluster/config/load.h"
#include "cluster/gateway/gateway.h"
#include "cluster/node/cluster_view.h"
#include "cluster/node/engine.h"
#include "cluster/node/membership.h"
#include "cluster/operations/operations_server.h"
#include "cluster/operations/status_document.h"
#include "storage/files/posix_files.h"

namespace engram {

/// `loaded` and `clock` must outlive it. Logging has to be started before.
class Node {
 public:
  Node(const LoadedConfig& loaded, const Clock& clock)
      : loaded_(loaded), config_(loaded.config), clock_(clock), metrics_(clock) {}

  ~Node() { operations_.reset(); }  // before the engine that it shows

  /// Recovers, binds, serves; `before_clients` is called when all is recovered and nobody can connect yet. After an error the
  /// node can only be destroyed.
  Status start(const std::function<void()>& before_clients = {});
  /// Reads tokens and certificates again, changed or not.
  void reload();
  /// Looks whether tokens or certificates were replaced; to be called every few seconds.
  void reload_if_changed();
  /// Answers what is in flight, flushes, seals the log. Errors: deadline_exceeded (not everything was flushed in time: the
  /// next start replays it), those of CommandLog::close. A disk that hangs may keep it for longer than `timeout_ms`.
  Status stop(std::int64_t timeout_ms);
  Status stop() { return stop(config_.shutdown.timeout_ms); }

  /// Host and port for clients, with the port that was bound; empty if TCP is off.
  [[nodiscard]] const std::string& address() const { return gateway_->address(); }
  /// The same for HTTP; empty if that port is off.
  [[nodiscard]] std::string operations_address() const {
    return operations_ == nullptr ? std::string() : operations_->endpoint().text();
  }
  /// What is in flight, for those who watch from outside.
  [[nodiscard]] const GatewayServices& gateway_services() const { return services_; }

 private:
  Status open_security();
  Status open_operations();
  Status open_engine();
  void show_partitions();
  [[nodiscard]] NodeStatus own_status() const;
  [[noreturn]] void fail(const Status& status);
  void leave_room_for_files();

  const LoadedConfig& loaded_;
  Config config_;
  const Clock& clock_;
  SystemRandom random_;
  PosixFiles files_;
  Metrics metrics_;
  Readiness readiness_;
  std::vector<MetricRegistration> registrations_;
  StatusDocument status_;
  AttemptLimiter limiter_{clock_};
  std::unique_ptr<Membership> membership_;
  std::unique_ptr<ClusterView> view_;
  std::unique_ptr<TokenStore> tokens_;
  std::unique_ptr<TlsFiles> tls_;
  std::unique_ptr<OperationsServer> operations_;
  std::unique_ptr<InlineUnit> peer_unit_;  // of the thread on which mail of other nodes comes
  std::unique_ptr<Engine> engine_;
  bool operations_opened_ = false;
  // For the operations port, which is there before they are.
  std::atomic<const Membership*> live_membership_{nullptr};
  std::atomic<Engine*> live_engine_{nullptr};
  GatewayServices services_;
  std::unique_ptr<Gateway> gateway_;
  std::int64_t last_progress_ns_ = 0;
};

}  // namespace engram
