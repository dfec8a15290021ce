#pragma once
// Where a look-up goes on: behind its last hit, which is named by its value's sort key and its id. Values whose sort keys are
// the same up to OrderedIndex::max_sort_key_bytes come in the order of their ids.

#include <optional>
#include <string>

#include <capnp/blob.h>

#include "storage/base/pack.h"
#include "storage/index/ordered_index.h"

namespace engram {

struct LookupPosition {
  std::string sort_key;
  VertexId vertex;

  /// Nothing: the bytes are not from `packed`.
  static std::optional<LookupPosition> read(capnp::Data::Reader bytes) {
    Unpacker in({reinterpret_cast<const std::byte*>(bytes.begin()), bytes.size()});
    LookupPosition position;
    position.vertex.value = in.number();
    position.sort_key = in.text();
    bool whole = in.ok() && in.at_end() && position.sort_key.size() <= OrderedIndex::max_sort_key_bytes;
    return whole ? std::optional(position) : std::nullopt;
  }
  [[nodiscard]] std::string packed() const {
    Packer out;
    out.number(vertex.value).text(sort_key);
    return std::string(out.bytes());
  }

  /// The least local id that comes behind it among a partition's vertices of the same sort key.
  [[nodiscard]] LocalId first_behind(PartitionId partition) const {
    if (partition > vertex.partition()) return {0};
    return partition == vertex.partition() ? LocalId{vertex.local().value + 1} : LocalId{~std::uint64_t{0}};
  }
};

}  // namespace engram
