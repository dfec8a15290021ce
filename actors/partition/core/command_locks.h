#pragma once
// The locks that a command stands for: what it would change, and what it relies on.

#include <vector>

#include "actors/partition/core/graph.h"
#include "actors/partition/core/lock_table.h"

namespace engram {

/// Of what is in this partition: the whole of a batch, or a participant's or coordinator's share of one.
std::vector<LockRequest> locks_of(Graph& graph, schema::Command::Reader command);

}  // namespace engram
