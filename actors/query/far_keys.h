#pragma once
// The keys of edges' other ends: a partition knows only the keys of its own vertices.

#include "actors/query/round_query.h"

namespace engram {

/// The id of the edge's end whose key is missing; nothing if both are there.
inline std::optional<std::uint64_t> far_end(schema::Edge::Reader edge) {
  if (edge.getTargetKey().size() == 0) return edge.getTarget();
  if (edge.getSourceKey().size() == 0) return edge.getSource();
  return std::nullopt;
}

/// The distinct ids of far ends, ascending.
class FarEnds {
 public:
  void add(schema::Edge::Reader edge) {
    if (auto id = far_end(edge)) ids_.push_back(*id);
  }
  /// After the last `add`.
  const std::vector<std::uint64_t>& ids();
  [[nodiscard]] std::size_t position(std::uint64_t id) const;
  /// Writes the missing key of `edge`; `vertices` are parallel to ids(). False: that vertex vanished.
  [[nodiscard]] bool fill(schema::Edge::Builder edge, const std::vector<schema::Vertex::Reader>& vertices) const;

 private:
  std::vector<std::uint64_t> ids_;
};

}  // namespace engram
