// What the engine's parts count, as the operations port shows it.

#include "cluster/node/engine.h"

namespace engram {
namespace {

double read(const std::atomic<std::uint64_t>& value) {
  return static_cast<double>(value.load(std::memory_order_relaxed));
}

}  // namespace

void Engine::register_metrics() {
  auto add = [this](std::string name, std::string help, std::map<std::string, std::string> labels,
                    std::function<double()> value) {
    registrations_.push_back(
        metrics_.add({std::move(name), std::move(help), MetricKind::gauge, std::move(labels), std::move(value)}));
  };
  for (auto& own : runtimes_) {
    const PartitionRuntime* runtime = own.get();
    std::map<std::string, std::string> label{{"partition", std::to_string(own->id().value)}};
    const PartitionGauges& gauges = own->partition().gauges();
    auto of = [](const std::atomic<std::uint64_t>& value) { return [&value] { return read(value); }; };
    add("partition_applied_lsn", "LSN of the last applied command.", label, of(gauges.applied_lsn));
    add("partition_pending_commands", "Commands that the partition has taken and not applied yet.",
        label, of(gauges.pending_records));
    add("partition_mailbox_depth", "Messages that wait in the partition's mailbox.", label,
        [runtime] { return static_cast<double>(runtime->mailbox_depth()); });
    add("partition_waiting_reads", "Requests that wait for the warm store or for a lock.", label, of(gauges.waiting_reads));
    add("partition_transactions", "Transactions being coordinated.", label, of(gauges.transactions));
    add("partition_sessions", "Client sessions in the session table.", label, of(gauges.sessions));
    add("partition_spaces", "Spaces known.", label, of(gauges.spaces));
    add("partition_names", "Names of labels, types and properties; at 1,048,576 new ones are refused.", label, of(gauges.names));
    add("partition_hot_bytes", "Memory of the hot tier.", label, of(gauges.hot_bytes));
    add("partition_hot_vertices", "Vertices in memory.", label, of(gauges.hot_vertices));
    WarmStore* store = &own->store();
    add("warm_map_bytes", "Size of the LMDB map.", label,
        [store] { return static_cast<double>(store->sizes().map_bytes); });
    add("warm_used_bytes", "LMDB pages in use.", label,
        [store] { return static_cast<double>(store->sizes().used_bytes); });
    add("warm_file_bytes", "Size of the LMDB file.", label,
        [store] { return static_cast<double>(store->sizes().file_bytes); });
  }
  add("log_inbox_records", "Commands that wait for the log.", {},
      [this] { return static_cast<double>(inbox_.waiting()); });
  add("log_archived_bytes", "Bytes in the archive of logs.", {},
      [this] { return static_cast<double>(log_->stats().archived_bytes); });
}

void Engine::tell(NodeStatus& status) {
  status.log_position = log_->stats().end_position;
  status.log_queue = static_cast<std::uint32_t>(inbox_.waiting());
  auto narrow = [](const std::atomic<std::uint64_t>& value) { return static_cast<std::uint32_t>(value.load()); };
  for (auto& runtime : runtimes_) {
    const PartitionGauges& gauges = runtime->partition().gauges();
    status.hot_hits += gauges.hot_hits;
    status.warm_hits += gauges.warm_hits;
    status.partitions.push_back({runtime->id(), options_.map->epoch(runtime->id()), gauges.applied_lsn,
                                 narrow(gauges.pending_records), narrow(gauges.in_doubt), narrow(gauges.transactions),
                                 narrow(gauges.long_in_doubt)});
  }
}

void Engine::refresh_metrics() {
  std::lock_guard lock(refreshing_);
  struct {
    std::uint64_t hits_hot = 0, hits_warm = 0, warm_reads = 0, evictions = 0, hot = 0, dirty = 0, committed = 0, aborted = 0, in_doubt = 0;
  } sum;
  for (auto& runtime : runtimes_) {
    const PartitionGauges& gauges = runtime->partition().gauges();
    sum.hits_hot += gauges.hot_hits;
    sum.hits_warm += gauges.warm_hits;
    sum.warm_reads += gauges.warm_reads;
    sum.evictions += gauges.evictions;
    sum.hot += gauges.hot_bytes;
    sum.dirty += gauges.dirty_bytes;
    sum.committed += gauges.committed;
    sum.aborted += gauges.aborted;
    sum.in_doubt += gauges.in_doubt;
  }
  // Counters only grow: what is new since the last look is added.
  auto raise = [](Counter& counter, std::uint64_t to) {
    if (to > counter.value()) counter.add(to - counter.value());
  };
  raise(metrics_.tiers.hits_hot, sum.hits_hot);
  raise(metrics_.tiers.hits_warm, sum.hits_warm);
  raise(metrics_.tiers.warm_reads, sum.warm_reads);
  raise(metrics_.tiers.evictions, sum.evictions);
  raise(metrics_.transactions.committed, sum.committed);
  raise(metrics_.transactions.aborted, sum.aborted);
  raise(metrics_.log.errors, log_gauges_.refused_groups);
  metrics_.tiers.hot_bytes.set(static_cast<std::int64_t>(sum.hot));
  metrics_.tiers.dirty_bytes.set(static_cast<std::int64_t>(sum.dirty));
  metrics_.transactions.in_doubt.set(static_cast<std::int64_t>(sum.in_doubt));
  LogStats log = log_->stats();
  auto since_start = [](std::uint64_t now, std::uint64_t first) { return now - std::min(now, first); };
  // A position counts every byte: headers, padding and seals too.
  raise(metrics_.log.bytes, since_start(log.end_position, first_log_.end_position));
  raise(metrics_.log.segments_sealed, since_start(log.segments + log.archived_segments,
                                                  first_log_.segments + first_log_.archived_segments));
  raise(metrics_.log.segments_archived, since_start(log.archived_segments, first_log_.archived_segments));
  metrics_.log.segments.set(static_cast<std::int64_t>(log.segments));
  metrics_.log.spare_segments.set(static_cast<std::int64_t>(log.spare_segments));
}

}  // namespace engram
