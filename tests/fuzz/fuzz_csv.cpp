// Feeds any bytes to the CSV reader, cut into reads at any place: no crash, no endless loop, and the same rows however
// the input was cut. What is read goes through the whole import of a file, too.

#include <cstdint>
#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "tools/import/csv_reader.h"
#include "tools/import/record_reader.h"

using namespace engram::import;

namespace {

CsvOptions options_of(std::uint8_t choice) {
  CsvOptions options;
  if ((choice & 1) != 0) options = {.delimiters = " \t", .merge_delimiters = true, .quotes = false, .comment = '#'};
  if ((choice & 2) != 0) options.delimiters.clear();
  options.max_cell_bytes = 64;
  options.max_row_bytes = 256;
  options.max_columns = 20;
  return options;
}

std::vector<std::string> rows_of(const std::string& text, std::size_t piece, const CsvOptions& options) {
  CsvReader reader(std::make_unique<MemorySource>(text, piece), options);
  std::vector<std::string> rows;
  for (;;) {
    auto next = reader.next();
    if (next == CsvReader::Next::end) return rows;
    if (next == CsvReader::Next::failed) std::abort();
    std::string row = next == CsvReader::Next::bad_row ? "bad:" + reader.error() : "";
    if (reader.raw().find('\n') != std::string_view::npos && next == CsvReader::Next::row && !options.quotes)
      std::abort();
    for (const Cell& cell : reader.cells()) {
      static_cast<void>(reader.position(cell.offset));
      row.append(cell.text()) += '|';
    }
    rows.push_back(row + std::to_string(reader.position().line));
    if (rows.size() > text.size() + 1) std::abort();
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  CsvOptions options = options_of(data[0]);
  std::string text(reinterpret_cast<const char*>(data) + 2, size - 2);
  // A row over the limit is found when the buffer is full, which depends on the reads: compare what has none.
  auto whole = rows_of(text, SIZE_MAX, options);
  auto cut = rows_of(text, data[1] % 16U + 1, options);
  if (text.size() <= options.max_row_bytes && whole != cut) std::abort();

  engram::import::ReadOptions read;
  read.decoder.edge_type = "T";
  auto opened = RecordReader::open(std::make_unique<MemorySource>(text), "fuzz", read);
  if (!opened.ok()) return 0;
  Record record;
  for (auto next = RecordReader::Next::record;
       next == RecordReader::Next::record || next == RecordReader::Next::bad_row;)
    next = opened.value()->next(record);
  return 0;
}
