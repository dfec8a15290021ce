#include <catch2/catch.hpp>

#include <zstd.h>

#include "tools/import/csv_reader.h"

using namespace engram;
using namespace engram::import;

namespace {

using Row = std::vector<std::string>;

struct Parsed {
  std::vector<Row> rows;
  std::vector<std::string> errors;   // "line:column message"
  std::vector<std::string> bad_rows;
  std::vector<std::uint64_t> lines;  // of the rows
};

Parsed parse_source(std::unique_ptr<ByteSource> source, const CsvOptions& options = {}) {
  CsvReader reader(std::move(source), options);
  Parsed parsed;
  for (;;) {
    switch (reader.next()) {
      case CsvReader::Next::row: {
        Row row;
        for (const Cell& cell : reader.cells()) row.emplace_back(cell.text());
        parsed.rows.push_back(row);
        parsed.lines.push_back(reader.position().line);
        break;
      }
      case CsvReader::Next::bad_row: {
        auto [line, column] = reader.error_position();
        parsed.errors.push_back(std::to_string(line) + ':' + std::to_string(column) + ' ' + reader.error());
        parsed.bad_rows.emplace_back(reader.raw());
        break;
      }
      case CsvReader::Next::failed: parsed.errors.push_back("failed: " + reader.error()); return parsed;
      case CsvReader::Next::end: return parsed;
    }
  }
}

Parsed parse(const std::string& text, const CsvOptions& options = {}) {
  return parse_source(std::make_unique<MemorySource>(text), options);
}

std::string compress(const std::string& text) {
  std::string out(ZSTD_compressBound(text.size()), '\0');
  out.resize(ZSTD_compress(out.data(), out.size(), text.data(), text.size(), 3));
  return out;
}

}  // namespace

TEST_CASE("rows end in LF, CRLF or with the file") {
  CHECK(parse("a,b\nc,d\n").rows == std::vector<Row>{{"a", "b"}, {"c", "d"}});
  CHECK(parse("a,b\r\nc,d\r\n").rows == std::vector<Row>{{"a", "b"}, {"c", "d"}});
  CHECK(parse("a,b\nc,d").rows == std::vector<Row>{{"a", "b"}, {"c", "d"}});
  CHECK(parse("a,b\r\nc,d\r").rows == std::vector<Row>{{"a", "b"}, {"c", "d"}});
  CHECK(parse("").rows.empty());
  CHECK(parse("\n\r\n\n").rows.empty());
  CHECK(parse("a\n\n\nb\n").lines == std::vector<std::uint64_t>{1, 4});
}

TEST_CASE("empty cells are cells") {
  CHECK(parse(",\n").rows == std::vector<Row>{{"", ""}});
  CHECK(parse("a,,c\n,,\n").rows == std::vector<Row>{{"a", "", "c"}, {"", "", ""}});
  CHECK(parse("\"\"\n").rows == std::vector<Row>{{""}});
}

TEST_CASE("quotes hold delimiters, line ends and doubled quotes") {
  CHECK(parse("\"a,b\",c\n").rows == std::vector<Row>{{"a,b", "c"}});
  CHECK(parse("\"a\nb\",c\nd,e\n").rows == std::vector<Row>{{"a\nb", "c"}, {"d", "e"}});
  CHECK(parse("\"a\nb\",c\nd,e\n").lines == std::vector<std::uint64_t>{1, 3});
  CHECK(parse("\"say \"\"hi\"\"\",x\n").rows == std::vector<Row>{{"say \"hi\"", "x"}});
  CHECK(parse("\"\"\"\",\"\"\"\"\"\"\r\n").rows == std::vector<Row>{{"\"", "\"\""}});
  CHECK(parse("\"a\"\r\n\"b\"").rows == std::vector<Row>{{"a"}, {"b"}});
  CHECK(parse("a\"b,c\n").rows == std::vector<Row>{{"a\"b", "c"}});
}

TEST_CASE("a quoted cell is told from an empty one") {
  CsvReader reader(std::make_unique<MemorySource>("\"\",\n"));
  REQUIRE(reader.next() == CsvReader::Next::row);
  CHECK(reader.cells()[0].quoted == 1);
  CHECK(reader.cells()[1].quoted == 0);
}

TEST_CASE("a byte order mark is skipped, and other delimiters are taken") {
  CHECK(parse("\xEF\xBB\xBF" "a,b\n").rows == std::vector<Row>{{"a", "b"}});
  CHECK(parse("a\tb,c\n", {.delimiters = "\t"}).rows == std::vector<Row>{{"a", "b,c"}});
}

TEST_CASE("lists separated by blanks, with comments") {
  CsvOptions blanks{.delimiters = " \t", .merge_delimiters = true, .quotes = false, .comment = '#'};
  auto parsed = parse("# FromNode ToNode\n  1   2\n3\t \t4  \n   \n#5 6\n7 8", blanks);
  CHECK(parsed.rows == std::vector<Row>{{"1", "2"}, {"3", "4"}, {"7", "8"}});
  CHECK(parsed.lines == std::vector<std::uint64_t>{2, 3, 6});
}

TEST_CASE("every way to cut the input into reads gives the same rows") {
  std::string text =
      "\xEF\xBB\xBF"
      "id,text\r\n1,\"a \"\"q\"\" b\"\r\n\r\n2,\"line\r\nend\"\n3,\xC3\xA4\xE2\x82\xAC\n4,last";
  auto whole = parse(text);
  REQUIRE(whole.rows.size() == 5);
  for (std::size_t piece = 1; piece <= text.size(); ++piece) {
    auto cut = parse_source(std::make_unique<MemorySource>(text, piece));
    CAPTURE(piece);
    CHECK(cut.rows == whole.rows);
    CHECK(cut.errors.empty());
  }
}

TEST_CASE("bad UTF-8 is found at its line and column, and the rows around it are read") {
  auto parsed = parse("a,b\n\xC3\xA4\xC3\xB6,x\xFFy\nc,d\n");
  CHECK(parsed.errors == std::vector<std::string>{"2:5 byte 0xff is not UTF-8; convert the file with iconv"});
  CHECK(parsed.bad_rows == std::vector<std::string>{"\xC3\xA4\xC3\xB6,x\xFFy"});
  CHECK(parsed.rows == std::vector<Row>{{"a", "b"}, {"c", "d"}});
  CHECK(parse("\"a\n\nb\xC0\xAF\"\nc\n").errors.at(0).starts_with("3:2 byte 0xc0"));
  CHECK(parse("\"a\n\nb\xC0\xAF\"\nc\n").rows == std::vector<Row>{{"c"}});
}

TEST_CASE("a quote that is never closed costs one line") {
  auto parsed = parse("a,b\nc,\"d\ne,f\n");
  CHECK(parsed.errors == std::vector<std::string>{"2:3 this quote is never closed"});
  CHECK(parsed.bad_rows == std::vector<std::string>{"c,\"d"});
  CHECK(parsed.rows == std::vector<Row>{{"a", "b"}, {"e", "f"}});
}

TEST_CASE("text behind a closing quote is an error at its place") {
  auto parsed = parse("\"a\"b,c\nd,e\n");
  REQUIRE(parsed.errors.size() == 1);
  CHECK(parsed.errors[0].starts_with("1:4 there is text behind a closing quote"));
  CHECK(parsed.rows == std::vector<Row>{{"d", "e"}});
}

TEST_CASE("limits of cell, row and columns") {
  constexpr std::size_t mebi = std::size_t{1} << 20;
  CsvOptions small{.max_cell_bytes = mebi, .max_row_bytes = 4 * mebi};
  std::string mebibyte(mebi, 'x');
  CHECK(parse(mebibyte + "\n", small).rows.size() == 1);
  CHECK(parse('"' + mebibyte + "\"\r\n", small).rows.size() == 1);
  auto too_long = parse("a\n" + mebibyte + "x\nb\n", small);
  CHECK(too_long.errors == std::vector<std::string>{"2:1 the cell is longer than 1 MiB"});
  CHECK(too_long.rows == std::vector<Row>{{"a"}, {"b"}});

  std::string row = mebibyte + ',' + mebibyte + ',' + mebibyte + ',' + mebibyte;
  auto long_row = parse("a\n" + row + "\nb\n", small);
  CHECK(long_row.errors == std::vector<std::string>{"2:1 the row is longer than 4 MiB"});
  CHECK(long_row.rows == std::vector<Row>{{"a"}, {"b"}});

  auto endless = parse("a\n" + std::string(9 * mebi, 'x') + "\nb\n", small);
  CHECK(endless.errors == std::vector<std::string>{"2:1 the row is longer than 4 MiB"});
  CHECK(endless.rows == std::vector<Row>{{"a"}, {"b"}});
  CHECK(parse("a\n" + endless.bad_rows.at(0) + "\nb\n", small).rows.size() == 2);

  std::string eight(8 * mebi, 'x');
  CHECK(parse(eight + ",\"" + eight + "\"\n").rows.size() == 1);
  CHECK(parse("a\n" + eight + "x,b\n").errors == std::vector<std::string>{"2:1 the cell is longer than 8 MiB"});

  std::string many(9'999, ',');
  CHECK(parse(many + "\n").rows.at(0).size() == 10'000);
  CHECK(parse(many + ",\nb\n").errors == std::vector<std::string>{"1:10001 the row has more than 10000 cells"});
}

TEST_CASE("a row with a cell over the limit is one bad row, also where quotes hold line ends") {
  CsvOptions small{.max_cell_bytes = std::size_t{1} << 20, .max_row_bytes = std::size_t{8} << 20};
  std::string lines;
  for (int i = 0; i < 300'000; ++i) lines += "no,row\n";
  std::string row = "k,\"" + lines + "say \"\"hi\"\"\",\"2\nlines\"";
  for (std::size_t piece : {std::size_t{1} << 30, std::size_t{65'537}}) {
    auto parsed = parse_source(std::make_unique<MemorySource>("a,b,c\n" + row + "\r\nd,e,f\n", piece), small);
    CHECK(parsed.errors == std::vector<std::string>{"2:3 the cell is longer than 1 MiB, or its quote is never closed"});
    CHECK(parsed.bad_rows == std::vector<std::string>{row});
    CHECK(parsed.rows == std::vector<Row>{{"a", "b", "c"}, {"d", "e", "f"}});
    CHECK(parsed.lines == std::vector<std::uint64_t>{1, 300'004});
  }
  auto unquoted = parse(lines.substr(0, 2) + std::string(2 << 20, 'x') + ",\"2\nlines\"\nd\n", small);
  CHECK(unquoted.errors == std::vector<std::string>{"1:1 the cell is longer than 1 MiB"});
  CHECK(unquoted.rows == std::vector<Row>{{"d"}});
  auto many = parse(std::string(10'000, ',') + "\"2\nlines\"\nd\n", small);
  CHECK(many.errors.size() == 1);
  CHECK(many.rows == std::vector<Row>{{"d"}});
  auto beyond = parse("a,\"" + std::string(9 << 20, '\n') + "\",b\nd\n", small);  // over the limit of a row: in doubt
  CHECK(beyond.bad_rows == std::vector<std::string>{"a,\"", "\",b"});
  CHECK(beyond.rows == std::vector<Row>{{"d"}});
}

TEST_CASE("a quote that is not closed within the limit of a cell costs one line") {
  std::string text = "x,\"y\n";
  for (int i = 0; i < 500'000; ++i) text += "1234567,89\n";
  auto parsed = parse(text, {.max_cell_bytes = std::size_t{1} << 20});
  CHECK(parsed.errors == std::vector<std::string>{"1:3 the cell is longer than 1 MiB, or its quote is never closed"});
  CHECK(parsed.rows.size() == 500'000);
  CHECK(parsed.lines.back() == 500'001);
}

TEST_CASE("compressed input, in several frames; a cut one is an error and not a shorter file") {
  auto read = [](std::string bytes) {
    return parse_source(decompress_zstd(std::make_unique<MemorySource>(std::move(bytes), 7), "x.zst").value());
  };
  CHECK(read(compress("a,b\n") + compress("c,d\n")).rows == std::vector<Row>{{"a", "b"}, {"c", "d"}});
  std::string whole = compress(std::string(100'000, 'a') + "\nb\n");
  auto cut = read(whole.substr(0, whole.size() - 3));
  REQUIRE(cut.errors.size() == 1);
  CHECK(cut.errors[0].find("x.zst ends in the middle of its compressed data") != std::string::npos);
  CHECK(read("no zstd at all").errors.at(0).find("not valid zstd") != std::string::npos);
}

TEST_CASE("a file that is not there, and a directory") {
  CHECK(open_source("/nonexistent/file.csv").status().message().find("cannot be opened") != std::string::npos);
  CHECK(open_source("/").status().message() == "/ is a directory: name the files in it");
}
