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
  if (!row_decoder_) return std::nullopt;
  return row_decoder_->columns().kind;
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
      if (options_.parallel_edges) number_parallel_edge(record);
      return Next::record;
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
  return Next::record;
}

RecordReader::Next RecordReader::bad_row(const Problem& problem) {
  error_ = problem.message;
  error_position_ = reader_.position(problem.offset);
  return Next::bad_row;
}

void RecordReader::number_parallel_edge(Record& record) {
  if (record.kind != RecordKind::edge) return;
  record.edge.rank = 0;
  record.edge.rank = next_rank_[identity_of(record)]++;
}

}  // namespace engram::import
