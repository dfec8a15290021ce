#include "tools/import/csv_reader.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include "storage/base/bytes.h"
#include "storage/base/hex.h"

namespace engram::import {

namespace {

constexpr std::size_t initial_buffer_bytes = std::size_t{256} << 10;

enum ByteClass : std::uint8_t { ordinary = 0, delimiter, line_end, quote, beyond_ascii };

std::uint8_t byte_class(const std::array<std::uint8_t, 256>& classes, const char* at) {
  return classes[static_cast<unsigned char>(*at)];
}

/// The length of the longest prefix that is UTF-8. Only for text that is not: it is slow.
std::size_t valid_prefix(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    std::size_t length = 1;
    while (length <= 4 && !is_utf8(text.substr(at, length))) ++length;
    if (length > 4) break;
    at += length;
  }
  return std::min(at, text.size());
}

std::string in_mebibytes(std::size_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }

}  // namespace

CsvReader::CsvReader(std::unique_ptr<ByteSource> source, CsvOptions options) : source_(std::move(source)) {
  buffer_.resize(initial_buffer_bytes + 1);
  buffer_[0] = '\n';
  cells_.resize(16);
  set_options(std::move(options));
}

void CsvReader::set_options(CsvOptions options) {
  options_ = std::move(options);
  plain_class_.fill(ordinary);
  quoted_class_.fill(ordinary);
  for (std::size_t byte = 128; byte < 256; ++byte) plain_class_[byte] = quoted_class_[byte] = beyond_ascii;
  plain_class_['\n'] = quoted_class_['\n'] = line_end;
  quoted_class_['"'] = quote;
  for (char byte : options_.delimiters) plain_class_[static_cast<unsigned char>(byte)] = delimiter;
}

Result<std::string_view> CsvReader::peek() {
  while (!end_of_input_ && end_ - begin_ < initial_buffer_bytes) {
    if (!fill()) return Status(Code::unavailable, error_);
  }
  return std::string_view(begin(), end_ - begin_);
}

/// Reads more of the input behind what is there. False: the input failed.
bool CsvReader::fill() {
  if (begin_ > 0) {
    std::memmove(buffer_.data(), begin(), end_ - begin_);
    end_ -= begin_;
    begin_ = 0;
  }
  if (end_ + 1 == buffer_.size())
    buffer_.resize(std::min(buffer_.size() * 2 - 1, std::max(options_.max_row_bytes, buffer_.size()) + initial_buffer_bytes));
  auto count = source_->read({buffer_.data() + end_, buffer_.size() - 1 - end_});
  if (!count.ok()) {
    failed_ = true;
    error_ = count.status().message();
    error_position_ = {next_line_, 1};
    return false;
  }
  end_of_input_ = count.value() == 0;
  end_ += count.value();
  buffer_[end_] = '\n';
  if (!started_ && (end_ - begin_ >= 3 || end_of_input_)) {
    started_ = true;
    if (std::string_view(begin(), end_ - begin_).starts_with("\xEF\xBB\xBF")) begin_ += 3;
  }
  return true;
}

/// A row that goes on is looked at anew from its beginning: when as much again has come, so that long ones are looked at a
/// few times only. False: the input failed.
bool CsvReader::fill_for_row() {
  std::size_t have = end_ - begin_;
  std::size_t wanted = have < initial_buffer_bytes ? have + 1 : std::min(have * 2, options_.max_row_bytes + 1);
  do {
    if (!fill()) return false;
  } while (!end_of_input_ && end_ - begin_ < wanted);
  return true;
}

CsvReader::Next CsvReader::next() {
  Next found = next_row();
  while (found == Next::row && cell_count_ == 0) found = next_row();  // a line of blanks
  return found;
}

CsvReader::Next CsvReader::next_row() {
  begin_ += row_bytes_;
  row_bytes_ = 0;
  line_ = next_line_;
  if (failed_) return Next::failed;
  while (!started_)
    if (!fill()) return Next::failed;
  if (within_long_line_ && !skip_line()) return Next::failed;
  bool ended = false;
  if (!skip_insignificant(ended)) return Next::failed;
  if (ended) return Next::end;
  for (;;) {
    Scan scan = scan_row();
    if (scan == Scan::complete) {
      if (!check_utf8()) return Next::bad_row;
      if (has_escapes_) unescape_cells();
      return Next::row;
    }
    if (scan == Scan::bad_row) {
      error_position_ = position(error_offset_);
      cell_count_ = 0;
      return Next::bad_row;
    }
    if (scan == Scan::bad) {
      // What is rejected is a whole line: see to it that all of it is there.
      if (end_of_input_ || std::memchr(begin(), '\n', end_ - begin_) != nullptr) return report_bad_row();
    }
    if (end_ - begin_ > options_.max_row_bytes) return report_too_long();
    if (!fill_for_row()) return Next::failed;
  }
}

/// Goes to the beginning of the next row: over empty lines and comments. False: the input failed.
bool CsvReader::skip_insignificant(bool& ended) {
  for (;;) {
    const char* at = begin();
    if (at_end_of_input(at)) {
      ended = true;
      return true;
    }
    if (end_ - begin_ < 2 && !end_of_input_) {
      if (!fill()) return false;
    } else if (at < end() && *at == '\n') {
      ++begin_;
      line_ = ++next_line_;
    } else if (*at == '\r' && (at + 1 == end() || at[1] == '\n')) {
      ++begin_;
    } else if (options_.comment != '\0' && *at == options_.comment) {
      if (!skip_line()) return false;
    } else {
      return true;
    }
  }
}

/// Goes behind the next line end, however far it is. False: the input failed.
bool CsvReader::skip_line() {
  within_long_line_ = false;
  for (;;) {
    const auto* found = static_cast<const char*>(std::memchr(begin(), '\n', end_ - begin_));
    if (found != nullptr) {
      begin_ += static_cast<std::size_t>(found - begin()) + 1;
      line_ = ++next_line_;
      return true;
    }
    begin_ = end_;
    if (end_of_input_) return true;
    if (!fill()) return false;
  }
}

CsvReader::Scan CsvReader::scan_row() {
  cell_count_ = 0;
  line_ends_ = 0;
  has_escapes_ = beyond_ascii_ = noted_ = false;
  const char* at = begin();
  for (;;) {
    if (options_.merge_delimiters)
      while (byte_class(plain_class_, at) == delimiter) ++at;
    if (*at == '"' && options_.quotes) {
      Scan scan = scan_quoted(at);
      if (scan != Scan::complete) return scan;
    } else {
      const char* start = at;
      std::uint8_t kind;
      while ((kind = byte_class(plain_class_, at)) != delimiter && kind != line_end) {
        beyond_ascii_ |= kind == beyond_ascii;
        ++at;
      }
      if (kind == line_end && at == end() && !end_of_input_) return Scan::more;
      const char* stop = at;
      if (kind == line_end && stop > start && stop[-1] == '\r') --stop;
      // Blanks at the end of a line do not begin another cell.
      bool nothing = options_.merge_delimiters && stop == start;
      if (!nothing) add_cell(start, stop, start, false);
    }
    if (byte_class(plain_class_, at) != delimiter) return end_row(at);
    ++at;
  }
}

/// `at` is at the opening quote, and afterwards at the delimiter or the line end behind the cell.
CsvReader::Scan CsvReader::scan_quoted(const char*& at) {
  const char* start = at;
  bool escapes = false;
  for (++at;; ++at) {
    std::uint8_t kind = byte_class(quoted_class_, at);
    if (kind == ordinary) continue;
    if (kind == beyond_ascii) {
      beyond_ascii_ = true;
    } else if (kind == line_end) {
      if (at == end()) {
        if (is_too_long(start + 1, at)) note_too_long(start, true);
        if (!end_of_input_) return Scan::more;
        return bad(start, "this quote is never closed");
      }
      ++line_ends_;
    } else if (at[1] == '"' && at + 1 < end()) {
      escapes = true;
      ++at;
    } else {
      if (at + 1 == end() && !end_of_input_) return Scan::more;
      break;
    }
  }
  const char* stop = at++;
  if (is_too_long(start + 1, stop)) note_too_long(start, true);
  if (at < end() && *at == '\r') {
    if (at + 1 == end() && !end_of_input_) return Scan::more;
    if (at[1] == '\n') ++at;
  }
  std::uint8_t behind = byte_class(plain_class_, at);
  if (behind != delimiter && behind != line_end)
    return bad(at, "there is text behind a closing quote; a quote within quotes is written twice");
  has_escapes_ |= escapes;
  if (add_cell(start + 1, stop, start, true) && escapes) cells_[cell_count_ - 1].data = nullptr;
  return Scan::complete;
}

void CsvReader::note_too_long(const char* cell_start, bool quoted) {
  note(cell_start, "the cell is longer than " + in_mebibytes(options_.max_cell_bytes) +
                       (quoted ? ", or its quote is never closed" : ""));
}

/// False: there is no room for it, and the row is bad.
bool CsvReader::add_cell(const char* from, const char* to, const char* cell_start, bool quoted) {
  auto size = static_cast<std::size_t>(to - from);
  if (is_too_long(from, to)) [[unlikely]] {
    note_too_long(cell_start, quoted);
    return false;
  }
  if (cell_count_ == cells_.size()) [[unlikely]] {
    if (cell_count_ >= options_.max_columns) {
      note(cell_start, "the row has more than " + std::to_string(options_.max_columns) + " cells");
      return false;
    }
    cells_.resize(std::min(cells_.size() * 2, options_.max_columns));
  }
  Cell& cell = cells_[cell_count_++];
  cell.data = from;
  cell.size = static_cast<std::uint32_t>(size);
  cell.offset = static_cast<std::uint32_t>(cell_start - begin()) & 0x7fffffffU;
  cell.quoted = quoted ? 1 : 0;
  return true;
}

CsvReader::Scan CsvReader::end_row(const char* at) {
  auto size = static_cast<std::size_t>(at - begin());
  row_bytes_ = at == end() ? size : size + 1;
  raw_ = {begin(), size};
  if (raw_.ends_with('\r')) raw_.remove_suffix(1);
  next_line_ = line_ + line_ends_ + 1;
  if (size > options_.max_row_bytes) note(begin(), "the row is longer than " + in_mebibytes(options_.max_row_bytes));
  return noted_ ? Scan::bad_row : Scan::complete;
}

/// What is wrong with the row first is what its error says.
void CsvReader::note(const char* at, std::string message) {
  if (std::exchange(noted_, true)) return;
  error_ = std::move(message);
  error_offset_ = static_cast<std::size_t>(at - begin());
}

CsvReader::Scan CsvReader::bad(const char* at, std::string message) {
  note(at, std::move(message));
  return Scan::bad;
}

CsvReader::Next CsvReader::report_bad_row() {
  error_position_ = position_after({line_, 1}, std::string_view(begin(), end_ - begin_).substr(0, error_offset_));
  const auto* found = static_cast<const char*>(std::memchr(begin(), '\n', end_ - begin_));
  raw_ = {begin(), static_cast<std::size_t>((found != nullptr ? found : end()) - begin())};
  row_bytes_ = raw_.size() + (found != nullptr ? 1 : 0);
  if (raw_.ends_with('\r')) raw_.remove_suffix(1);
  next_line_ = line_ + 1;
  cell_count_ = 0;
  return Next::bad_row;
}

CsvReader::Next CsvReader::report_too_long() {
  bad(begin(), "the row is longer than " + in_mebibytes(options_.max_row_bytes));
  bool line_is_short = std::memchr(begin(), '\n', end_ - begin_) != nullptr;
  report_bad_row();
  within_long_line_ = !line_is_short;
  if (within_long_line_) next_line_ = line_;
  return Next::bad_row;
}

bool CsvReader::check_utf8() {
  if (!beyond_ascii_ || is_utf8(raw_)) return true;
  std::size_t valid = valid_prefix(raw_);
  bad(begin() + valid, "byte 0x" + hex(as_bytes(raw_.substr(valid, 1))) + " is not UTF-8; convert the file with iconv");
  error_position_ = position(error_offset_);
  cell_count_ = 0;
  return false;
}

/// Cells with "" in them cannot be views of the input: their text is built beside it.
void CsvReader::unescape_cells() {
  unescaped_.clear();
  unescaped_.reserve(raw_.size());  // never moves from here on: the cells point into it
  for (std::size_t i = 0; i < cell_count_; ++i) {
    Cell& cell = cells_[i];
    if (cell.data != nullptr) continue;
    std::string_view escaped = raw_.substr(std::size_t{cell.offset} + 1, cell.size);
    const char* start = unescaped_.data() + unescaped_.size();
    for (std::size_t from = 0; from < escaped.size();) {
      std::size_t until = std::min(escaped.find('"', from), escaped.size() - 1) + 1;
      unescaped_.append(escaped, from, until - from);
      from = escaped[until - 1] == '"' ? until + 1 : until;
    }
    cell.data = start;
    cell.size = static_cast<std::uint32_t>(unescaped_.data() + unescaped_.size() - start);
  }
}

TextPosition position_after(TextPosition start, std::string_view text) {
  for (char byte : text) {
    if (byte == '\n') {
      ++start.line;
      start.column = 1;
    } else if ((static_cast<unsigned char>(byte) & 0xC0) != 0x80) {
      ++start.column;
    }
  }
  return start;
}

}  // namespace engram::import
