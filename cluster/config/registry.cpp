#include "cluster/config/registry.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "cluster/config/endpoint.h"
#include "cluster/config/values.h"

namespace engram {
namespace {

using namespace config_units;  // NOLINT: for the limits in the list

constexpr SettingLimits any() {
  return {};
}
constexpr SettingLimits range(std::uint64_t lowest, std::uint64_t highest) {
  return {lowest, highest, {}};
}
constexpr SettingLimits one_of(std::string_view choices) {
  return {0, 0, choices};
}

constexpr SettingSection section_list[] = {
#define ENGRAM_SECTION(name, Type, help) {#name, help},
#define ENGRAM_SETTING(section, name, kind, default_value, limits, help)
#define ENGRAM_SECTION_END(name)
#include "cluster/config/settings.def"
#undef ENGRAM_SECTION
#undef ENGRAM_SETTING
#undef ENGRAM_SECTION_END
};

constexpr Setting setting_list[] = {
#define ENGRAM_SECTION(name, Type, help)
#define ENGRAM_SETTING(section, name, kind, default_value, limits, help) \
  {#section, #name, SettingKind::kind,                                   \
   limits,   help,  [](Config& config) -> SettingField { return &config.section.name; }},
#define ENGRAM_SECTION_END(name)
#include "cluster/config/settings.def"
#undef ENGRAM_SECTION
#undef ENGRAM_SETTING
#undef ENGRAM_SECTION_END
};

std::string format_limit(SettingKind kind, std::uint64_t value) {
  if (kind == SettingKind::size) return format_size(value);
  if (kind == SettingKind::duration) return value == 0 ? "0" : format_duration_ms(static_cast<std::int64_t>(value));
  return std::to_string(value);
}

bool is_choice(std::string_view choices, std::string_view value) {
  return !value.empty() && value.find('|') == std::string_view::npos &&
         ("|" + std::string(choices) + "|").find("|" + std::string(value) + "|") != std::string::npos;
}

Status parse_boolean(std::string_view text, bool& value) {
  if (text != "true" && text != "false") return {Code::invalid_argument, "true or false is expected"};
  value = text == "true";
  return {};
}

template <typename T, typename Parsed>
Status take_limited(const Setting& setting, Result<Parsed> parsed, T& value) {
  if (!parsed.ok()) return parsed.status();
  auto number = static_cast<std::uint64_t>(*parsed);
  if (setting.limits.highest != 0 && (number < setting.limits.lowest || number > setting.limits.highest))
    return {Code::invalid_argument, "it is out of range"};
  value = *parsed;
  return {};
}

Status parse_text(const Setting& setting, std::string_view text, std::string& value) {
  if (text.find('\0') != std::string_view::npos || text.find('\n') != std::string_view::npos)
    return {Code::invalid_argument, "it holds a control character"};
  if (setting.kind == SettingKind::choice && !is_choice(setting.limits.choices, text))
    return {Code::invalid_argument, "it is none of the choices"};
  if (setting.kind == SettingKind::address && text != "none")
    if (Result<Endpoint> endpoint = parse_endpoint(text); !endpoint.ok()) return endpoint.status();
  value = text;
  return {};
}

struct FieldParser {
  const Setting& setting;
  std::string_view text;

  Status operator()(std::string* value) const { return parse_text(setting, text, *value); }
  Status operator()(bool* value) const { return parse_boolean(text, *value); }
  Status operator()(std::int64_t* value) const { return take_limited(setting, parse_duration_ms(text), *value); }
  Status operator()(std::uint64_t* value) const {
    return take_limited(setting, setting.kind == SettingKind::size ? parse_size(text) : parse_number(text), *value);
  }
};

/// What is in <angle brackets> would be taken for a tag, and not shown.
std::string markdown_text(std::string_view text) {
  std::string out;
  for (char c : text) out += c == '<' ? "\\<" : std::string(1, c);
  return out;
}

struct FieldFormatter {
  SettingKind kind;

  std::string operator()(const std::string* value) const { return *value; }
  std::string operator()(const bool* value) const { return *value ? "true" : "false"; }
  std::string operator()(const std::int64_t* value) const { return format_duration_ms(*value); }
  std::string operator()(const std::uint64_t* value) const { return format_limit(kind, *value); }
};

}  // namespace

std::span<const Setting> settings() {
  return setting_list;
}
std::span<const SettingSection> setting_sections() {
  return section_list;
}

const Setting* find_setting(std::string_view section, std::string_view name) {
  auto found = std::find_if(std::begin(setting_list), std::end(setting_list),
                            [&](const Setting& setting) { return setting.section == section && setting.name == name; });
  return found == std::end(setting_list) ? nullptr : found;
}

std::string Setting::key() const {
  return std::string(section) + "." + std::string(name);
}

std::string Setting::flag() const {
  std::string text = "--" + std::string(section) + "-" + std::string(name);
  std::replace(text.begin(), text.end(), '_', '-');
  return text;
}

std::string Setting::environment() const {
  std::string text = "ENGRAM_" + std::string(section) + "_" + std::string(name);
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

std::string Setting::allowed() const {
  switch (kind) {
    case SettingKind::boolean:
      return "true or false";
    case SettingKind::address:
      return "host:port or none";
    case SettingKind::path:
      return "a path";
    case SettingKind::text:
      return "text";
    case SettingKind::choice: {
      std::string text(limits.choices);
      for (std::size_t at = 0; (at = text.find('|', at)) != std::string::npos;) text.replace(at, 1, ", ");
      return text;
    }
    default:
      break;
  }
  return format_limit(kind, limits.lowest) + " to " + format_limit(kind, limits.highest);
}

std::string Setting::text(const Config& config) const {
  // `field` serves reading and writing; nothing is written here.
  return std::visit(FieldFormatter{kind}, field(const_cast<Config&>(config)));
}

Status Setting::assign(Config& config, std::string_view value) const {
  Status status = std::visit(FieldParser{*this, value}, field(config));
  if (status.ok()) return {};
  return {Code::invalid_argument,
          key() + " = \"" + std::string(value) + "\": " + status.message() + " (allowed: " + allowed() + ")", key(),
          limits.highest};
}

std::string settings_markdown() {
  Config defaults;
  std::string out;
  for (const SettingSection& section : setting_sections()) {
    out += "### [" + std::string(section.name) + "] " + std::string(section.help) + "\n\n";
    out += "| key | default | allowed | what it is |\n|---|---|---|---|\n";
    for (const Setting& setting : settings()) {
      if (setting.section != section.name) continue;
      std::string value = setting.text(defaults);
      out += "| `" + std::string(setting.name) + "` | " + (value.empty() ? "" : "`" + value + "`") + " | " +
             setting.allowed() + " | " + markdown_text(setting.help) + " |\n";
    }
    out += "\n";
  }
  return out;
}

}  // namespace engram
