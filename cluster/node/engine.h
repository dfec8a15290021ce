#pragma once
// The engine of one node without its front: log, warm stores, partitions and the actors that run them.
// Opening it recovers: each partition from its warm store, then the log behind that, the partitions side by side.

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "actors/partition/partition_actor.h"
#include "cluster/config/config.h"
#include "cluster/identity/node_identity.h"
#include "cluster/map/partition_map.h"
#include "cluster/operations/metrics.h"
#include "cluster/peers/node_status.h"
#include "storage/base/random.h"
#include "storage/files/files.h"

namespace engram {

class Engine;

struct EngineOptions {
  Config config;
  NodeIdentity identity;
  unsigned cores = 1;  // that this process may use
  std::function<void(std::uint64_t done_bytes, std::uint64_t total_bytes)> replay_progress;
  const PartitionMap* map = nullptr;  // which partitions are this node's
  MailRoute* others = nullptr;        // to partitions of other nodes; null: there is one node
  /// The partitions take mail from now on, and what is left of before the start can be settled with other nodes.
  std::function<Status(Engine&)> partitions_open;
  /// Partitions in which nothing was ever stored are to ask the other nodes for the spaces before anything else.
  bool new_partitions_ask = false;
  /// PartitionHost::all_know_deletions. Any thread.
  std::function<bool()> all_know_deletions = [] { return true; };
  /// At the end, when all is written back: no mail of other nodes may come any more.
  std::function<void()> partitions_close;
  /// Called when the engine must not go on (the log failed, stored data is damaged): has to end the process.
  std::function<void(const Status&)> fatal;
};

/// What one of a node's `partitions` partitions may hold back. All together they keep to `hot.bytes`, however many they are.
PartitionLimits partition_limits(const Config& config, std::uint32_t partitions);

class Engine {
 public:
  static Result<std::unique_ptr<Engine>> open(EngineOptions options, Files& files, const Clock& clock, Random& random,
                                              Metrics& metrics);
  ~Engine();

  /// Of the cluster.
  [[nodiscard]] std::uint32_t partitions() const { return options_.map->partitions(); }
  [[nodiscard]] const PartitionMap& map() const { return *options_.map; }
  /// Hands mail to a partition, wherever it is; on `unit`'s thread if it is here and idle and `unit` is not null.
  void send(PartitionId to, Mail mail, caf::execution_unit* unit) { deliver_mail(services_, to, std::move(mail), unit); }
  caf::actor_system& actors() { return *system_; }
  struct OwnPartition {
    PartitionId id;
    const PartitionGauges& gauges;
    WarmStore& store;
  };
  /// This node's.
  [[nodiscard]] std::vector<OwnPartition> own();
  [[nodiscard]] bool is_own(PartitionId partition) const { return options_.map->owner(partition) == options_.identity.ordinal; }
  /// Every node has one at least.
  [[nodiscard]] PartitionId first_own() const { return runtimes_.front()->id(); }
  CommandLog& log() { return *log_; }
  [[nodiscard]] std::size_t log_inbox() const { return inbox_.waiting(); }

  /// Brings the counters up to date that the parts of the engine keep for themselves; any thread.
  void refresh_metrics();
  /// Null: there is one node.
  [[nodiscard]] MailRoute* others() const { return options_.others; }
  /// As MailRoute::away says it; ok for this node's own partitions.
  [[nodiscard]] Status away(PartitionId partition) const;
  /// What to tell somebody to whom the partition has not answered in time.
  [[nodiscard]] Status no_answer(PartitionId partition) const;
  /// Adds what the engine knows of its partitions and its log; any thread.
  void tell(NodeStatus& status);

  /// Writes everything back and seals the log, so that the next start replays nothing. No new work may come any more.
  Status shut_down(std::int64_t timeout_ms);

 private:
  Engine(EngineOptions options, const Clock& clock, Metrics& metrics);
  Status open_stores(Random& random);
  Status replay(Files& files);
  Status start_actors();
  void start_services();
  void start_log();
  void settle();
  Status begin_new_partitions();
  bool flush(std::chrono::steady_clock::time_point deadline);
  void register_metrics();

  EngineOptions options_;
  const Clock& clock_;
  Metrics& metrics_;
  std::unique_ptr<CommandLog> log_;
  std::vector<Lsn> stored_;  // what the warm stores had at start, parallel to runtimes_
  LogInbox inbox_;
  LogGauges log_gauges_;
  PartitionServices services_;
  std::vector<std::unique_ptr<PartitionRuntime>> runtimes_;  // this node's partitions, in order
  std::unique_ptr<BlockingPool> loaders_;
  std::unique_ptr<BlockingPool> writers_;
  std::unique_ptr<caf::actor_system_config> system_config_;
  std::unique_ptr<caf::actor_system> system_;
  std::vector<MetricRegistration> registrations_;
  std::mutex refreshing_;
  LogStats first_log_;  // at the start, to count from
};

}  // namespace engram
