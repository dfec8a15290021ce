#pragma once
// One input, whatever its format, as a stream of records.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "tools/import/columns.h"
#include "tools/import/csv_reader.h"
#include "tools/import/format.h"
#include "tools/import/json_lines.h"
#include "tools/import/record.h"
#include "tools/import/row_decoder.h"

namespace engram::import {

struct ReadOptions {
  LayoutWishes layout;
  ColumnChoices columns;
  DecoderOptions decoder;
  /// Edges of the same source, type and target get the ranks 0, 1, 2 ... in the order of the file. Otherwise the later
  /// row changes the edge that the earlier one made. Costs about 60 bytes of memory an edge.
  bool parallel_edges = false;
};

/// What of a file with both vertices and edges (JSON Lines) is wanted: a file is read once for each, so that vertices
/// come first.
enum class Part : std::uint8_t { everything, vertices, edges };

class RecordReader {
 public:
  enum class Next : std::uint8_t { record, bad_row, end, failed };

  /// Recognises the format and reads the header. `name` is how messages call the input. An error has a place in its
  /// message.
  static Result<std::unique_ptr<RecordReader>> open(std::unique_ptr<ByteSource> source, std::string name,
                                                    const ReadOptions& options);

  /// Bad rows are reported in one part only, so that the two passes over a file report each once. For a file of both.
  void only(Part part) { part_ = part; }

  Next next(Record& record);

  /// Of a bad row or a failed input.
  [[nodiscard]] RowError error() const { return {name_, error_position_, error_}; }
  /// The row as it stands in the input, and where it begins.
  [[nodiscard]] std::string_view raw() const { return reader_.raw(); }
  [[nodiscard]] TextPosition position() const { return reader_.position(); }

  [[nodiscard]] const std::string& name() const { return name_; }
  [[nodiscard]] Format format() const { return layout_.format; }
  /// Nothing for a format that has both, unless the user says which the file holds.
  [[nodiscard]] std::optional<RecordKind> kind() const;
  /// With the groups of ids that the header names; empty for JSON Lines.
  [[nodiscard]] const Columns& columns() const;
  [[nodiscard]] const ByteSource& source() const { return reader_.source(); }

 private:
  RecordReader(std::unique_ptr<ByteSource> source, std::string name, const ReadOptions& options);
  Status start();
  Status read_header();
  Status check_choices() const;
  Next next_from_line(Record& record);
  Next finished(Record& record);
  Next bad_row(const Problem& problem);

  CsvReader reader_;
  std::string name_;
  ReadOptions options_;
  Layout layout_;
  Part part_ = Part::everything;
  std::optional<RowDecoder> row_decoder_;
  std::optional<JsonLineDecoder> line_decoder_;
  std::unordered_map<std::uint64_t, std::int64_t> next_rank_;   // by the edge's identity with rank 0
  std::string error_;
  TextPosition error_position_;
};

/// Opens a file, or standard input for "-".
Result<std::unique_ptr<RecordReader>> open_records(const std::string& path, const ReadOptions& options);

}  // namespace engram::import
