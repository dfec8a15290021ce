#pragma once
// What commands print for a person: short, aligned, coloured on a terminal only.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "client/engram/types.h"
#include "storage/base/number_text.h"  // part of what commands print with

namespace engram::cli {

struct Globals;

enum class Ink { plain, strong, faint, name, number };

/// With control characters made visible: "\x1b" for those of ASCII except tab and line feed, "\u009b" for the others. Keys
/// and values come from anywhere, and a terminal would obey them.
std::string escape_controls(std::string_view text);
/// The text as it may be printed: with visible control characters if standard output is a terminal, else as it is.
std::string printable(std::string_view text);

/// The text, printable, in a colour if standard output takes colours.
std::string ink(Ink kind, std::string_view text);

/// Columns as wide as their widest cell; the last is not filled up. Numbers are put to the right.
class Table {
 public:
  explicit Table(std::vector<std::string> heads, std::vector<bool> right_aligned = {});
  /// The cells are made printable.
  void add(std::vector<std::string> cells, std::vector<Ink> inks = {});
  [[nodiscard]] bool empty() const { return rows_.empty(); }
  /// To standard output, the heads first.
  void print() const;

 private:
  struct Row {
    std::vector<std::string> cells;
    std::vector<Ink> inks;
  };
  std::vector<std::string> heads_;
  std::vector<bool> right_;
  std::vector<Row> rows_;
};

/// Characters that the text takes on a terminal, counted as code points.
std::size_t width_of(std::string_view text);
/// "12.3 MiB".
std::string show_bytes(std::uint64_t bytes);
/// The shortest text that reads back as the same number.
std::string show_number(double number);
/// "city=Paris elev=100", cut in the middle of nothing.
std::string show_properties(const std::vector<client::Property>& properties, std::size_t max_width = 60);

/// Key and labels on one line, then one line a property.
void print_vertex(const client::Vertex& vertex);
/// Text without an end of line.
void write_output(std::string_view text);
/// As it is: what comes from the graph goes through `ink` or `printable` first.
void print_line(std::string_view line);
/// Standard output takes no more (a full disk, a reader that left): a long stream ends then.
bool output_is_lost();
void flush_output();
/// At the end of the program: flushes standard output. If something of it was lost, says so and sets exit_local, unless the
/// command failed already. A reader that left on purpose (`| head`) is not told.
void finish_output(Globals& globals);
/// To standard error: something about the answer, for instance that a limit cut it.
void print_note(std::string_view note);

}  // namespace engram::cli
