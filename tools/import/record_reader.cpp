#include "tools/import/record_reader.h"

#include <vector>

namespace engram::import {

Result<std::unique_ptr<RecordReader>> open_records(const std::string& path, const ReadOptions& options) {
  auto source = open_source(path);
  if (!source.ok()) return source.status();
  return RecordReader::open(std::move(source).value(), path == "-" ? "standard input" : path, options);
}

Result<std::unique_ptr<RecordReader>> RecordReader::open(std::unique_ptr<ByteSource> source, std::string name,
                                                         const ReadOptions& options) {
  std::unique_ptr<RecordReader> reader(new RecordReader(std::move(source), std::move(name), options));
  if (Status status = reader->start(); !status.ok()) return status;
  return reader;
}

RecordReader::RecordReader(std::unique_ptr<ByteSource> source, std::string name, const ReadOptions& options)
    : reader_(std::move(source)), name_(std::move(name)), options_(options) {}

Status RecordReader::start() {
  auto beginning = reader_.peek();
  if (!beginning.ok()) return beginning.status();
  auto layout = recognise(beginning.value(), options_.layout);
  if (!layout.ok()) return {layout.status().code(), RowError{name_, {}, layout.status().message()}.text()};
  layout_ = std::move(layout).value();
  if (Status status = check_choices(); !status.ok()) return status;
  reader_.set_options(layout_.csv);
  switch (layout_.format) {
    case Format::jsonl:
      line_decoder_.emplace(options_.decoder.edge_type, options_.decoder.create_missing);
      return {};
    case Format::vertex_list: row_decoder_.emplace(vertex_list_columns(), options_.decoder); break;
    case Format::edge_list: row_decoder_.emplace(edge_list_columns(layout_.weighted), options_.decoder); break;
    default:
      if (Status status = read_header(); !status.ok()) return status;
  }
  bool edges = kind() == RecordKind::edge;
  Expected other = edges ? Expected::vertices : Expected::edges;
  if (options_.layout.expected != other) return {};
  return {Code::invalid_argument,
          name_ + (edges ? " holds edges: name it with --edges" : " holds vertices: name it with --nodes")};
}

/// A column that is asked for and cannot be there is not just left out: the edges would be others than are wanted.
Status RecordReader::check_choices() const {
  bool has_columns = layout_.format == Format::csv_neo4j || layout_.format == Format::csv_gremlin;
  bool asks_for_column = !options_.columns.weight_column.empty() || !options_.columns.rank_column.empty();
  bool may_hold_edges = layout_.format != Format::vertex_list && options_.layout.expected != Expected::vertices;
  if (has_columns || !asks_for_column || !may_hold_edges) return {};
  return {Code::invalid_argument, name_ + " is of the format " + std::string(name_of(layout_.format)) +
                                      ", which names no columns: import it without --weight and --rank-from" +
                                      (layout_.format == Format::jsonl ? ", or with --nodes if it holds no edges" : "")};
}

Status RecordReader::read_header() {
  CsvReader::Next next = reader_.next();
  if (next == CsvReader::Next::end) return {Code::invalid_argument, name_ + ": the file has no header"};
  if (next != CsvReader::Next::row)
    return {Code::invalid_argument, RowError{name_, reader_.error_position(), reader_.error()}.text()};
  std::vector<std::string_view> cells;
  for (const Cell& cell : reader_.cells()) cells.push_back(cell.text());
  Convention convention = layout_.format == Format::csv_neo4j ? Convention::neo4j : Convention::gremlin;
  auto parsed = parse_header(convention, cells, options_.columns);
  if (auto* problem = std::get_if<Problem>(&parsed)) {
    TextPosition position = reader_.position(reader_.cells()[problem->offset].offset);
    return {Code::invalid_argument, RowError{name_, position, std::move(problem->message)}.text()};
  }
  row_decoder_.emplace(std::move(std::get<Columns>(parsed)), options_.decoder);
  return {};
}

std::optional<RecordKind> RecordReader::kind() const {
  if (row_decoder_) return row_decoder_->columns().kind;
  if (options_.layout.expected == Expected::vertices) return RecordKind::vertex;
  if (options_.layout.expected == Expected::edges) return RecordKind::edge;
  return std::nullopt;
}

const Columns& RecordReader::columns() const {
  static const Columns none;
  return row_decoder_ ? row_decoder_->columns() : none;
}

RecordReader::Next RecordReader::next(Record& record) {
  for (;;) {
    CsvReader::Next next = reader_.next();
    if (next == CsvReader::Next::row) [[likely]] {
      if (line_decoder_) {
        Next found = next_from_line(record);
        if (found == Next::end) continue;  // of the other part
        return found;
      }
      if (!row_decoder_->decode(reader_.cells(), reader_.raw().size(), record)) return bad_row(row_decoder_->problem());
      return finished(record);
    }
    if (next == CsvReader::Next::end) return Next::end;
    error_ = reader_.error();
    error_position_ = reader_.error_position();
    if (next == CsvReader::Next::failed) return Next::failed;
    if (part_ != Part::edges) return Next::bad_row;
  }
}

/// `end` if the line belongs to the part that is not wanted.
RecordReader::Next RecordReader::next_from_line(Record& record) {
  // Lines as export writes edges are left out unread in the first pass; so the second one reports what is wrong with
  // them.
  bool unread_before = is_exported_edge(reader_.raw());
  if (part_ == Part::vertices && unread_before) return Next::end;
  if (!line_decoder_->decode(reader_.raw(), record))
    return part_ == Part::edges && !unread_before ? Next::end : bad_row(line_decoder_->problem());
  if (part_ == Part::vertices && record.kind == RecordKind::edge) return Next::end;
  if (part_ == Part::edges && record.kind == RecordKind::vertex) return Next::end;
  if (kind() && record.kind != *kind())
    return bad_row({0, record.kind == RecordKind::edge ? "an edge, in a file that --nodes says holds vertices"
                                                       : "a vertex, in a file that --edges says holds edges"});
  return finished(record);
}

/// Numbers parallel edges, if that is wanted.
RecordReader::Next RecordReader::finished(Record& record) {
  if (!options_.parallel_edges || record.kind != RecordKind::edge) return Next::record;
  if (record.edge.rank != 0)
    return bad_row({0, "the edge names its rank, and --parallel counts ranks itself: leave out one of them"});
  record.edge.rank = next_rank_[identity_of(record)]++;
  return Next::record;
}

RecordReader::Next RecordReader::bad_row(const Problem& problem) {
  error_ = problem.message;
  error_position_ = reader_.position(problem.offset);
  return Next::bad_row;
}

}  // namespace engram::import
