#include "actors/query/far_keys.h"

#include <algorithm>

namespace engram {

const std::vector<std::uint64_t>& FarEnds::ids() {
  sort_ids(ids_);
  ids_.erase(std::unique(ids_.begin(), ids_.end()), ids_.end());
  return ids_;
}

std::size_t FarEnds::position(std::uint64_t id) const {
  return static_cast<std::size_t>(std::lower_bound(ids_.begin(), ids_.end(), id) - ids_.begin());
}

bool FarEnds::fill(schema::Edge::Builder edge, const std::vector<schema::Vertex::Reader>& vertices) const {
  auto id = far_end(edge.asReader());
  if (!id) return true;
  schema::Vertex::Reader vertex = vertices[position(*id)];
  if (!vertex.getFound()) return false;
  if (edge.getTargetKey().size() == 0) {
    edge.setTargetKey(vertex.getKey());
  } else {
    edge.setSourceKey(vertex.getKey());
  }
  return true;
}

}  // namespace engram
