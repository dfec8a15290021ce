#pragma once
// What is always true of a graph, between any two commands: both ends of every edge agree, keys, labels, indexes and
// counts say what the vertices say, and every vertex is where its key belongs. Checked from outside, through what the
// core offers to everybody, so that `engram verify`, the crash tests and the simulator have one set of rules.

#include <cstdint>
#include <functional>
#include <vector>

#include "actors/partition/core/partition_core.h"
#include "actors/partition/findings.h"

namespace engram {

struct GraphCounts {
  std::uint64_t spaces = 0;  // dropped ones not counted
  std::uint64_t vertices = 0;
  std::uint64_t edges = 0;
  std::uint64_t labels = 0;         // labels carried by vertices
  std::uint64_t index_entries = 0;  // of the indexes that are complete
};

/// Checks the graph that `cores` hold together: all of its partitions, in order; null: another node's, and what is in it is
/// not looked at. What is not in memory is read on the spot. Where a transaction is in doubt still (see settle.h), partitions
/// are not compared with each other: between its two halves an edge is at one end only. Indexes are looked at where there is a warm store behind the core. `progress` (may be empty) gets the share done, 0 to 1.
GraphCounts check_invariants(const std::vector<PartitionCore*>& cores, Findings& findings,
                             const std::function<void(double)>& progress = {});

/// Checks the tables of one warm store against each other: the table of keys, the vertices and their chunks of edges. Its
/// checksums have been verified (WarmStore::check).
void check_warm_tables(const WarmStore& store, PartitionId self, Findings& findings);

}  // namespace engram
