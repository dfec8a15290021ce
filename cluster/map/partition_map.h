#pragma once
// Which node owns which partition. Behind an interface, since partitions will move one day; today the map is a pure function
// of the cluster's size, so every node knows it without asking.

#include <cstdint>
#include <vector>

#include "storage/base/ids.h"

namespace engram {

class PartitionMap {
 public:
  virtual ~PartitionMap() = default;
  [[nodiscard]] virtual std::uint32_t nodes() const = 0;
  [[nodiscard]] virtual std::uint32_t partitions() const = 0;
  /// The ordinal of the node that owns a partition.
  [[nodiscard]] virtual std::uint32_t owner(PartitionId partition) const = 0;
  /// The number of its ownership: one more with every move. Whoever holds an older one may not commit.
  [[nodiscard]] virtual std::uint32_t epoch(PartitionId partition) const = 0;
};

/// Partition p belongs to node p mod `nodes`, for ever in epoch 1: as even as can be, and neighbours in number are on
/// different nodes.
class FixedPartitionMap final : public PartitionMap {
 public:
  FixedPartitionMap(std::uint32_t nodes, std::uint32_t partitions) : nodes_(nodes), partitions_(partitions) {}
  [[nodiscard]] std::uint32_t nodes() const override { return nodes_; }
  [[nodiscard]] std::uint32_t partitions() const override { return partitions_; }
  [[nodiscard]] std::uint32_t owner(PartitionId partition) const override { return partition.value % nodes_; }
  [[nodiscard]] std::uint32_t epoch(PartitionId) const override { return 1; }

 private:
  std::uint32_t nodes_;
  std::uint32_t partitions_;
};

/// Those that a node owns, in order.
inline std::vector<PartitionId> owned_by(const PartitionMap& map, std::uint32_t node) {
  std::vector<PartitionId> own;
  for (std::uint32_t i = 0; i < map.partitions(); ++i)
    if (PartitionId id{static_cast<std::uint16_t>(i)}; map.owner(id) == node) own.push_back(id);
  return own;
}

}  // namespace engram
