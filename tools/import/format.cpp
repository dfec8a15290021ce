#include "tools/import/format.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <utility>
#include <vector>

#include "tools/import/columns.h"

namespace engram::import {

namespace {

constexpr std::array<std::pair<std::string_view, Format>, 6> format_names = {{
    {"auto", Format::automatic},
    {"csv-neo4j", Format::csv_neo4j},
    {"csv-gremlin", Format::csv_gremlin},
    {"edge-list", Format::edge_list},
    {"vertex-list", Format::vertex_list},
    {"jsonl", Format::jsonl},
}};

/// The first line that is neither empty nor a comment.
std::string_view first_line(std::string_view text) {
  while (!text.empty()) {
    std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.find_first_not_of(" \t") != std::string_view::npos && !line.starts_with('#')) return line;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return {};
}

/// How people's files begin that are no UTF-8, and what is to be done about it.
constexpr std::array<std::pair<std::string_view, std::string_view>, 4> foreign_beginnings = {{
    {"\xFF\xFE", "the text is UTF-16: convert it to UTF-8, for example by iconv -f UTF-16 -t UTF-8"},
    {"\xFE\xFF", "the text is UTF-16: convert it to UTF-8, for example by iconv -f UTF-16 -t UTF-8"},
    {"\x1F\x8B", "the file is compressed by gzip: decompress it, for example by gunzip -c FILE | engram import -"},
    {"\x28\xB5\x2F\xFD", "the file is compressed by zstd: give it a name that ends in .zst"},
}};

constexpr std::string_view usual_delimiters = "\t,;|";

/// The row that begins where `text` does: a quote at the beginning of a cell may hold line ends. If it does not end in the
/// text, it is what is there of it, without the cell whose quote is open.
std::string_view first_row(std::string_view text, char delimiter) {
  bool quoted = false;
  bool may_open = true;  // at the beginning of a cell, or behind a closing quote: "" goes on
  std::size_t last_delimiter = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '"' && (quoted || may_open)) {
      quoted = !quoted;
      may_open = !quoted;
    } else if (!quoted) {
      if (text[i] == '\n') return text.substr(0, i > 0 && text[i - 1] == '\r' ? i - 1 : i);
      may_open = text[i] == delimiter || usual_delimiters.find(text[i]) != std::string_view::npos;
      if (may_open) last_delimiter = i;
    }
  }
  return quoted ? text.substr(0, last_delimiter) : text;
}

/// The first of the usual delimiters that stands in the line outside of quotes; '\0' if none does.
char find_delimiter(std::string_view line) {
  bool quoted = false;
  for (char byte : line) {
    if (byte == '"') quoted = !quoted;
    if (!quoted && usual_delimiters.find(byte) != std::string_view::npos) return byte;
  }
  return '\0';
}

/// Cuts one row as the reader will cut it.
std::vector<std::string> cells_of(std::string_view row, const CsvOptions& options) {
  CsvReader reader(std::make_unique<MemorySource>(std::string(row)), options);
  std::vector<std::string> cells;
  if (reader.next() != CsvReader::Next::row) return cells;
  for (const Cell& cell : reader.cells()) cells.emplace_back(cell.text());
  return cells;
}

bool is_number(std::string_view text) {
  double number = 0;
  auto [stopped, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && stopped == text.data() + text.size();
}

bool is_usual_header_name(std::string name) {
  std::transform(name.begin(), name.end(), name.begin(), [](char c) { return c >= 'A' && c <= 'Z' ? c + 32 : c; });
  constexpr std::array<std::string_view, 17> names = {"id",     "key",    "name", "node",       "vertex",  "node_id",
                                                      "nodeid", "source", "src",  "target",     "dst",     "from",
                                                      "to",     "start",  "end",  "fromnodeid", "tonodeid"};
  return std::find(names.begin(), names.end(), name) != names.end();
}

CsvOptions list_options(std::string_view line, char delimiter) {
  CsvOptions options;
  options.quotes = false;
  options.comment = '#';
  if (delimiter == '\0') delimiter = find_delimiter(line);
  if (delimiter == '\0' || delimiter == ' ') {
    options.delimiters = " \t";
    options.merge_delimiters = true;
  } else {
    options.delimiters = delimiter;
  }
  return options;
}

Layout json_layout() {
  Layout layout{.format = Format::jsonl};
  layout.csv.delimiters.clear();
  layout.csv.quotes = false;
  layout.csv.max_cell_bytes = SIZE_MAX;  // a line is one
  return layout;
}

Layout vertex_list_layout() {
  Layout layout{.format = Format::vertex_list};
  layout.csv.delimiters.clear();
  layout.csv.quotes = false;
  layout.csv.comment = '#';
  return layout;
}

Layout header_layout(Format format, std::string_view header, char delimiter) {
  Layout layout{.format = format, .has_header = true};
  if (delimiter == '\0') delimiter = find_delimiter(header);
  layout.csv.delimiters = delimiter == '\0' ? ',' : delimiter;
  return layout;
}

Result<Layout> edge_list_layout(std::string_view line, char delimiter) {
  Layout layout{.format = Format::edge_list, .csv = list_options(line, delimiter)};
  std::size_t count = cells_of(line, layout.csv).size();
  if (count != 2 && count != 3 && !line.empty()) {
    return Status(
        Code::invalid_argument,
        "an edge list has two or three cells a row (source, target, weight), this one has " + std::to_string(count));
  }
  layout.weighted = count == 3;
  return layout;
}

Format guess(std::string_view line, std::string_view header, const LayoutWishes& wishes) {
  if (line.starts_with('{')) return Format::jsonl;
  Layout with_header = header_layout(Format::automatic, header, wishes.delimiter);
  auto cells = cells_of(header, with_header.csv);
  // In this order: a property of a Neo4j header may have a name that begins with ~.
  if (std::any_of(cells.begin(), cells.end(), names_neo4j_column)) return Format::csv_neo4j;
  if (std::any_of(cells.begin(), cells.end(), names_gremlin_column)) return Format::csv_gremlin;
  if (wishes.expected == Expected::vertices) return Format::vertex_list;
  if (wishes.expected == Expected::edges) return Format::edge_list;
  cells = cells_of(line, list_options(line, wishes.delimiter));
  if (cells.size() == 1) return Format::vertex_list;
  if (cells.size() == 2 || (cells.size() == 3 && is_number(cells[2]))) return Format::edge_list;
  return Format::automatic;
}

}  // namespace

std::optional<Format> format_named(std::string_view name) {
  for (const auto& [known, format] : format_names)
    if (known == name) return format;
  return std::nullopt;
}

std::string_view name_of(Format format) {
  for (const auto& [name, known] : format_names)
    if (known == format) return name;
  return "auto";
}

Result<Layout> recognise(std::string_view beginning, const LayoutWishes& wishes) {
  for (const auto& [bytes, message] : foreign_beginnings)
    if (beginning.starts_with(bytes)) return Status(Code::invalid_argument, std::string(message));
  std::string_view line = first_line(beginning);
  std::string_view header = line;
  if (!line.empty())
    header = first_row(beginning.substr(static_cast<std::size_t>(line.data() - beginning.data())), wishes.delimiter);
  Format format = wishes.format;
  if (format == Format::automatic && line.empty())
    return wishes.expected == Expected::edges ? edge_list_layout(line, wishes.delimiter)
                                              : Result<Layout>(vertex_list_layout());
  if (format == Format::automatic) {
    format = guess(line, header, wishes);
    auto cells = cells_of(line, list_options(line, wishes.delimiter));
    bool is_list = format == Format::edge_list || format == Format::vertex_list;
    bool unknown = format == Format::automatic;
    if (unknown || (is_list && std::all_of(cells.begin(), cells.end(), is_usual_header_name))) {
      return Status(
          Code::invalid_argument,
          "the format is not recognised: a header names :ID or :START_ID and :END_ID (Neo4j), or ~id or ~from and "
          "~to (Gremlin); a list has one key, or two and a weight, a row. Change the header or give --format");
    }
  }
  switch (format) {
    case Format::jsonl: return json_layout();
    case Format::vertex_list: return vertex_list_layout();
    case Format::edge_list: return edge_list_layout(line, wishes.delimiter);
    default: return header_layout(format, header, wishes.delimiter);
  }
}

}  // namespace engram::import
