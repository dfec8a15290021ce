#pragma once
// A whole node in one thread, under a seed: partitions as they run in the engine, and around them a log with group commit,
// write-backs, loads and a clock, all of whose steps come in a random order that the seed repeats. What one sender sends
// to one partition stays in order, and nothing else does.
//
// A crash drops everything that is not durable: of the records that were queued for the log, some first ones may survive
// without anybody having heard of it, as after a torn group. A clean stop has every partition write back all it has first,
// as Engine::shut_down does.

#include <deque>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "actors/partition/partition.h"
#include "storage/warm/warm_store.h"
#include "tests/support/manual_clock.h"

namespace engram::test {

struct SimulationOptions {
  std::uint32_t partitions = 3;
  std::size_t hot_bytes = std::size_t{64} << 20;
  std::string warm_directory;  // empty: there are no warm stores, and nothing is written back
  std::size_t write_back_bytes = std::size_t{1} << 40;  // of changes that start a write-back
  unsigned refused_groups_in_100 = 0;                   // of the log: as if the disk were full
  unsigned full_write_backs_in_100 = 0;                 // of those tried
};

class SimulatedNode {
 public:
  SimulatedNode(const SimulationOptions& options, std::uint64_t seed);
  ~SimulatedNode();

  [[nodiscard]] std::uint32_t partitions() const { return options_.partitions; }
  [[nodiscard]] const ManualClock& clock() const { return clock_; }
  PartitionCore& core(PartitionId partition);

  /// As the gateway would: to be delivered in some later step. `client`: whose mails stay in order.
  void submit(unsigned client, PartitionId to, CommandBytes command, ReplyPortPtr port, std::int64_t timeout_ms);
  void request(unsigned client, PartitionId to, Frame request, ReplyPortPtr port);

  /// Does one thing that can happen; false if nothing is left but the time.
  bool step();
  /// Lets time pass, and every partition looks at it.
  void tick(std::int64_t duration_ms);
  /// Until nothing happens any more, also not with time.
  void settle();

  void crash();
  /// Stops cleanly. Needs warm stores. No command may be without an answer: the gateway waits for these before.
  void stop();
  /// After a crash or a stop: opens, replays, and takes up what was left.
  void restart();
  /// Records that the last start replayed.
  [[nodiscard]] std::size_t replayed() const { return replayed_; }
  /// Until nothing of before the start is undecided: the engine lets nobody in before.
  void recover();

  /// The whole state as text: equal states give equal texts.
  [[nodiscard]] std::string state_of(PartitionId partition);
  /// The same, of a fresh core that replays the whole log.
  [[nodiscard]] std::string replayed_state_of(PartitionId partition) const;
  [[nodiscard]] std::size_t log_records() const;
  /// What partitions had to say of damage, to the node's log.
  [[nodiscard]] const std::vector<std::string>& unreadable() const { return unreadable_; }

 private:
  class Host;
  struct QueuedRecord {
    PartitionId partition;
    Lsn lsn;
    std::uint64_t epoch;
    std::int64_t accepted_ns;
    CommandBytes command;
  };
  using Channel = std::pair<unsigned, unsigned>;  // from, to
  struct Sent {
    std::uint64_t number;
    Mail mail;
  };
  class Done;
  using Channels = std::map<Channel, std::deque<Sent>>;

  Channels::iterator before_flush(Channels::iterator flush);
  void work_until(const std::vector<std::shared_ptr<Done>>& all, const char* what);
  void deliver(unsigned from, PartitionId to, Mail mail);
  void sync_group();
  void refuse(const std::vector<QueuedRecord>& group);
  void open_partitions();
  [[nodiscard]] CoreOptions core_options(PartitionId partition) const;
  static constexpr unsigned from_log = 1000, from_disk = 1001, from_outside = 1002, from_stop = 1003,
                            first_client = 2000;

  SimulationOptions options_;
  std::mt19937_64 random_;
  ManualClock clock_;
  std::vector<std::unique_ptr<WarmStore>> stores_;
  std::vector<std::vector<LoggedCommand>> log_;  // durable, by partition

  std::vector<std::unique_ptr<Host>> hosts_;
  Channels mail_;
  std::uint64_t sent_ = 0;
  std::deque<QueuedRecord> queued_;  // for the log
  std::map<PartitionId, std::uint64_t> refused_epochs_;
  std::vector<std::string> unreadable_;
  std::vector<std::function<void()>> disk_;  // loads and write-backs under way
  std::vector<std::shared_ptr<Done>> recovered_;
  std::size_t replayed_ = 0;
};

/// Everything that a core knows, in an order that does not depend on how it came to know it.
std::string describe(PartitionCore& core);

}  // namespace engram::test
