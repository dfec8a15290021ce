#pragma once
// Does to a cluster what machines, networks and operators do to it, one thing after the other, by a plan that a seed makes.

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "tests/chaos/cluster.h"
#include "tests/chaos/load.h"

namespace engram::test {

enum class Fault {
  cut_off_short,      // a node from both others, for less time than it takes to be noticed
  cut_off_long,
  cut_pair,           // two nodes from each other, both see the third
  cut_one_way,        // what one sends does not reach the other
  flaky,              // cut and healed several times
  pause_short,        // SIGSTOP
  pause_long,
  pause_cut_off,      // stopped, cut off meanwhile, goes on by itself, and only then sees the others
  kill,               // SIGKILL, and started again
  kill_all,           // at once
  kill_cut_off,       // SIGKILL, and started again without seeing the others
  kill_cut_pair,      // the same, but it sees one of them: what it decided before, one has heard and one has not
  restart,            // SIGTERM
  clock_ahead,        // two hours, from a SIGKILL to the next
  clock_behind,
  copied_volume,      // a second process with one identity: the older one ends
  moved,              // a node comes back at another address, which its name leads to
};
constexpr unsigned fault_kinds = static_cast<unsigned>(Fault::moved) + 1;

const char* name_of(Fault fault);

/// Of the environment, or else.
std::uint64_t number_from(const char* variable, std::uint64_t otherwise);

/// Every kind once, in an order of chance.
std::vector<Fault> plan_of_faults(std::mt19937_64& random);

/// Every function fails the test if the cluster does not do what is promised.
class Nemesis {
 public:
  Nemesis(ChaosCluster& cluster, Load& load, std::mt19937_64& random) : cluster_(cluster), load_(load), random_(random) {}

  /// Begins the fault, lets it last for a while, ends it. Where a process was started, it is ready when this returns.
  void apply(Fault fault);
  /// Every node commits a change over all partitions, and every client of the load is told `ok`: milliseconds until then. They
  /// get a minute, or ENGRAM_CHAOS_PROGRESS_SECONDS.
  std::int64_t wait_for_progress();

 private:
  unsigned some_node() { return static_cast<unsigned>(random_() % ChaosCluster::nodes); }
  void cut_for(Fault fault, unsigned node, unsigned other);
  void pause_for(Fault fault, unsigned node);
  void kill_and_start(Fault fault, unsigned node, unsigned other);
  void shift_clock(unsigned node, const char* offset);
  void copy_volume(unsigned node);
  std::int64_t clock_difference_s(unsigned node);

  ChaosCluster& cluster_;
  Load& load_;
  std::mt19937_64& random_;
  unsigned touched_ = 0;
};

}  // namespace engram::test
