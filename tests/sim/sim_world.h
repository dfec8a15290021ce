#pragma once
// A whole cluster with its clients in one thread: nodes, disks, network and time, under a seed. See sim_options.h for what befalls
// them.

#include <memory>
#include <string>
#include <vector>

#include "tests/sim/sim_client.h"

namespace engram::test {

/// What was seen of the faults, so that a test can tell that they came.
struct SimTally {
  std::uint64_t kills = 0, power_cuts = 0, stops = 0, torn_writes = 0, flips_found = 0, flips_harmless = 0, full_disks = 0,
      broken_connections = 0, ok = 0, failed = 0, unknown = 0, reads = 0, steps = 0;
};

class SimWorld {
 public:
  explicit SimWorld(const SimOptions& options, std::string warm_directory = {});

  /// Runs to the end: clients with faults, then none, then the last reads. Throws std::runtime_error if something happens that
  /// must not, or does not end.
  void run();

  /// What the checkers say, and what is wrong with the state of the nodes. Empty: nothing.
  [[nodiscard]] std::vector<std::string> complaints();
  [[nodiscard]] std::uint64_t trace_hash() const { return around_.trace.hash(); }
  [[nodiscard]] const SimTally& tally() const { return tally_; }

 private:
  void prepare();
  void run_until_done(std::vector<SimClient*> clients);
  bool step();
  void fault();
  void start(SimNode& node);
  void flip_and_start(SimNode& node);
  void end(SimNode& node, SimNode::End how);
  void settle();
  void read_all();
  void note_name(const std::string& key);
  void note_edges(const std::string& key, bool incoming);

  SimSurroundings around_;
  SimNodes nodes_;
  std::vector<std::unique_ptr<SimClient>> clients_;
  SimClient observer_;
  Histories told_;
  std::map<VertexId, std::string> names_;  // of what has edges
  bool faults_ = false;
  std::vector<std::int64_t> room_again_ns_;  // by node; 0: it has room
  std::int64_t last_tick_ns_ = 0;
  SimTally tally_;
};

}  // namespace engram::test
