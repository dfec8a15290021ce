#pragma once
// What the columns of a file mean: read from its header, or given for a plain list.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "tools/import/record.h"
#include "tools/import/value_text.h"

namespace engram::import {

enum class ColumnRole : std::uint8_t {
  property,
  vertex_key,
  labels,
  source,
  target,
  type,
  edge_id,
  rank,
  weight,
  ignored
};

struct Column {
  ColumnRole role = ColumnRole::property;
  std::string name = {};      // of the property; a key with a name is kept as a property too
  CellType type = {};
  std::string id_group = {};  // Neo4j: the ids of different groups may be the same
  std::string header = {};    // as it stands in the file, for messages
};

struct Columns {
  Convention convention = Convention::neo4j;
  RecordKind kind = RecordKind::vertex;
  std::vector<Column> columns;
};

/// What the user wants of particular columns.
struct ColumnChoices {
  std::string weight_column = {};   // of edges: the property that is the weight instead
  std::string rank_column = {};     // of edges: an integer column, or the ~id, that is the rank instead
  bool keep_edge_id = false;        // the ~id of an edge becomes its property "id"; otherwise it is dropped
};

/// A problem's offset is the number of the cell here, from 0.
std::variant<Columns, Problem> parse_header(Convention convention, std::span<const std::string_view> cells,
                                            const ColumnChoices& choices);

/// One key in a line.
Columns vertex_list_columns();
/// Source and target, and perhaps a weight.
Columns edge_list_columns(bool with_weight);

/// Whether the cell can only be of a header of that convention.
bool names_neo4j_column(std::string_view cell);
bool names_gremlin_column(std::string_view cell);

}  // namespace engram::import
