#pragma once
// The list of settings as data: who reads, prints or documents the configuration walks over it.

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "cluster/config/config.h"
#include "storage/base/result.h"

namespace engram {

struct SettingLimits {
  std::uint64_t lowest = 0;
  std::uint64_t highest = 0;       // 0: no limits
  std::string_view choices;        // "text|json"; of the kind `choice` only
};

using SettingField = std::variant<std::string*, bool*, std::uint64_t*, std::int64_t*>;

struct Setting {
  std::string_view section;
  std::string_view name;
  SettingKind kind;
  SettingLimits limits;
  std::string_view help;
  SettingField (*field)(Config&);

  [[nodiscard]] std::string key() const;          // "listen.max_connections"
  [[nodiscard]] std::string flag() const;         // "--listen-max-connections"
  [[nodiscard]] std::string environment() const;  // "ENGRAM_LISTEN_MAX_CONNECTIONS"
  /// What values are good, for messages and documents: "64KiB to 1GiB", "text or json".
  [[nodiscard]] std::string allowed() const;
  /// The value as it would be written: "8MiB", "30s", "127.0.0.1:9470".
  [[nodiscard]] std::string text(const Config& config) const;
  /// Parses and sets. Error invalid_argument names key, value and what is allowed; then the setting stays as it was.
  Status assign(Config& config, std::string_view value) const;
};

struct SettingSection {
  std::string_view name;
  std::string_view help;
};

/// All settings, those of one section side by side.
std::span<const Setting> settings();
std::span<const SettingSection> setting_sections();
/// Null if there is none.
const Setting* find_setting(std::string_view section, std::string_view name);

/// The table of docs/configuration.md.
std::string settings_markdown();

}  // namespace engram
