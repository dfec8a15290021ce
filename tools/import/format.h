#pragma once
// Which format a file is in, told from its first lines.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "storage/base/result.h"
#include "tools/import/csv_reader.h"

namespace engram::import {

enum class Format : std::uint8_t { automatic, csv_neo4j, csv_gremlin, edge_list, vertex_list, jsonl };

/// What --format takes: "auto", "csv-neo4j", "csv-gremlin", "edge-list", "vertex-list", "jsonl".
std::optional<Format> format_named(std::string_view name);
std::string_view name_of(Format format);

/// What the user says of a file, by naming it with --nodes or --edges.
enum class Expected : std::uint8_t { anything, vertices, edges };

struct Layout {
  Format format = Format::automatic;
  CsvOptions csv;            // how the file is cut into rows and cells
  bool has_header = false;   // the first row names the columns
  bool weighted = false;     // an edge list with a third column
};

struct LayoutWishes {
  Format format = Format::automatic;
  Expected expected = Expected::anything;
  char delimiter = '\0';   // '\0': found out
};

/// `beginning`: the first bytes of the input. A header with :ID or ~id tells its convention, a line that begins with {
/// is JSON, and rows of one, two or three cells are a list. A first row that looks like a header of neither convention
/// is an error. A file without a row is an empty list.
Result<Layout> recognise(std::string_view beginning, const LayoutWishes& wishes);

}  // namespace engram::import
