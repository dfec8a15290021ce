#pragma once
// The actor of a partition: takes its mail, one at a time, and gives the partition what it needs of the world.

#include <atomic>
#include <utility>

#include "actors/log/log_actor.h"
#include "actors/partition/partition.h"
#include "actors/runtime/actors.h"
#include "actors/runtime/blocking_pool.h"
#include "actors/runtime/mail_actor.h"

namespace engram {

/// Where mail for partitions of other nodes goes.
class MailRoute {
 public:
  virtual ~MailRoute() = default;
  /// Any thread. What may become of it: cluster/peers/link.h.
  virtual void send(PartitionId to, Mail mail) = 0;
  /// `unavailable` if the node of that partition is away or about to stop, with its name and since when; ok if nothing is
  /// known to keep it from answering. Any thread.
  [[nodiscard]] virtual Status away(PartitionId partition) const = 0;
  /// What this thread sends from now on may wait for its `release`, so that it travels together. They may nest.
  virtual void hold() {}
  /// Whether anything had waited, and is now with the thread that sends to the network.
  virtual bool release() { return false; }
};

/// Holds this thread's mail for other nodes while it lives; for moments only.
class MailHold {
 public:
  /// Null: there is one node.
  explicit MailHold(MailRoute* route) : route_(route) {
    if (route_ != nullptr) route_->hold();
  }
  ~MailHold() { release(); }
  MailHold(const MailHold&) = delete;
  MailHold& operator=(const MailHold&) = delete;

  /// Ends it now. Whether any mail was held.
  bool release() {
    MailRoute* route = std::exchange(route_, nullptr);
    return route != nullptr && route->release();
  }

 private:
  MailRoute* route_;
};

/// What all partitions of a node share.
struct PartitionServices {
  LogInbox* inbox = nullptr;
  caf::actor log;
  std::vector<caf::actor> partitions;  // by number; null: another node's
  MailRoute* others = nullptr;         // null: there is one node
  BlockingPool* loaders = nullptr;
  BlockingPool* writers = nullptr;
  std::function<void(const Status&)> fatal;
  /// A warm store could not be written and will be tried again; or (ok) could be again.
  std::function<void(PartitionId, const Status&)> report_write_back;
  /// Something that a read needs cannot be read from a warm store.
  std::function<void(PartitionId, const Status&)> report_unreadable;
  std::function<void(std::size_t records, std::int64_t elapsed_ns)> observe_write_back;
  /// PartitionHost::all_know_deletions. Any thread.
  std::function<bool()> all_know_deletions;
};

/// To a partition, wherever it is; on `unit`'s thread if it is here and idle and `unit` is not null.
void deliver_mail(PartitionServices& services, PartitionId to, Mail mail, caf::execution_unit* unit);

/// Connects one partition to the node. Exists before the actor system's actors do, so that the log can be replayed.
class PartitionRuntime final : public PartitionHost {
 public:
  PartitionRuntime(const CoreOptions& options, const PartitionLimits& limits, std::unique_ptr<WarmStore> store,
                   PartitionServices& services, const Clock& clock, std::uint64_t random);

  Partition& partition() { return partition_; }
  WarmStore& store() { return *store_; }
  void run_in(MailActor* actor) { actor_ = actor; }

  /// Messages that the actor was sent and has not begun to handle.
  [[nodiscard]] std::uint64_t mailbox_depth() const {
    std::int64_t depth = sent_.load(std::memory_order_relaxed);
    return depth < 0 ? 0 : static_cast<std::uint64_t>(depth);
  }
  void count_mail(std::int64_t change) { sent_.fetch_add(change, std::memory_order_relaxed); }

  /// Before the first mail: a write-back that the replay left is to be tried again.
  void begin_with(std::vector<WarmChange> unwritten, Lsn applied);

  [[nodiscard]] PartitionId id() const { return self_; }

  void append(Lsn lsn, std::uint64_t epoch, std::int64_t accepted_ns, const CommandBytes& command) override;
  void press_log() override { services_.inbox->press(); }
  void send(PartitionId to, Mail mail) override;
  void post(PartitionId to, Mail mail) override;
  void load(std::uint64_t number, Needs needs) override;
  void write_back(std::vector<WarmChange> changes, Lsn applied) override;
  void write_back_again() override;
  void wake_in(std::int64_t duration_ns) override;
  void report_unreadable(const Status& status) override;
  void step_soon() override;
  [[nodiscard]] bool all_know_deletions() const override { return services_.all_know_deletions(); }
  [[noreturn]] void panic(const Status& status) override;

 private:
  PartitionId self_;
  std::unique_ptr<WarmStore> store_;
  PartitionServices& services_;
  Partition partition_;
  MailActor* actor_ = nullptr;
  struct WriteBack {
    std::vector<WarmChange> changes;
    Lsn applied;
    bool sorted = false;
  };
  std::shared_ptr<WriteBack> write_back_;  // under way, or waiting for room
  std::atomic<bool> full_reported_{false};
  std::atomic<std::int64_t> sent_{0};
  std::atomic<std::int64_t> unreadable_reported_ns_{0};
};

class PartitionActor : public MailActor {
 public:
  PartitionActor(caf::actor_config& config, PartitionRuntime* runtime);
  caf::behavior make_behavior() override;

  using MailActor::enqueue;
  void enqueue(caf::mailbox_element_ptr mail, caf::execution_unit* unit) override {
    runtime_->count_mail(+1);
    MailActor::enqueue(std::move(mail), unit);
  }

 private:
  PartitionRuntime* runtime_;
};

}  // namespace engram
