#include "tools/import/row_decoder.h"

#include <cmath>

#include "storage/base/graph_limits.h"

namespace engram::import {

namespace {

std::string too_long(const char* what, std::size_t most) {
  return std::string(what) + " has at most " + std::to_string(most) + " bytes";
}

/// An empty cell is an absent value, except that "" in quotes is the empty text, list, vector or byte string.
bool is_absent(CellType type, const Cell& cell) {
  if (cell.size > 0) return false;
  bool can_be_empty =
      type.list || type.kind == CellKind::text || type.kind == CellKind::bytes || type.kind == CellKind::vector;
  return cell.quoted == 0 || !can_be_empty;
}

}  // namespace

std::string problem_of_key(std::string_view key) {
  if (key.empty()) return "a key is empty";
  if (key.size() > max_key_bytes) return too_long("a key", max_key_bytes) + ", this one " + std::to_string(key.size());
  return {};
}

std::string problem_of_type(std::string_view type) {
  if (type.empty()) return "the edge has no type; give one for all edges without with --type";
  if (type.size() > max_name_bytes) return too_long("a type or a label", max_name_bytes);
  return {};
}

RowDecoder::RowDecoder(Columns columns, DecoderOptions options)
    : columns_(std::move(columns)), options_(std::move(options)) {}

bool RowDecoder::fail(const Cell& cell, std::string message) {
  problem_ = {cell.offset, std::move(message)};
  return false;
}

bool RowDecoder::decode(std::span<const Cell> cells, std::size_t raw_bytes, Record& record) {
  const auto& columns = columns_.columns;
  if (cells.size() != columns.size()) [[unlikely]] {
    problem_ = {cells.size() > columns.size() ? cells[columns.size()].offset : raw_bytes,
                "the row has " + std::to_string(cells.size()) + " cells instead of " + std::to_string(columns.size())};
    return false;
  }
  record.kind = columns_.kind;
  bool edge = columns_.kind == RecordKind::edge;
  if (edge) {
    record.type = options_.edge_type;
    record.edge.rank = 0;
    record.edge.weight = 1.0;
    record.edge.keep_weight = true;  // what a row does not name stays
    record.edge.create_missing = options_.create_missing;
  } else {
    record.vertex.labels.clear();
  }
  PropertyFiller properties(edge ? record.edge.properties : record.vertex.properties);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    const Column& column = columns[i];
    bool good = true;
    switch (column.role) {
      case ColumnRole::property: good = take_property(column, cells[i], properties); break;
      case ColumnRole::rank:
      case ColumnRole::weight: good = take_number_role(column, cells[i], record); break;
      case ColumnRole::ignored:
      case ColumnRole::edge_id: break;
      default: good = take_text_role(column, cells[i], record); break;
    }
    if (good && column.role == ColumnRole::vertex_key && !column.name.empty())
      good = take_property(column, cells[i], properties);
    if (!good) return false;
  }
  properties.finish();
  if (!edge) return true;
  std::string message = problem_of_type(record.type);
  return message.empty() || fail(Cell{}, std::move(message));
}

bool RowDecoder::take_text_role(const Column& column, const Cell& cell, Record& record) {
  switch (column.role) {
    case ColumnRole::vertex_key:
      record.key_offset = cell.offset;
      return take_key(column, cell, composed_key_, record.key);
    case ColumnRole::source:
      record.source_offset = cell.offset;
      return take_key(column, cell, composed_source_, record.source);
    case ColumnRole::target:
      record.target_offset = cell.offset;
      return take_key(column, cell, composed_target_, record.target);
    case ColumnRole::type:
      if (cell.size > 0) record.type = cell.text();
      return cell.size <= max_name_bytes || fail(cell, problem_of_type(cell.text()));
    default: take_labels(cell, record.vertex.labels); return true;
  }
}

bool RowDecoder::take_key(const Column& column, const Cell& cell, std::string& composed, std::string_view& key) {
  key = cell.text();
  if (options_.prefix_id_groups && !column.id_group.empty() && !key.empty()) {
    composed.assign(column.id_group).append(":").append(key);
    key = composed;
  }
  if (!key.empty() && key.size() <= max_key_bytes) [[likely]]
    return true;
  return fail(cell, column.header + ": " + problem_of_key(key));
}

bool RowDecoder::take_number_role(const Column& column, const Cell& cell, Record& record) {
  if (cell.size == 0) return true;
  if (Status status = parse_value(column.type, columns_.convention, cell.text(), number_); !status.ok())
    return fail(cell, column.header + ": " + status.message());
  if (column.role == ColumnRole::rank) {
    record.edge.rank = *number_.get_if<std::int64_t>();
    return true;
  }
  record.edge.weight = *number_.get_if<double>();
  record.edge.keep_weight = false;
  return std::isfinite(record.edge.weight) || fail(cell, column.header + ": a weight has to be finite");
}

bool RowDecoder::take_property(const Column& column, const Cell& cell, PropertyFiller& properties) {
  if (is_absent(column.type, cell)) return true;
  Status status = parse_value(column.type, columns_.convention, cell.text(), properties.add(column.name));
  return status.ok() || fail(cell, column.header + ": " + status.message());
}

void RowDecoder::take_labels(const Cell& cell, std::vector<std::string>& labels) {
  std::string_view rest = cell.text();
  std::string label;
  auto finish = [&] {
    if (!label.empty()) labels.push_back(label);
    label.clear();
  };
  for (std::size_t i = 0; i < rest.size(); ++i) {
    bool escaped = columns_.convention == Convention::gremlin && rest.substr(i).starts_with("\\;");
    if (escaped) ++i;
    if (rest[i] == ';' && !escaped) {
      finish();
    } else {
      label += rest[i];
    }
  }
  finish();
}

}  // namespace engram::import
