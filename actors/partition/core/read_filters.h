#pragma once
// Filters and projections of reads, with names already interned and values packed: made once a request, used a vertex or
// an edge at a time.

#include <string>
#include <vector>

#include "actors/partition/core/graph.h"
#include "schema/client.capnp.h"

namespace engram {

class PropertyFilters {
 public:
  Status compile(capnp::List<schema::PropertyFilter>::Reader filters, const Dictionary& dictionary);
  [[nodiscard]] bool admit(Bytes properties) const;
  [[nodiscard]] bool empty() const { return filters_.empty(); }

 private:
  struct Filter {
    std::optional<NameId> name;  // nothing: no vertex or edge of this partition has such a property
    schema::Comparison comparison;
    std::string value;
  };
  std::vector<Filter> filters_;
};

class CompiledVertexFilter {
 public:
  Status compile(schema::VertexFilter::Reader filter, const Dictionary& dictionary);
  [[nodiscard]] bool admit(const VertexHead& head) const;
  [[nodiscard]] bool empty() const { return labels_.empty() && !impossible_ && properties_.empty(); }

 private:
  std::vector<NameId> labels_;
  bool impossible_ = false;  // asks for a label that nothing here has
  PropertyFilters properties_;
};

class CompiledEdgeFilter {
 public:
  Status compile(schema::EdgeFilter::Reader filter, const Dictionary& dictionary);
  [[nodiscard]] bool admit(const EdgeEntry& entry) const {
    if (entry.weight < min_weight_ || entry.weight > max_weight_) return false;
    if (!types_.empty() || impossible_) {
      if (!admits_type(entry.slot.type)) return false;
    }
    return properties_.empty() || properties_.admit(entry.properties);
  }
  [[nodiscard]] bool admits_type(NameId type) const;
  /// It lets some types through only.
  [[nodiscard]] bool has_types() const { return impossible_ || !types_.empty(); }
  /// The first type behind that one which it lets through.
  [[nodiscard]] std::optional<NameId> type_behind(NameId type) const;
  [[nodiscard]] bool has_property_filters() const { return !properties_.empty(); }

 private:
  std::vector<NameId> types_;  // ascending
  bool impossible_ = false;
  double min_weight_ = 0;
  double max_weight_ = 0;
  PropertyFilters properties_;
};

/// The edges of a vertex that a filter lets through, in order. Of a large one, the edges of other types are not looked at.
class FilteredEdges {
 public:
  FilteredEdges(const Adjacency& edges, const CompiledEdgeFilter& filter, const EdgeSlot& from = first_slot)
      : edges_(edges), filter_(filter),
        skips_(filter.has_types() && edges.degree() > Adjacency::max_chunk_edges),
        cursor_(from == first_slot ? edges.begin() : edges.seek(from)) {}

  bool next(EdgeEntry& entry) {
    while (cursor_.next(entry)) {
      if (filter_.admit(entry)) return true;
      if (skips_ && !filter_.admits_type(entry.slot.type) && !skip(entry.slot.type)) return false;
    }
    return false;
  }

 private:
  bool skip(NameId type);

  const Adjacency& edges_;
  const CompiledEdgeFilter& filter_;
  const bool skips_;
  Adjacency::Cursor cursor_;
};

class CompiledProjection {
 public:
  CompiledProjection(schema::Projection::Reader projection, const Dictionary& dictionary);
  void write_vertex(const VertexHead& head, VertexId id, schema::Vertex::Builder out) const;
  /// About how much of packed properties it lets through.
  [[nodiscard]] std::size_t bytes_of(Bytes properties) const;
  void write_properties(Bytes properties, const std::function<capnp::List<schema::Property>::Builder(unsigned)>& init) const;

 private:
  [[nodiscard]] bool wants(NameId name) const;

  const Dictionary& dictionary_;
  bool properties_;
  bool labels_;
  bool only_some_;
  std::vector<NameId> only_;
};


}  // namespace engram
