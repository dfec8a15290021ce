#include "tools/engram/output.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>

#include "storage/base/error_text.h"
#include "tools/engram/globals.h"
#include "tools/engram/property_text.h"
#include "tools/import/value_text.h"

namespace engram::cli {

namespace {

const char* code_of(Ink kind) {
  switch (kind) {
    case Ink::plain: return "";
    case Ink::strong: return "\033[1m";
    case Ink::faint: return "\033[2m";
    case Ink::name: return "\033[36m";
    case Ink::number: return "\033[33m";
  }
  return "";
}

// Of the process, as standard output is: the first error that writing to it met. stdio keeps only that there was one.
int output_error = 0;

std::string joined(const std::vector<std::string>& parts, std::string_view with) {
  std::string text;
  for (const auto& part : parts) {
    if (!text.empty()) text += with;
    text += part;
  }
  return text;
}

}  // namespace

std::string escape_controls(std::string_view text) {
  std::string escaped;
  char code[8];
  for (std::size_t i = 0; i < text.size(); ++i) {
    auto byte = static_cast<unsigned char>(text[i]);
    auto next = i + 1 < text.size() ? static_cast<unsigned char>(text[i + 1]) : 0U;
    bool of_c1 = byte == 0xC2 && next >= 0x80 && next < 0xA0;   // U+0080 to U+009F
    if (of_c1 || byte == 0x7F) {
      std::snprintf(code, sizeof code, "\\u%04x", of_c1 ? next : byte);
      escaped += code;
      if (of_c1) ++i;
    } else if (byte < 0x20 && byte != '\n' && byte != '\t') {
      std::snprintf(code, sizeof code, "\\x%02x", byte);
      escaped += code;
    } else {
      escaped += text[i];
    }
  }
  return escaped;
}

std::string printable(std::string_view text) {
  static const bool terminal = ::isatty(STDOUT_FILENO) == 1;
  return terminal ? escape_controls(text) : std::string(text);
}

std::string ink(Ink kind, std::string_view text) {
  static const bool colours = colours_on_output();
  if (!colours || kind == Ink::plain || text.empty()) return printable(text);
  return code_of(kind) + printable(text) + "\033[0m";
}

std::size_t width_of(std::string_view text) {
  return static_cast<std::size_t>(
      std::count_if(text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0) != 0x80; }));
}

Table::Table(std::vector<std::string> heads, std::vector<bool> right_aligned)
    : heads_(std::move(heads)), right_(std::move(right_aligned)) {
  right_.resize(heads_.size(), false);
}

void Table::add(std::vector<std::string> cells, std::vector<Ink> inks) {
  cells.resize(heads_.size());
  for (auto& cell : cells) cell = printable(cell);
  inks.resize(heads_.size(), Ink::plain);
  rows_.push_back({std::move(cells), std::move(inks)});
}

void Table::print() const {
  std::vector<std::size_t> widths;
  for (std::size_t column = 0; column < heads_.size(); ++column) {
    auto width = width_of(heads_[column]);
    for (const auto& row : rows_) width = std::max(width, width_of(row.cells[column]));
    widths.push_back(width);
  }
  auto print_row = [&](const std::vector<std::string>& cells, auto ink_of) {
    std::string line;
    for (std::size_t column = 0; column < cells.size(); ++column) {
      std::string fill(widths[column] - width_of(cells[column]), ' ');
      auto cell = ink(ink_of(column), cells[column]);
      if (column != 0) line += "  ";
      line += right_[column] ? fill + cell : cell + (column + 1 < cells.size() ? fill : "");
    }
    while (line.ends_with(' ')) line.pop_back();
    print_line(line);
  };
  print_row(heads_, [](std::size_t) { return Ink::faint; });
  for (const auto& row : rows_) print_row(row.cells, [&](std::size_t column) { return row.inks[column]; });
}

std::string show_bytes(std::uint64_t bytes) {
  static constexpr const char* units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
  auto size = static_cast<double>(bytes);
  std::size_t unit = 0;
  while (size >= 1024 && unit + 1 < std::size(units)) {
    size /= 1024;
    ++unit;
  }
  char text[32];
  std::snprintf(text, sizeof text, unit == 0 ? "%.0f %s" : "%.1f %s", size, units[unit]);
  return text;
}

std::string show_number(double number) {
  std::string text;
  import::append_number(text, number);
  return text;
}

std::string show_properties(const std::vector<client::Property>& properties, std::size_t max_width) {
  std::string text;
  for (const auto& property : properties) {
    auto next = property.name + "=" + show(property.value, 24);
    if (!text.empty() && width_of(text) + width_of(next) + 1 > max_width) return text + " …";
    if (!text.empty()) text += ' ';
    text += next;
  }
  return text;
}

void print_vertex(const client::Vertex& vertex) {
  print_line(ink(Ink::strong, vertex.key) + (vertex.labels.empty() ? "" : "  ") +
             ink(Ink::name, joined(vertex.labels, " ")));
  std::size_t width = 0;
  for (const auto& property : vertex.properties) width = std::max(width, width_of(property.name));
  for (const auto& property : vertex.properties) {
    std::string fill(width - width_of(property.name), ' ');
    print_line("  " + ink(Ink::faint, property.name) + fill + "  " + printable(show(property.value)));
  }
}

void write_output(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() && output_error == 0) output_error = errno;
}

void print_line(std::string_view line) {
  write_output(line);
  write_output("\n");
}

bool output_is_lost() { return output_error != 0 || std::ferror(stdout) != 0; }

void flush_output() {
  if (std::fflush(stdout) != 0 && output_error == 0) output_error = errno;
}

void finish_output(Globals& globals) {
  flush_output();
  if (!output_is_lost()) return;
  int earlier = globals.exit_code;
  if (output_error != EPIPE)
    report_error(globals, Status(output_error == ENOSPC ? Code::disk_full : Code::internal,
                                 "standard output cannot be written" +
                                     (output_error == 0 ? "" : ": " + error_text(output_error)) +
                                     "; what was to be printed is lost"));
  globals.exit_code = earlier == exit_ok ? exit_local : earlier;
}

void print_note(std::string_view note) { std::fprintf(stderr, "%s\n", printable_error(note).c_str()); }

}  // namespace engram::cli
