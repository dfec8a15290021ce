#pragma once
// The log actor: one a node, on a thread of its own, the only one that writes the command log. Partitions put records into
// its inbox; it writes all that are there as one group with one sync, then tells each partition how far it is durable.

#include <map>
#include <mutex>
#include <vector>

#include "actors/runtime/actors.h"
#include "actors/runtime/mail_actor.h"
#include "storage/log/command_log.h"

namespace engram {

class LogInbox {
 public:
  struct Entry {
    PartitionId partition;
    Lsn lsn;
    std::uint64_t epoch = 0;  // of the partition's appends: grows when the log refused some
    std::int64_t accepted_ns = 0;
    CommandBytes command;
  };

  /// True if the log actor has to be woken: nobody did since it last emptied the inbox.
  bool push(Entry entry);
  void take(std::vector<Entry>& out);
  /// Somebody has begun to wait for what is in here, or will be before it is taken next.
  void press() { pressing_.store(true, std::memory_order_relaxed); }
  [[nodiscard]] std::size_t waiting() const { return waiting_.load(std::memory_order_relaxed); }
  /// Whether somebody waits for one of the records: a client, or a transaction. The end of a transaction that is decided
  /// can wait for the next of those, and share its sync.
  [[nodiscard]] bool pressing() const { return pressing_.load(std::memory_order_relaxed); }

 private:
  std::mutex mutex_;
  std::vector<Entry> entries_;
  bool woken_ = false;
  std::atomic<std::size_t> waiting_{0};
  std::atomic<bool> pressing_{false};
};

/// Distribution of group sizes and sync times, for the metrics.
struct LogGauges {
  std::atomic<std::uint64_t> groups{0}, records{0}, largest_group{0}, refused_groups{0};
};

struct LogActorOptions {
  CommandLog* log = nullptr;
  LogInbox* inbox = nullptr;
  LogGauges* gauges = nullptr;
  std::vector<caf::actor> partitions;           // by number; null: another node's
  std::vector<std::uint32_t> ownership_epochs;  // by number: what their records are written under
  /// The log failed: the process must stop, at once.
  std::function<void(const Status&)> fatal;
  std::function<void(std::int64_t sync_ns, std::size_t records)> observe;
  /// How long it looks for more work before it sleeps, if the last came no longer ago.
  std::int64_t busy_poll_ns = 0;
};

class LogActor : public MailActor {
 public:
  LogActor(caf::actor_config& config, LogActorOptions options);
  caf::behavior make_behavior() override;

 private:
  using Clock = std::chrono::steady_clock;

  void write_groups();
  void wait_for_more() const;
  void write_group(std::vector<LogInbox::Entry>& entries);
  Result<LogPosition> append(const std::vector<LogInbox::Entry>& entries, LogRoom room);
  void announce(const std::vector<LogInbox::Entry>& entries);
  void refuse(const std::vector<LogInbox::Entry>& entries, const Status& status);

  LogActorOptions options_;
  std::map<PartitionId, std::uint64_t> refused_epochs_;
  std::map<PartitionId, Lsn> released_;
  Clock::time_point last_work_;
  std::size_t last_group_ = 0;  // records
};

}  // namespace engram
