#pragma once
// What an edge looks like from one of its two ends: the unit in which adjacencies are read and changed.

#include <compare>
#include <cstdint>
#include <limits>

#include "storage/base/bytes.h"
#include "storage/base/ids.h"

namespace engram {

enum class Side : std::uint8_t { out = 0, in = 1 };

/// What tells a vertex's edges on one side apart, in the order in which they are stored.
struct EdgeSlot {
  NameId type;
  VertexId neighbour;
  std::int64_t rank = 0;
  auto operator<=>(const EdgeSlot&) const = default;
};

/// Before every other slot: the separator of an adjacency's first chunk.
inline constexpr EdgeSlot first_slot{NameId{0}, VertexId{0}, std::numeric_limits<std::int64_t>::min()};

struct EdgeEntry {
  EdgeSlot slot;
  double weight = 1.0;
  // On the side `out` only; zero and empty on the side `in`.
  std::int64_t created_ns = 0;
  std::int64_t changed_ns = 0;
  std::uint64_t version = 0;
  Bytes properties;  // As storage/hot/properties.h encodes them; points into the chunk: valid until the next change.
};

}  // namespace engram
