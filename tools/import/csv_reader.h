#pragma once
// Reads rows of cells from text, as a stream: CSV after RFC 4180, lists separated by blanks, or plain lines.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "storage/base/result.h"
#include "tools/import/byte_source.h"

namespace engram::import {

// What an export writes is read: a value of 1 MiB takes 8 MiB of text at most, as bytes, as a list, with doubled quotes. A row
// is in memory while it is read, and memory for one is all that the reader takes.
inline constexpr std::size_t max_cell_bytes = std::size_t{8} << 20;
inline constexpr std::size_t max_row_bytes = std::size_t{256} << 20;
inline constexpr std::size_t max_columns = 10'000;

struct CsvOptions {
  std::string delimiters = ",";    // any of these ends a cell; none: every line is one cell
  bool merge_delimiters = false;   // a run of delimiters counts as one, and those around a line do not count
  bool quotes = true;              // "..." holds delimiters and line ends, and "" in it means "
  char comment = '\0';             // lines that begin with it are left out; '\0': there are no comments
  std::size_t max_cell_bytes = import::max_cell_bytes;
  std::size_t max_row_bytes = import::max_row_bytes;
  std::size_t max_columns = import::max_columns;
};

/// One value of a row. Lives until the next row is read.
struct Cell {
  const char* data = nullptr;
  std::uint32_t size = 0;
  std::uint32_t offset : 31 = 0;   // where it begins in the row, its quote included
  std::uint32_t quoted : 1 = 0;
  [[nodiscard]] std::string_view text() const { return {data, size}; }
};

/// A place in a file: lines from 1, columns from 1 and in characters, as editors count them.
struct TextPosition {
  std::uint64_t line = 1;
  std::uint64_t column = 1;
  bool operator==(const TextPosition&) const = default;
};

/// The place behind `text`, which begins at `start`.
TextPosition position_after(TextPosition start, std::string_view text);

/// The rows of one input, from front to back. Empty lines are left out, a byte order mark is skipped, lines end in LF
/// or CRLF, and the last one may lack its end. All text is checked to be UTF-8.
///
/// A bad row is reported once, and the next call goes on behind it. Where quotes leave in doubt how far it goes, it is
/// its first line: so a quote that is never closed costs one line and not the rest of the file. Which of both a long cell
/// is, its end tells, so that is looked for in as much as a row may have.
class CsvReader {
 public:
  enum class Next : std::uint8_t {
    row,       // cells(), raw() and position() tell of it
    bad_row,   // error() and error_position() say why, raw() is what to reject
    end,
    failed,    // the input itself cannot be read: error(); nothing more can be done
  };

  explicit CsvReader(std::unique_ptr<ByteSource> source, CsvOptions options = {});

  /// The first bytes of the input (256 KiB, or all of it), which stay to be read: to recognise its format.
  Result<std::string_view> peek();
  /// Only before the first next().
  void set_options(CsvOptions options);

  Next next();

  [[nodiscard]] std::span<const Cell> cells() const { return {cells_.data(), cell_count_}; }
  /// The row as it stands in the input, without its line end.
  [[nodiscard]] std::string_view raw() const { return raw_; }
  /// Where the row's byte `offset` is in the input.
  [[nodiscard]] TextPosition position(std::size_t offset = 0) const {
    return position_after({line_, 1}, raw_.substr(0, offset));
  }

  [[nodiscard]] const std::string& error() const { return error_; }
  [[nodiscard]] TextPosition error_position() const { return error_position_; }

  [[nodiscard]] const ByteSource& source() const { return *source_; }

 private:
  enum class Scan : std::uint8_t {
    complete,
    more,
    bad,      // quotes leave in doubt where the row ends
    bad_row,  // all of it is known
  };

  Next next_row();
  Scan scan_row();
  Scan scan_quoted(const char*& at);
  [[nodiscard]] bool is_too_long(const char* start, const char* at) const {
    return at > start && static_cast<std::size_t>(at - start) > options_.max_cell_bytes;
  }
  void note_too_long(const char* cell_start, bool quoted);
  bool add_cell(const char* begin, const char* end, const char* cell_start, bool quoted);
  Scan end_row(const char* at);
  void note(const char* at, std::string message);
  Scan bad(const char* at, std::string message);
  Next report_bad_row();
  Next report_too_long();
  bool skip_insignificant(bool& ended);
  bool skip_line();
  bool fill();
  bool fill_for_row();
  void unescape_cells();
  bool check_utf8();
  [[nodiscard]] bool at_end_of_input(const char* at) const { return at == buffer_.data() + end_ && end_of_input_; }
  [[nodiscard]] const char* begin() const { return buffer_.data() + begin_; }
  [[nodiscard]] const char* end() const { return buffer_.data() + end_; }

  std::unique_ptr<ByteSource> source_;
  CsvOptions options_;
  std::array<std::uint8_t, 256> plain_class_{};    // what a byte means outside of quotes
  std::array<std::uint8_t, 256> quoted_class_{};   // and within

  std::vector<char> buffer_;     // [begin_, end_) is still to be read; buffer_[end_] is a line end, so that scans stop
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  bool started_ = false;         // the byte order mark was looked for
  bool end_of_input_ = false;
  bool failed_ = false;
  bool within_long_line_ = false;

  std::vector<Cell> cells_;
  std::size_t cell_count_ = 0;
  std::string_view raw_;
  std::size_t row_bytes_ = 0;    // with the line end
  std::uint64_t line_ = 1;       // of the row
  std::uint64_t line_ends_ = 0;  // within the row
  std::uint64_t next_line_ = 1;
  bool has_escapes_ = false;
  bool beyond_ascii_ = false;
  std::string unescaped_;
  bool noted_ = false;           // the row is bad, and its end is still looked for
  std::string error_;
  std::size_t error_offset_ = 0;
  TextPosition error_position_;
};

}  // namespace engram::import
