#include "tools/import/csv_export.h"

#include "tools/import/atomic_file.h"
#include "tools/import/csv_reader.h"

namespace engram::import {

namespace {

constexpr CellType list_of_text{CellKind::text, true};
constexpr std::size_t columns_around = 6;   // most that there are beside the properties

std::string owner_of(const client::Vertex& vertex) { return "vertex \"" + vertex.key + '"'; }
std::string owner_of(const client::Edge& edge) {
  return "edge \"" + edge.source_key + "\" -" + edge.type + "-> \"" + edge.target_key + '"';
}

Status unfit(const std::string& owner, std::string_view property, const std::string& why) {
  return {Code::unsupported, owner + ", property \"" + std::string(property) + "\": " + why};
}

}  // namespace

Status CsvTable::observe(const client::Vertex& vertex) { return observe(vertex.properties, owner_of(vertex)); }

Status CsvTable::observe(const client::Edge& edge) {
  has_ranks_ |= edge.rank != 0;
  has_weights_ |= edge.weight != 1.0;
  return observe(edge.properties, owner_of(edge));
}

Status CsvTable::observe(const std::vector<client::Property>& properties, const std::string& owner) {
  for (const auto& property : properties) {
    auto fitting = fitting_type(property.value);
    if (!fitting)
      return unfit(owner, property.name, "a list of lists or of several kinds does not fit into CSV; export as jsonl");
    if (convention_ == Convention::gremlin && property.name.starts_with('~'))
      return unfit(owner, property.name,
                   "a name that begins with ~ does not fit into csv-gremlin; export as csv-neo4j or jsonl");
    auto [found, added] = columns_.try_emplace(property.name, PropertyColumn{*fitting});
    if (added && columns_.size() + columns_around > max_columns)
      return unfit(owner, property.name,
                   "it would be one column more than the " + std::to_string(max_columns) +
                       " that a CSV row can have; export as jsonl");
    FittingType& known = found->second.type;
    if (added || known.type == fitting->type) {
      known.any_list &= fitting->any_list;
      continue;
    }
    bool both_lists = known.type.list && fitting->type.list;
    if (both_lists && known.any_list) {
      known = *fitting;
    } else if (!both_lists || !fitting->any_list) {
      return unfit(owner, property.name,
                   "it is " + name_of(fitting->type, Convention::neo4j) + " here and " +
                       name_of(known.type, Convention::neo4j) +
                       " elsewhere, and a CSV column has one type; export as jsonl");
    }
  }
  return {};
}

void CsvTable::append_vertex_header(std::string& out) const {
  out += convention_ == Convention::neo4j ? ":ID,:LABEL" : "~id,~label";
  append_property_header(out);
}

void CsvTable::append_edge_header(std::string& out) const {
  bool neo4j = convention_ == Convention::neo4j;
  out += neo4j ? ":START_ID,:END_ID,:TYPE" : "~id,~from,~to,~label";
  if (has_ranks_) out += neo4j ? ",:RANK" : ",~rank";
  if (has_weights_) out += neo4j ? ",:WEIGHT" : ",~weight";
  append_property_header(out);
}

void CsvTable::append_property_header(std::string& out) const {
  for (const auto& [name, column] : columns_) {
    out += ',';
    append_csv_cell(out, name + ':' + name_of(column.type.type, convention_));
  }
  out += '\n';
}

Status CsvTable::append(const client::Vertex& vertex, std::string& out) {
  append_csv_cell(out, vertex.key);
  out += ',';
  cell_.clear();
  client::List labels(vertex.labels.begin(), vertex.labels.end());
  if (Status status = append_value(list_of_text, convention_, client::Value(std::move(labels)), cell_); !status.ok())
    return unfit(owner_of(vertex), "labels", status.message());
  append_csv_cell(out, cell_);
  return append_properties(vertex.properties, owner_of(vertex), out);
}

Status CsvTable::append(const client::Edge& edge, std::string& out) {
  // Other loaders want an id of each edge; ours has no use for it.
  if (convention_ == Convention::gremlin) out += std::to_string(++edges_written_) + ',';
  append_csv_cell(out, edge.source_key);
  out += ',';
  append_csv_cell(out, edge.target_key);
  out += ',';
  append_csv_cell(out, edge.type);
  bool changed = (edge.rank != 0 && !has_ranks_) || (edge.weight != 1.0 && !has_weights_);
  if (changed) return {Code::conflict, "the graph changed while it was exported: export again, or as jsonl"};
  if (has_ranks_) out += ',' + std::to_string(edge.rank);
  if (has_weights_) {
    out += ',';
    append_number(out, edge.weight);
  }
  return append_properties(edge.properties, owner_of(edge), out);
}

Status CsvTable::append_properties(const std::vector<client::Property>& properties, const std::string& owner,
                                   std::string& out) {
  if (row_.size() != columns_.size()) {  // the first row
    std::size_t place = 0;
    for (auto& [name, column] : columns_) column.place = place++;
  }
  row_.assign(columns_.size(), nullptr);
  for (const auto& property : properties) {
    auto found = columns_.find(property.name);
    auto fitting = fitting_type(property.value);
    bool fits = found != columns_.end() && fitting &&
                (fitting->type == found->second.type.type || (fitting->any_list && found->second.type.type.list));
    if (!fits) return unfit(owner, property.name, "the graph changed while it was exported: export again, or as jsonl");
    row_[found->second.place] = &property.value;
  }
  for (const auto& [name, column] : columns_) {
    out += ',';
    const client::Value* value = row_[column.place];
    if (value == nullptr) continue;
    cell_.clear();
    if (Status status = append_value(column.type.type, convention_, *value, cell_); !status.ok())
      return unfit(owner, name, status.message());
    append_csv_cell(out, cell_, cell_.empty());
  }
  out += '\n';
  return {};
}

}  // namespace engram::import
