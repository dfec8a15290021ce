#include "actors/partition/core/read_filters.h"

#include <algorithm>

#include "actors/partition/core/batch_applier.h"
#include "storage/hot/properties.h"

namespace engram {

Status PropertyFilters::compile(capnp::List<schema::PropertyFilter>::Reader filters, const Dictionary& dictionary) {
  for (schema::PropertyFilter::Reader filter : filters) {
    Filter compiled{dictionary.find(text_of(filter.getName())), filter.getComparison(), {}};
    if (Status status = pack_value(filter.getValue(), compiled.value); !status.ok()) return status;
    filters_.push_back(std::move(compiled));
  }
  return {};
}

bool PropertyFilters::admit(Bytes properties) const {
  for (const Filter& filter : filters_) {
    auto value = filter.name ? find_property(properties, *filter.name) : std::nullopt;
    auto order = value ? compare_values(*value, as_bytes(filter.value)) : std::nullopt;
    bool holds = false;
    switch (filter.comparison) {
      case schema::Comparison::EQUAL: holds = order && *order == 0; break;
      case schema::Comparison::NOT_EQUAL: holds = !order || *order != 0; break;
      case schema::Comparison::LESS: holds = order && *order < 0; break;
      case schema::Comparison::LESS_OR_EQUAL: holds = order && *order <= 0; break;
      case schema::Comparison::GREATER: holds = order && *order > 0; break;
      case schema::Comparison::GREATER_OR_EQUAL: holds = order && *order >= 0; break;
      case schema::Comparison::EXISTS: holds = value.has_value(); break;
      case schema::Comparison::ABSENT: holds = !value.has_value(); break;
    }
    if (!holds) return false;
  }
  return true;
}

Status CompiledVertexFilter::compile(schema::VertexFilter::Reader filter, const Dictionary& dictionary) {
  for (auto label : filter.getLabels()) {
    auto name = dictionary.find(text_of(label));
    if (name) labels_.push_back(*name);
    impossible_ = impossible_ || !name;
  }
  return properties_.compile(filter.getProperties(), dictionary);
}

bool CompiledVertexFilter::admit(const VertexHead& head) const {
  if (impossible_) return false;
  for (NameId label : labels_)
    if (!head.has_label(label)) return false;
  return properties_.empty() || properties_.admit(head.properties);
}

Status CompiledEdgeFilter::compile(schema::EdgeFilter::Reader filter, const Dictionary& dictionary) {
  for (auto type : filter.getTypes()) {
    auto name = dictionary.find(text_of(type));
    if (name) types_.push_back(*name);
  }
  std::sort(types_.begin(), types_.end());
  impossible_ = filter.getTypes().size() > 0 && types_.empty();
  min_weight_ = filter.getMinWeight();
  max_weight_ = filter.getMaxWeight();
  return properties_.compile(filter.getProperties(), dictionary);
}

bool CompiledEdgeFilter::admits_type(NameId type) const {
  return !impossible_ && (types_.empty() || std::find(types_.begin(), types_.end(), type) != types_.end());
}

std::optional<NameId> CompiledEdgeFilter::type_behind(NameId type) const {
  auto at = std::upper_bound(types_.begin(), types_.end(), type);
  return at == types_.end() ? std::nullopt : std::optional(*at);
}

bool FilteredEdges::skip(NameId type) {
  auto next = filter_.type_behind(type);
  if (next) cursor_ = edges_.seek({*next, first_slot.neighbour, first_slot.rank});
  return next.has_value();
}

CompiledProjection::CompiledProjection(schema::Projection::Reader projection, const Dictionary& dictionary)
    : dictionary_(dictionary),
      properties_(projection.getProperties()),
      labels_(projection.getLabels()),
      only_some_(projection.getOnly().size() > 0) {
  for (auto name : projection.getOnly())
    if (auto id = dictionary.find(text_of(name))) only_.push_back(*id);
}

void CompiledProjection::write_vertex(const VertexHead& head, VertexId id, schema::Vertex::Builder out) const {
  out.setId(id.value);
  out.setFound(true);
  out.setKey({head.key.data(), head.key.size()});
  out.setCreatedNs(head.created_ns);
  out.setChangedNs(head.changed_ns);
  out.setVersion(head.version);
  if (labels_ && head.label_count > 0) {
    auto labels = out.initLabels(head.label_count);
    unsigned index = 0;
    for (NameId label : head.labels()) {
      auto name = dictionary_.name(label);
      std::memcpy(labels.init(index++, static_cast<unsigned>(name.size())).begin(), name.data(), name.size());
    }
  }
  write_properties(head.properties, [&](unsigned count) { return out.initProperties(count); });
}

bool CompiledProjection::wants(NameId name) const {
  return !only_some_ || std::find(only_.begin(), only_.end(), name) != only_.end();
}

std::size_t CompiledProjection::bytes_of(Bytes properties) const {
  if (!properties_ || properties.empty()) return 0;
  if (!only_some_) return properties.size();
  std::size_t bytes = 0;
  NameId name;
  Bytes value;
  for (PropertyCursor cursor(properties); cursor.next(name, value);)
    if (wants(name)) bytes += value.size();
  return bytes;
}

void CompiledProjection::write_properties(
    Bytes properties, const std::function<capnp::List<schema::Property>::Builder(unsigned)>& init) const {
  if (!properties_ || properties.empty()) return;
  unsigned count = 0;
  NameId name;
  Bytes value;
  for (PropertyCursor cursor(properties); cursor.next(name, value);)
    if (wants(name)) ++count;
  if (count == 0) return;
  auto list = init(count);
  unsigned index = 0;
  for (PropertyCursor cursor(properties); cursor.next(name, value);) {
    if (!wants(name)) continue;
    auto property = list[index++];
    auto text = dictionary_.name(name);
    std::memcpy(property.initName(static_cast<unsigned>(text.size())).begin(), text.data(), text.size());
    // What was packed by this engine unpacks; a damaged blob was found by its checksum before.
    (void)unpack_value(value, property.initValue());
  }
}

}  // namespace engram
