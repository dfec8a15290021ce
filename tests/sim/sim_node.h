#pragma once
// A simulated node: a disk that outlives its processes, and the process that runs on it, made of the engine's own parts:
// partitions, command log, replay, links to the other nodes, warm stores. What the engine does on threads of CAF and KJ is done
// here step by step, in an order that the seed decides.

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "actors/partition/partition.h"
#include "cluster/map/partition_map.h"
#include "cluster/peers/link.h"
#include "storage/log/command_log.h"
#include "storage/warm/warm_store.h"
#include "tests/sim/sim_network.h"
#include "tests/support/faulty_files.h"
#include "tests/support/manual_clock.h"
#include "tests/support/memory_files.h"

namespace engram::test {

/// What all nodes of a simulation share.
struct SimSurroundings {
  explicit SimSurroundings(const SimOptions& chosen)
      : options(chosen), random(chosen.seed), network(chosen.nodes, random, trace), map(chosen.nodes, chosen.partitions) {}
  SimOptions options;
  SimRandom random;
  SimTrace trace;
  ManualClock clock;
  SimNetwork network;
  FixedPartitionMap map;
  std::string warm_directory;  // with options.warm
};

class SimNode {
 public:
  SimNode(SimSurroundings& around, unsigned ordinal);
  ~SimNode();

  [[nodiscard]] unsigned ordinal() const { return ordinal_; }
  [[nodiscard]] bool is_up() const { return process_ != nullptr; }
  /// The number of its process: answers to one before are nobody's.
  [[nodiscard]] unsigned life() const { return life_; }
  [[nodiscard]] FaultyFiles& files() { return files_; }
  [[nodiscard]] MemoryFiles& disk() { return memory_; }

  /// Opens and replays. Error: it does not start with what is on its disk.
  Status start();
  enum class End { killed, power_lost };
  void end(End how);
  /// Has all partitions flush; it is over (`stopped`) when they all have.
  void begin_stop();
  [[nodiscard]] bool is_stopping() const { return stopping_; }
  [[nodiscard]] bool stopped() const;

  /// As this node's gateway does: to a partition here or at another node.
  void send(PartitionId to, Mail mail);
  void receive(unsigned peer, const SimArrival& arrival);
  void tick();

  /// Bytes of a log file that belong to groups behind which there is another one: of the last group nobody could tell whether
  /// it was torn or damaged (docs/disk-format.md).
  [[nodiscard]] std::uint64_t witnessed_bytes(const std::string& path);

  /// How many things can happen here now.
  [[nodiscard]] std::size_t choices() const;
  /// Does one of them. False: the node's process has to end (its log failed).
  bool act(std::size_t choice);
  /// The next write or sync of the log ends with the power.
  void tear_next_write() { files_.faults().operations_before_crash = around_.random() % 6; }

  [[nodiscard]] bool is_recovered() const;
  PartitionCore& core(PartitionId partition);
  [[nodiscard]] std::vector<PartitionId> own() const { return owned_by(around_.map, ordinal_); }
  /// The state of its partitions as text, from memory, and as a fresh replay of its disk gives it.
  [[nodiscard]] std::string state();
  Result<std::string> replayed_state();
  /// Connections that its links broke off since the last look.
  std::size_t take_dropped() { return std::exchange(dropped_, 0); }

 private:
  class Host;
  class Wire;
  class Done;
  struct Queued {
    PartitionId partition;
    Lsn lsn;
    std::uint64_t epoch;
    std::int64_t accepted_ns;
    CommandBytes command;
  };
  struct Process;

  void reconnected(unsigned peer, std::uint64_t connection);
  Status open(Process& process);
  Status open_partitions(Process& process);
  bool flush_log();
  void refuse(const std::vector<Queued>& group, const Status& status);
  void deliver(unsigned from, PartitionId to, Mail mail);

  SimSurroundings& around_;
  const unsigned ordinal_;
  MemoryFiles memory_;
  FaultyFiles files_{memory_};
  std::unique_ptr<Process> process_;
  unsigned life_ = 0;
  std::uint64_t last_group_ = 0;  // where the last group that was acknowledged begins
  bool stopping_ = false;
  std::size_t dropped_ = 0;
};

}  // namespace engram::test
