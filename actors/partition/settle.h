#pragma once
// Ends, in memory, the transactions that a crash left open, as the partitions would do among themselves after a start.

#include <cstdint>
#include <vector>

#include "actors/partition/core/partition_core.h"
#include "storage/base/result.h"

namespace engram {

struct SettledTransactions {
  std::uint64_t committed = 0;  // shares of participants whose coordinator had decided so
  std::uint64_t aborted = 0;    // never decided, and so never acknowledged: presumed aborted
  std::uint64_t elsewhere = 0;  // left as they are: another node knows what became of them
};

/// `cores`: all partitions of the graph, in order, at the end of their logs; null: another node's. Nothing is logged: the cores are for looking
/// at afterwards, not for going on. Error `corrupt`: transactions remain that wait for each other.
Result<SettledTransactions> settle_transactions(const std::vector<PartitionCore*>& cores);

}  // namespace engram
