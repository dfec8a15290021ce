#pragma once
// What the vertices that a batch deletes take with them in other partitions. Their edges are read before the batch is
// prepared, and each share is told what of them is there; that they are the same still is checked where the vertices are.

#include <map>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <absl/container/inlined_vector.h>

#include "actors/messages/frame.h"
#include "actors/partition/batch_owners.h"
#include "actors/partition/core/resolved_keys.h"
#include "storage/base/result.h"

namespace engram {

class BatchDeletions {
 public:
  BatchDeletions(schema::Batch::Reader batch, const BatchOwners& owners, SpaceId space);

  /// The places of the first deletion of every key, by the partition that has to be asked for its edges.
  [[nodiscard]] const std::map<PartitionId, std::vector<std::uint32_t>>& by_owner() const { return by_owner_; }
  /// What `owner` answered about those (LinksAnswer). Error: too_large.
  Status add(PartitionId owner, Frame answer);
  /// Those with edges that go.
  [[nodiscard]] const std::vector<PartitionId>& elsewhere() const { return elsewhere_; }
  /// Of what was answered.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

  /// Whether the operation is a deletion that the share of another partition has to have.
  [[nodiscard]] bool concerns(std::uint32_t place, PartitionId partition) const;
  void write(PartitionId share, schema::Deletions::Builder out) const;
  /// An edge into another partition is about a vertex that the batch has deleted before.
  [[nodiscard]] bool has_later_edges() const { return has_later_edges_; }

 private:
  struct Deleted {
    PartitionId owner;
    std::uint32_t first = 0;  // its place
    std::uint64_t digest = 0;
    absl::InlinedVector<PartitionId, 4> concerned;
    void concern(PartitionId partition);
  };
  struct Link {  // links of answers_[answer].vertices[vertex]
    PartitionId at;
    std::uint16_t answer;
    std::uint32_t place, vertex, link;
  };
  static constexpr std::uint32_t none = ~std::uint32_t{0};

  void add_edge(schema::EdgeKey::Reader edge, const BatchOwners::Ends& ends, std::uint32_t place, SpaceId space);

  std::vector<Deleted> deleted_;           // in the order of their places
  std::vector<std::uint32_t> of_place_;    // in deleted_
  absl::flat_hash_map<Hash128, std::uint32_t, ResolvedKeys::HashOfHash> by_name_;
  std::map<PartitionId, std::vector<std::uint32_t>> by_owner_;
  std::vector<Frame> answers_;
  std::vector<Link> links_;                // by partition and place
  std::vector<PartitionId> elsewhere_;     // ascending
  std::size_t bytes_ = 0;
  bool has_later_edges_ = false;
};

}  // namespace engram
