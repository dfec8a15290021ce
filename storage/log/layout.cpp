#include "storage/log/layout.h"

#include <array>
#include <charconv>
#include <cinttypes>
#include <cstdio>

namespace engram::log_layout {
namespace {

struct Pattern {
  Kind kind;
  const char* prefix;
  const char* suffix;
};
constexpr std::array<Pattern, 5> patterns{{{Kind::open_segment, "commands-", ".log"},
                                           {Kind::sealed_segment, "commands-", ".sealed.log"},
                                           {Kind::partial_segment, "commands-", ".partial"},
                                           {Kind::spare, "spare-", ".log"},
                                           {Kind::partial_spare, "spare-", ".partial"}}};
constexpr std::size_t digits = 20;

}  // namespace

std::string name_of(Kind kind, std::uint64_t number) {
  const Pattern& pattern = patterns[static_cast<std::size_t>(kind)];
  std::array<char, digits + 1> text{};
  std::snprintf(text.data(), text.size(), "%020" PRIu64, number);
  return std::string(pattern.prefix) + text.data() + pattern.suffix;
}

std::optional<Name> parse(std::string_view file_name) {
  for (const Pattern& pattern : patterns) {
    std::string_view prefix = pattern.prefix;
    std::string_view suffix = pattern.suffix;
    if (file_name.size() != prefix.size() + digits + suffix.size()) continue;
    if (!file_name.starts_with(prefix) || !file_name.ends_with(suffix)) continue;
    std::string_view text = file_name.substr(prefix.size(), digits);
    Name name{pattern.kind, 0};
    auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), name.number);
    if (error == std::errc() && end == text.data() + text.size()) return name;
  }
  return std::nullopt;
}

}  // namespace engram::log_layout
