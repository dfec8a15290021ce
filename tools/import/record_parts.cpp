#include "tools/import/record_parts.h"

namespace engram::import {

const std::vector<client::Property>& properties_of(const Record& record) {
  return record.kind == RecordKind::edge ? record.edge.properties : record.vertex.properties;
}

bool has_few_names(const Record& record) {
  bool few_labels = record.kind == RecordKind::edge || record.vertex.labels.size() <= max_names_of_operation;
  return few_labels && properties_of(record).size() <= max_names_of_operation;
}

/// What is done once (to replace, to remove, to weigh, to create) is done by the first part.
void RecordParts::begin(Record& part) const {
  part = Record();
  part.kind = whole_.kind;
  part.key = whole_.key;
  part.source = whole_.source;
  part.type = whole_.type;
  part.target = whole_.target;
  part.edge.rank = whole_.edge.rank;
  if (!first_) {
    part.edge.keep_weight = true;
    return;
  }
  part.vertex.mode = whole_.vertex.mode;
  part.vertex.remove_labels = whole_.vertex.remove_labels;
  part.vertex.replace = whole_.vertex.replace;
  part.edge.mode = whole_.edge.mode;
  part.edge.weight = whole_.edge.weight;
  part.edge.keep_weight = whole_.edge.keep_weight;
  part.edge.replace = whole_.edge.replace;
  part.edge.create_missing = whole_.edge.create_missing;
}

bool RecordParts::next(Record& part) {
  const auto& labels = whole_.vertex.labels;
  const auto& properties = properties_of(whole_);
  std::size_t label_count = whole_.kind == RecordKind::edge ? 0 : labels.size();
  if (!first_ && labels_ == label_count && properties_ == properties.size()) return false;
  begin(part);
  first_ = false;
  std::size_t bytes = encoded_bytes(part);
  bool empty = true;
  auto takes = [&](std::size_t count, std::size_t more_bytes) {
    if (!empty && (count == max_names_of_operation || bytes + more_bytes > max_bytes_)) return false;
    bytes += more_bytes;
    empty = false;
    return true;
  };
  while (labels_ < label_count && takes(part.vertex.labels.size(), encoded_label_bytes(labels[labels_])))
    part.vertex.labels.push_back(labels[labels_++]);
  auto& to = part.kind == RecordKind::edge ? part.edge.properties : part.vertex.properties;
  while (labels_ == label_count && properties_ < properties.size() &&
         takes(to.size(), encoded_bytes(properties[properties_])))
    to.push_back(properties[properties_++]);
  return true;
}

}  // namespace engram::import
