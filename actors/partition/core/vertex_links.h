#pragma once
// The edges of a vertex into other partitions: what its deletion takes with it there.

#include "actors/partition/core/batch_applier.h"
#include "storage/base/checksum.h"

namespace engram {

/// What an edge's unlinking takes in a message, beside its type's name.
inline constexpr std::size_t link_bytes = 64;
/// Of all vertices that one batch deletes. A record of the log has room for it beside the largest command, and so has an answer.
inline constexpr std::size_t max_batch_link_bytes = std::size_t{32} << 20;

/// `visit(side, slot)` for each. Both sides have to be loaded.
template <typename Visit>
void for_each_link(const HotVertex& vertex, PartitionId self, const Visit& visit) {
  for (Side side : {Side::out, Side::in}) {
    EdgeEntry entry;
    for (auto cursor = vertex.edges(side).begin(); cursor.next(entry);)
      if (entry.slot.neighbour.partition() != self) visit(side, entry.slot);
  }
}

/// Tells whether they are the same as before, in whatever order they came; 0: there are none.
inline std::uint64_t digest_of_links(const HotVertex& vertex, PartitionId self) {
  std::uint64_t sum = 0;
  for_each_link(vertex, self, [&](Side side, const EdgeSlot& slot) {
    std::uint64_t packed[] = {slot.type.value * 2ULL + (side == Side::out ? 1 : 0), slot.neighbour.value,
                              static_cast<std::uint64_t>(slot.rank)};
    sum += checksum64({reinterpret_cast<const std::byte*>(packed), sizeof packed});
  });
  return sum;
}

/// The edge's entry at its other end. `vertex`: that which goes.
inline void write_link(Graph& graph, LocalId vertex, Side side, const EdgeSlot& slot, schema::Unlink::Builder out) {
  out.setVertex(slot.neighbour.value);
  out.setNeighbour(VertexId::of(graph.self(), vertex).value);
  out.setType(whole_text(std::string(graph.dictionary().name(slot.type))));
  out.setRank(slot.rank);
  out.setIncoming(side == Side::out);
}

}  // namespace engram
