#pragma once
// What an engine can be told. The members are those of settings.def, with its defaults:
//   Config config;  config.listen.max_connections == 1024
// Sizes are in bytes, durations in milliseconds. `load_config` (load.h) fills one from file, environment and flags, and
// replaces the empty paths by what they stand for.

#include <cstdint>
#include <string>
#include <type_traits>

namespace engram {

enum class SettingKind : std::uint8_t { text, path, address, boolean, number, size, duration, choice };

namespace config_units {
constexpr std::uint64_t kibibytes(std::uint64_t count) { return count << 10; }
constexpr std::uint64_t mebibytes(std::uint64_t count) { return count << 20; }
constexpr std::uint64_t gibibytes(std::uint64_t count) { return count << 30; }
constexpr std::uint64_t tebibytes(std::uint64_t count) { return count << 40; }
constexpr std::int64_t seconds(std::int64_t count) { return count * 1000; }
constexpr std::int64_t minutes(std::int64_t count) { return count * 60'000; }
constexpr std::int64_t hours(std::int64_t count) { return count * 3'600'000; }

template <SettingKind kind>
using SettingType = std::conditional_t<
    kind == SettingKind::boolean, bool,
    std::conditional_t<kind == SettingKind::duration, std::int64_t,
                       std::conditional_t<kind == SettingKind::number || kind == SettingKind::size, std::uint64_t,
                                          std::string>>>;
}  // namespace config_units

namespace config_sections {
using namespace config_units;  // NOLINT: the units are only for the list below
#define ENGRAM_SECTION(name, Type, help) struct Type {
#define ENGRAM_SETTING(section, name, kind, default_value, limits, help) \
  SettingType<SettingKind::kind> name = default_value;
#define ENGRAM_SECTION_END(name) };
#include "cluster/config/settings.def"
#undef ENGRAM_SECTION
#undef ENGRAM_SETTING
#undef ENGRAM_SECTION_END
}  // namespace config_sections

struct Config {
#define ENGRAM_SECTION(name, Type, help) config_sections::Type name;
#define ENGRAM_SETTING(section, name, kind, default_value, limits, help)
#define ENGRAM_SECTION_END(name)
#include "cluster/config/settings.def"
#undef ENGRAM_SECTION
#undef ENGRAM_SETTING
#undef ENGRAM_SECTION_END
};

/// Whether a path or address setting is turned off.
inline bool is_off(const std::string& value) { return value == "none"; }

}  // namespace engram
