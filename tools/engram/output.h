#pragma once
// What commands print for a person: short, aligned, coloured on a terminal only.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "client/engram/types.h"
#include "storage/base/number_text.h"  // part of what commands print with

namespace engram::cli {

enum class Ink { plain, strong, faint, name, number };

/// The text in a colour if standard output takes colours, else as it is.
std::string ink(Ink kind, std::string_view text);

/// Columns as wide as their widest cell; the last is not filled up. Numbers are put to the right.
class Table {
 public:
  explicit Table(std::vector<std::string> heads, std::vector<bool> right_aligned = {});
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
void print_line(std::string_view line);
/// To standard error: something about the answer, for instance that a limit cut it.
void print_note(std::string_view note);

}  // namespace engram::cli
