#pragma once
// Partitions on a volume that is new to its cluster know no spaces but `default`, and no log will tell them: those of the other
// nodes do. What is kept together in one lost partition is lost with it; what is spread is known to all partitions.
//
// Of a space whose home is on another node its home knows best; where the home is new too, any partition that knows the space is
// believed. (A drop that had reached the home and not all others is undone then; what it would have dropped is mostly there.)

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "actors/messages/mail.h"
#include "actors/partition/core/space_seed.h"
#include "cluster/map/partition_map.h"
#include "storage/base/clock.h"

namespace engram {

/// What partitions told, put together. Thread-safe.
class ToldSpaces {
 public:
  explicit ToldSpaces(std::uint32_t partitions) : partitions_(partitions) {}

  /// An answer to `describeSpaces`. False: it is an error, and tells nothing.
  bool take(PartitionId from, schema::Answer::Reader answer);
  /// Of all that were told, in the order of their ids.
  [[nodiscard]] std::vector<SpaceSeed> seeds() const;

 private:
  struct Told {
    SpaceSeed seed;
    bool by_home = false;
  };
  const std::uint32_t partitions_;
  mutable std::mutex mutex_;
  std::map<std::uint64_t, Told> told_;  // by id
  std::set<PartitionId> homes_;         // that told what they know
};

/// Asks every partition of the other nodes, for as long as it takes, and says in the log for whom it waits. `send` hands mail to
/// a partition; `from` is one of this node.
std::vector<SpaceSeed> ask_for_spaces(const PartitionMap& map, PartitionId from, const Clock& clock,
                                      const std::function<void(PartitionId, Mail)>& send);

}  // namespace engram
