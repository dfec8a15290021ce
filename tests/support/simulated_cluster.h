#pragma once
// Whole nodes in one thread, under a seed: partitions as they run in the engine, and around them a log with group commit for
// each node, write-backs, loads, connections between the nodes and a clock, all of whose steps come in a random order that
// the seed repeats. What one sender sends to one partition stays in order, and nothing else does.
//
// A crash drops everything of a node that is not durable: of the records that were queued for its log, some first ones may
// survive without anybody having heard of them, as after a torn group. A clean stop has every partition write back all it
// has first, as Engine::shut_down does.
//
// Between nodes holds what cluster/peers/link.h promises, and no more: with a connection, or with a node, messages are lost
// from some point on; questions are asked again until they are answered, and so may be asked twice.

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <vector>

#include "actors/partition/partition.h"
#include "storage/warm/warm_store.h"
#include "tests/support/manual_clock.h"
#include "tests/support/state_text.h"

namespace engram::test {

struct SimulationOptions {
  std::uint32_t partitions = 3;
  std::uint32_t nodes = 1;  // partition p is on node p mod nodes
  std::size_t hot_bytes = std::size_t{64} << 20;
  std::string warm_directory;  // empty: there are no warm stores, and nothing is written back
  std::size_t write_back_bytes = std::size_t{1} << 40;  // of changes that start a write-back
  unsigned refused_groups_in_100 = 0;                   // of the log: as if the disk were full
  unsigned full_write_backs_in_100 = 0;                 // of those tried
  bool all_know_deletions = true;                       // false: a node of the version before is among them
};

class SimulatedCluster {
 public:
  SimulatedCluster(const SimulationOptions& options, std::uint64_t seed);
  ~SimulatedCluster();

  [[nodiscard]] std::uint32_t partitions() const { return options_.partitions; }
  [[nodiscard]] std::uint32_t nodes() const { return options_.nodes; }
  [[nodiscard]] const ManualClock& clock() const { return clock_; }
  PartitionCore& core(PartitionId partition);

  /// As the gateway would: to be delivered in some later step. `client`: whose mails stay in order. To a node that is down:
  /// lost.
  void submit(unsigned client, PartitionId to, CommandBytes command, ReplyPortPtr port, std::int64_t timeout_ms);
  void request(unsigned client, PartitionId to, Frame request, ReplyPortPtr port);

  /// Does one thing that can happen; false if nothing is left but the time.
  bool step();
  /// Lets time pass, and every partition looks at it.
  void tick(std::int64_t duration_ms);
  /// Until nothing happens any more, also not with time.
  void settle();

  /// All nodes at once.
  void crash();
  /// Stops all nodes cleanly. Needs warm stores. No command may be without an answer: the gateway waits for these before.
  void stop();
  /// After a crash or a stop: opens, replays, and takes up what was left; all nodes that are down.
  void restart();
  /// One node, while the others go on.
  void crash_node(std::uint32_t node);
  /// Begins a clean stop of it, in which the others go on; `crash_node` ends it.
  void begin_stop(std::uint32_t node);
  void restart_node(std::uint32_t node);
  [[nodiscard]] bool is_up(std::uint32_t node) const { return logs_.at(node).up; }
  /// The connection between two nodes breaks, and there is a new one.
  void cut(std::uint32_t one, std::uint32_t other);
  /// The log of a node writes nothing for a while: a slow disk.
  void hold_log(std::uint32_t node) { logs_.at(node).held = true; }
  void release_log(std::uint32_t node) { logs_.at(node).held = false; }
  /// Records that the last start replayed.
  [[nodiscard]] std::size_t replayed() const { return replayed_; }
  /// Until nothing of before the start is undecided: the engine lets nobody in before.
  void recover();

  /// The whole state as text: equal states give equal texts.
  [[nodiscard]] std::string state_of(PartitionId partition) { return describe(core(partition)); }
  /// The same, of a fresh core that replays the whole log.
  [[nodiscard]] std::string replayed_state_of(PartitionId partition) const;
  [[nodiscard]] std::size_t log_records() const;
  [[nodiscard]] std::size_t log_records(PartitionId partition) const { return log_.at(partition.value).size(); }
  /// How often a partition said that somebody waits for what its log may hold back.
  [[nodiscard]] std::size_t presses() const { return presses_; }
  /// What partitions had to say of damage, to the node's log.
  [[nodiscard]] const std::vector<std::string>& unreadable() const { return unreadable_; }

 private:
  class Host;
  class Done;
  class LinkPort;
  struct QueuedRecord {
    PartitionId partition;
    Lsn lsn;
    std::uint64_t epoch;
    std::int64_t accepted_ns;
    CommandBytes command;
  };
  struct NodeLog {
    std::deque<QueuedRecord> queued;
    std::map<PartitionId, std::uint64_t> refused_epochs;
    bool up = true;
    bool held = false;
  };
  using Channel = std::pair<unsigned, unsigned>;  // from, to
  struct Sent {
    std::uint64_t number;
    Mail mail;
  };
  using Channels = std::map<Channel, std::deque<Sent>>;
  struct Work {  // of a disk
    PartitionId partition;
    std::function<void()> run;
  };
  struct Question {  // to another node, until it is answered
    PartitionId from, to;
    RequestMail mail;
  };
  struct LinkAnswer {
    std::uint64_t question;
    Frame frame;
  };

  [[nodiscard]] std::uint32_t node_of(PartitionId partition) const { return partition.value % options_.nodes; }
  [[nodiscard]] bool is_on(const Channel& channel, std::uint32_t node, bool sender) const;
  void send_over(PartitionId from, PartitionId to, Mail mail);
  void ask_over(std::uint64_t number);
  void break_channels(const std::function<bool(const Channel&)>& broken);
  void ask_again(const std::function<bool(const Question&)>& broken);
  void drop_answers(std::uint32_t to, std::uint32_t from);
  void reconnect(std::uint32_t one, std::uint32_t other);

  void work(PartitionId partition, std::function<void()> run) { disk_.push_back({partition, std::move(run)}); }
  Channels::iterator before_flush(Channels::iterator flush);
  void work_until(const std::vector<std::shared_ptr<Done>>& all, const char* what);
  void deliver(unsigned from, PartitionId to, Mail mail);
  void deliver_next(Channels::iterator channel);
  void sync_group(NodeLog& log);
  void refuse(NodeLog& log, const std::vector<QueuedRecord>& group);
  void keep_torn_group(NodeLog& log);
  void open_partition(PartitionId partition);
  [[nodiscard]] CoreOptions core_options(PartitionId partition) const;
  static constexpr unsigned from_log = 1000, from_disk = 1001, from_outside = 1002, from_stop = 1003,
                            from_question = 2000, first_client = 100'000;

  SimulationOptions options_;
  std::mt19937_64 random_;
  ManualClock clock_;
  std::vector<std::unique_ptr<WarmStore>> stores_;
  std::vector<std::vector<LoggedCommand>> log_;  // durable, by partition
  std::vector<NodeLog> logs_;                    // on their way, by node

  std::vector<std::unique_ptr<Host>> hosts_;
  Channels mail_;
  std::uint64_t sent_ = 0;
  std::vector<std::string> unreadable_;
  std::size_t presses_ = 0;
  std::vector<Work> disk_;  // loads and write-backs under way
  std::map<std::uint64_t, Question> questions_;
  std::vector<LinkAnswer> answers_;
  std::uint64_t next_question_ = 1;
  std::vector<std::shared_ptr<Done>> recovered_;  // by partition
  std::size_t replayed_ = 0;
};

}  // namespace engram::test
