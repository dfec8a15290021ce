#pragma once
// Where a scan goes on within a partition: with a vertex, or with more edges of one that was in an earlier page. Packed as
// numbers: local, and for the latter type, neighbour and rank of the next edge.

#include <optional>
#include <string>

#include <capnp/blob.h>

#include "storage/base/pack.h"
#include "storage/hot/edge_entry.h"

namespace engram {

struct ScanPosition {
  LocalId vertex;
  std::optional<EdgeSlot> edges_from;

  static std::optional<ScanPosition> read(capnp::Data::Reader packed) { return read(unpacker(packed)); }
  static std::optional<ScanPosition> read(Unpacker in) {
    ScanPosition position;
    position.vertex.value = in.number();
    if (!in.at_end()) {
      EdgeSlot slot;
      slot.type.value = static_cast<std::uint32_t>(in.number());
      slot.neighbour.value = in.number();
      slot.rank = in.signed_number();
      position.edges_from = slot;
    }
    return in.ok() && in.at_end() ? std::optional(position) : std::nullopt;
  }
  static Unpacker unpacker(capnp::Data::Reader packed) {
    return Unpacker({reinterpret_cast<const std::byte*>(packed.begin()), packed.size()});
  }
  void write(Packer& out) const {
    out.number(vertex.value);
    if (edges_from) out.number(edges_from->type.value).number(edges_from->neighbour.value).signed_number(edges_from->rank);
  }
};

}  // namespace engram
