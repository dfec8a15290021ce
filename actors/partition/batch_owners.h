#pragma once
// Whose the operations and preconditions of a batch are: every key is hashed once, and a transaction asks often.

#include <vector>

#include "actors/messages/frame.h"
#include "schema/command.capnp.h"
#include "storage/base/placement.h"

namespace engram {

class BatchOwners {
 public:
  /// Of an edge's source and target; of a vertex twice the same.
  struct Ends {
    PartitionId first, second;
    [[nodiscard]] bool touch(PartitionId partition) const { return first == partition || second == partition; }
  };

  BatchOwners() = default;
  BatchOwners(schema::Batch::Reader batch, const SpaceRoute& space, std::uint32_t partitions);

  /// In the order of the batch.
  [[nodiscard]] const std::vector<Ends>& operations() const { return operations_; }
  [[nodiscard]] const std::vector<Ends>& preconditions() const { return preconditions_; }
  [[nodiscard]] bool deletes_vertices() const { return deletes_vertices_; }
  /// The partitions concerned, but for `self`, ascending.
  [[nodiscard]] std::vector<PartitionId> others(PartitionId self) const;

 private:
  std::uint32_t partitions_ = 0;
  std::vector<Ends> operations_;
  std::vector<Ends> preconditions_;
  bool deletes_vertices_ = false;
};

}  // namespace engram
