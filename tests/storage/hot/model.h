#pragma once
// A plain model of an adjacency, and random edges for it.

#include <map>
#include <random>
#include <string>
#include <vector>

#include "storage/hot/adjacency.h"
#include "storage/hot/properties.h"

namespace engram::test {

using Random = std::mt19937_64;

inline std::uint64_t below(Random& random, std::uint64_t bound) { return random() % bound; }

/// An edge that owns its properties.
struct ModelEdge {
  double weight = 1.0;
  std::int64_t created_ns = 0;
  std::int64_t changed_ns = 0;
  std::uint64_t version = 0;
  std::string properties;
  bool operator==(const ModelEdge&) const = default;
};

inline ModelEdge to_model(const EdgeEntry& entry) {
  return {entry.weight, entry.created_ns, entry.changed_ns, entry.version, std::string(as_text(entry.properties))};
}

inline EdgeEntry to_entry(const EdgeSlot& slot, const ModelEdge& edge) {
  return {slot, edge.weight, edge.created_ns, edge.changed_ns, edge.version, as_bytes(edge.properties)};
}

/// Packed properties: one, of `text_bytes` characters.
inline std::string text_property(std::size_t text_bytes) {
  std::string value("\x05", 1);
  append_varint(value, text_bytes);
  value.append(text_bytes, 'x');
  return change_properties({}, {{NameId{3}, value}}, true);
}

inline EdgeSlot random_slot(Random& random, std::uint64_t neighbours) {
  EdgeSlot slot;
  slot.type = {static_cast<std::uint32_t>(1 + below(random, 3))};
  slot.neighbour = VertexId::of({static_cast<std::uint16_t>(below(random, 2))}, {below(random, neighbours)});
  if (below(random, 8) == 0) slot.rank = static_cast<std::int64_t>(below(random, 5)) - 2;
  if (below(random, 500) == 0) slot.rank = std::numeric_limits<std::int64_t>::min();
  return slot;
}

inline double random_weight(Random& random) {
  switch (below(random, 6)) {
    case 0: return static_cast<double>(below(random, 1000));
    case 1: return static_cast<double>(random()) / 3.0;
    case 2: return -0.0;
    default: return 1.0;
  }
}

inline ModelEdge random_edge(Random& random, Side side, std::size_t properties_bytes) {
  ModelEdge edge;
  edge.weight = random_weight(random);
  if (side == Side::in) return edge;
  // Commands of one batch share their stamps; clocks may jump back, and far.
  edge.created_ns = 1'700'000'000'000'000'000 + static_cast<std::int64_t>(below(random, 5)) * 3'600'000'000'000;
  if (below(random, 100) == 0) edge.created_ns = static_cast<std::int64_t>(random());
  edge.changed_ns = edge.created_ns;
  if (below(random, 4) == 0) edge.changed_ns += static_cast<std::int64_t>(below(random, 1000)) - 200;
  edge.version = below(random, 20) == 0 ? random() : 1'000'000 + below(random, 4);
  if (below(random, 5) == 0) edge.properties = text_property(below(random, properties_bytes));
  return edge;
}

class AdjacencyModel {
 public:
  explicit AdjacencyModel(Side side) : side_(side) {}

  std::map<EdgeSlot, ModelEdge> edges;

  /// All of the adjacency, read in every way there is, is what the model says. Empty if so, else what differs.
  [[nodiscard]] std::string difference(const Adjacency& adjacency) const {
    if (adjacency.degree() != edges.size()) return "degree";
    auto cursor = adjacency.begin();
    EdgeEntry entry;
    for (const auto& [slot, edge] : edges) {
      if (!cursor.next(entry)) return "the cursor ends early";
      if (entry.slot != slot) return "slot";
      if (!(to_model(entry) == edge)) return "edge";
    }
    if (cursor.next(entry)) return "the cursor goes on behind the last edge";
    return {};
  }

 private:
  Side side_;
};

}  // namespace engram::test
