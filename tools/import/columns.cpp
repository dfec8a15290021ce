#include "tools/import/columns.h"

#include <algorithm>
#include <array>
#include <optional>

namespace engram::import {

namespace {

struct SystemColumn {
  std::string_view name;
  ColumnRole role;
};
constexpr std::array neo4j_columns = {
    SystemColumn{"ID", ColumnRole::vertex_key},   SystemColumn{"LABEL", ColumnRole::labels},
    SystemColumn{"START_ID", ColumnRole::source}, SystemColumn{"END_ID", ColumnRole::target},
    SystemColumn{"TYPE", ColumnRole::type},       SystemColumn{"IGNORE", ColumnRole::ignored},
    SystemColumn{"RANK", ColumnRole::rank},       SystemColumn{"WEIGHT", ColumnRole::weight},
};
constexpr std::array gremlin_columns = {
    SystemColumn{"~id", ColumnRole::vertex_key}, SystemColumn{"~label", ColumnRole::labels},
    SystemColumn{"~from", ColumnRole::source},   SystemColumn{"~to", ColumnRole::target},
    SystemColumn{"~rank", ColumnRole::rank},     SystemColumn{"~weight", ColumnRole::weight},
};

constexpr std::string_view known_types =
    "string, int, long, float, double, boolean, byte, short, char, date, datetime, timestamp, bytes, vector, "
    "and lists of them as int[]";

using Parsed = std::variant<Column, std::string>;   // a column, or what is wrong with it

template <typename Table>
std::optional<ColumnRole> role_named(const Table& table, std::string_view name) {
  for (const auto& known : table)
    if (known.name == name) return known.role;
  return std::nullopt;
}

CellType type_of_role(ColumnRole role) {
  if (role == ColumnRole::rank) return {CellKind::int64, false};
  if (role == ColumnRole::weight) return {CellKind::float64, false};
  return {CellKind::text, false};
}

Parsed property_column(std::string_view cell, std::string_view name, std::string_view type_name) {
  Column column;
  column.name = name;
  column.header = cell;
  auto type = cell_type_named(type_name);
  if (!type) return "unknown type \"" + std::string(type_name) + "\"; known are " + std::string(known_types);
  column.type = *type;
  if (column.name.empty()) return std::string("a property without a name");
  if (column.name.size() > 256) return std::string("a property's name has at most 256 bytes");
  return column;
}

/// name:ID(Group), :LABEL, name:int[], name
Parsed parse_neo4j(std::string_view cell) {
  if (cell.ends_with('}')) return std::string("options in braces are not understood; leave them out");
  std::size_t colon = cell.rfind(':');
  if (colon == std::string_view::npos) return property_column(cell, cell, "string");
  std::string_view name = cell.substr(0, colon);
  std::string_view kind = cell.substr(colon + 1);
  std::string_view group;
  if (std::size_t open = kind.find('('); open != std::string_view::npos && kind.ends_with(')')) {
    group = kind.substr(open + 1, kind.size() - open - 2);
    kind = kind.substr(0, open);
  }
  auto role = role_named(neo4j_columns, kind);
  if (!role) return property_column(cell, name, cell.substr(colon + 1));
  Column column{*role, {}, type_of_role(*role), std::string(group), std::string(cell)};
  if (*role == ColumnRole::vertex_key) column.name = name;
  return column;
}

/// ~id, name:Int, name:String(set), name
Parsed parse_gremlin(std::string_view cell) {
  if (auto role = role_named(gremlin_columns, cell))
    return Column{*role, {}, type_of_role(*role), {}, std::string(cell)};
  if (cell.starts_with('~'))
    return std::string("unknown system column; known are ~id, ~label, ~from, ~to, ~rank and ~weight");
  std::size_t colon = cell.rfind(':');
  if (colon == std::string_view::npos) return property_column(cell, cell, "string");
  std::string_view type = cell.substr(colon + 1);
  bool set = false;
  for (std::string_view cardinality : {"(single)", "(set)"}) {
    if (!type.ends_with(cardinality)) continue;
    type.remove_suffix(cardinality.size());
    set = cardinality == "(set)";
  }
  Parsed parsed = property_column(cell, cell.substr(0, colon), type);
  if (auto* column = std::get_if<Column>(&parsed); column != nullptr && set && column->type.kind != CellKind::vector)
    column->type.list = true;
  return parsed;
}

bool has(const Columns& columns, ColumnRole role) {
  return std::any_of(columns.columns.begin(), columns.columns.end(), [&](const Column& c) { return c.role == role; });
}

/// In a file of edges, ~id is the edge's and ~label its type.
void settle_kind(Columns& columns) {
  bool edges = has(columns, ColumnRole::source) || has(columns, ColumnRole::target);
  columns.kind = edges ? RecordKind::edge : RecordKind::vertex;
  if (!edges || columns.convention != Convention::gremlin) return;
  for (auto& column : columns.columns) {
    if (column.role == ColumnRole::vertex_key) column.role = ColumnRole::edge_id;
    if (column.role == ColumnRole::labels) column.role = ColumnRole::type;
  }
}

/// Gives a column another role because the user asked for it.
std::optional<Problem> choose(Columns& columns, const std::string& wanted, ColumnRole role, CellKind kind) {
  if (wanted.empty() || columns.kind == RecordKind::vertex) return std::nullopt;
  for (std::size_t i = 0; i < columns.columns.size(); ++i) {
    Column& column = columns.columns[i];
    bool is_wanted = column.header == wanted || (column.role == ColumnRole::property && column.name == wanted);
    if (!is_wanted) continue;
    if (has(columns, role)) return Problem{i, "there is another column for that already"};
    column.role = role;
    column.type = {kind, false};
    return std::nullopt;
  }
  return Problem{0, "there is no column \"" + wanted + "\" in this header"};
}

std::optional<Problem> check_roles(const Columns& columns) {
  const auto& list = columns.columns;
  for (std::size_t i = 0; i < list.size(); ++i) {
    if (list[i].role == ColumnRole::ignored) continue;
    for (std::size_t j = 0; j < i; ++j) {
      bool same_property = !list[i].name.empty() && list[i].name == list[j].name && list[j].role != ColumnRole::ignored;
      if (same_property) return Problem{i, "the property \"" + list[i].name + "\" stands in the header twice"};
      if (list[i].role != ColumnRole::property && list[i].role == list[j].role)
        return Problem{i, "\"" + list[i].header + "\" stands in the header twice"};
    }
  }
  bool neo4j = columns.convention == Convention::neo4j;
  auto lacks = [&](ColumnRole role) { return !has(columns, role); };
  if (columns.kind == RecordKind::vertex) {
    if (lacks(ColumnRole::vertex_key))
      return Problem{0, neo4j ? "the header names no :ID column" : "the header names no ~id column"};
    if (has(columns, ColumnRole::type)) return Problem{0, "a file of vertices has no :TYPE; did you mean :LABEL?"};
    return std::nullopt;
  }
  if (lacks(ColumnRole::source) || lacks(ColumnRole::target))
    return Problem{0, neo4j ? "the header needs both :START_ID and :END_ID" : "the header needs both ~from and ~to"};
  if (has(columns, ColumnRole::vertex_key) || has(columns, ColumnRole::labels))
    return Problem{0, "a file of edges has no :ID and no :LABEL; the edge's type is :TYPE"};
  return std::nullopt;
}

}  // namespace

std::variant<Columns, Problem> parse_header(Convention convention, std::span<const std::string_view> cells,
                                            const ColumnChoices& choices) {
  Columns columns;
  columns.convention = convention;
  for (std::size_t i = 0; i < cells.size(); ++i) {
    Parsed parsed = convention == Convention::neo4j ? parse_neo4j(cells[i]) : parse_gremlin(cells[i]);
    if (auto* message = std::get_if<std::string>(&parsed)) return Problem{i, std::move(*message)};
    columns.columns.push_back(std::move(std::get<Column>(parsed)));
  }
  settle_kind(columns);
  if (auto problem = check_roles(columns)) return std::move(*problem);
  if (auto problem = choose(columns, choices.weight_column, ColumnRole::weight, CellKind::float64))
    return std::move(*problem);
  if (auto problem = choose(columns, choices.rank_column, ColumnRole::rank, CellKind::int64))
    return std::move(*problem);
  for (auto& column : columns.columns) {
    if (column.role != ColumnRole::edge_id) continue;
    column.role = choices.keep_edge_id ? ColumnRole::property : ColumnRole::ignored;
    column.name = "id";
  }
  if (choices.keep_edge_id)
    if (auto problem = check_roles(columns)) return std::move(*problem);
  return columns;
}

Columns vertex_list_columns() {
  return {Convention::neo4j, RecordKind::vertex, {Column{.role = ColumnRole::vertex_key, .header = "the key"}}};
}

Columns edge_list_columns(bool with_weight) {
  Columns columns{Convention::neo4j, RecordKind::edge, {}};
  columns.columns.push_back(Column{.role = ColumnRole::source, .header = "the source"});
  columns.columns.push_back(Column{.role = ColumnRole::target, .header = "the target"});
  if (with_weight) {
    columns.columns.push_back(
        Column{.role = ColumnRole::weight, .type = {CellKind::float64, false}, .header = "the weight"});
  }
  return columns;
}

bool names_neo4j_column(std::string_view cell) {
  if (cell.ends_with('}')) cell = cell.substr(0, cell.find('{'));
  std::size_t colon = cell.rfind(':');
  if (colon == std::string_view::npos) return false;
  std::string_view kind = cell.substr(colon + 1);
  return role_named(neo4j_columns, kind.substr(0, kind.find('('))).has_value();
}

bool names_gremlin_column(std::string_view cell) { return cell.starts_with('~'); }

}  // namespace engram::import
