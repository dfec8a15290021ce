#include "cluster/config/values.h"

#include <array>
#include <charconv>
#include <limits>
#include <span>

namespace engram {
namespace {

struct Unit {
  std::string_view name;
  std::uint64_t factor;
};

// Largest first, so that formatting takes the first that divides.
constexpr std::array<Unit, 5> size_units = {
    {{"TiB", 1ull << 40}, {"GiB", 1ull << 30}, {"MiB", 1ull << 20}, {"KiB", 1ull << 10}, {"", 1}}};
constexpr std::array<Unit, 5> short_size_units = {
    {{"T", 1ull << 40}, {"G", 1ull << 30}, {"M", 1ull << 20}, {"K", 1ull << 10}, {"B", 1}}};
constexpr std::array<Unit, 5> duration_units = {
    {{"d", 86'400'000}, {"h", 3'600'000}, {"m", 60'000}, {"s", 1000}, {"ms", 1}}};

Status malformed(const char* expected) {
  return {Code::invalid_argument, expected};
}

/// Splits "64MiB" into 64 and "MiB". False if there is no number in front or it does not fit.
bool split_number(std::string_view text, std::uint64_t& number, std::string_view& unit) {
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc() || end == text.data()) return false;
  unit = text.substr(static_cast<std::size_t>(end - text.data()));
  if (!unit.empty() && unit.front() == ' ') unit.remove_prefix(1);
  return true;
}

const Unit* find_unit(std::span<const Unit> units, std::string_view name) {
  for (const Unit& unit : units)
    if (unit.name == name) return &unit;
  return nullptr;
}

std::string format_with(std::span<const Unit> units, std::uint64_t value) {
  for (const Unit& unit : units)
    if (value != 0 && value % unit.factor == 0) return std::to_string(value / unit.factor) + std::string(unit.name);
  return std::to_string(value);
}

bool multiply(std::uint64_t number, std::uint64_t factor, std::uint64_t highest, std::uint64_t& product) {
  return !__builtin_mul_overflow(number, factor, &product) && product <= highest;
}

}  // namespace

Result<std::uint64_t> parse_number(std::string_view text) {
  std::uint64_t number = 0;
  std::string_view rest;
  if (!split_number(text, number, rest) || !rest.empty()) return malformed("a whole number is expected");
  return number;
}

Result<std::uint64_t> parse_size(std::string_view text) {
  const char* expected = "a size is expected, for example 4096, 64KiB, 8MiB or 2GiB";
  std::uint64_t number = 0;
  std::string_view unit_name;
  if (!split_number(text, number, unit_name)) return malformed(expected);
  const Unit* unit = find_unit(size_units, unit_name);
  if (unit == nullptr) unit = find_unit(short_size_units, unit_name);
  std::uint64_t bytes = 0;
  if (unit == nullptr || !multiply(number, unit->factor, std::numeric_limits<std::int64_t>::max(), bytes))
    return malformed(expected);
  return bytes;
}

Result<std::int64_t> parse_duration_ms(std::string_view text) {
  const char* expected = "a duration is expected, for example 250 (milliseconds), 500ms, 10s, 5m or 1h";
  std::uint64_t number = 0;
  std::string_view unit_name;
  if (!split_number(text, number, unit_name)) return malformed(expected);
  const Unit* unit = find_unit(duration_units, unit_name.empty() ? "ms" : unit_name);
  std::uint64_t duration_ms = 0;
  if (unit == nullptr || !multiply(number, unit->factor, std::numeric_limits<std::int64_t>::max(), duration_ms))
    return malformed(expected);
  return static_cast<std::int64_t>(duration_ms);
}

std::string format_size(std::uint64_t bytes) {
  return format_with(size_units, bytes);
}

std::string format_duration_ms(std::int64_t duration_ms) {
  return format_with(duration_units, static_cast<std::uint64_t>(duration_ms));
}

}  // namespace engram
