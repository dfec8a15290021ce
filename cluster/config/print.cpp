// --print-config.
#include <algorithm>
#include <cstdio>

#include "cluster/config/load.h"
#include "cluster/config/registry.h"

namespace engram {
namespace {

std::string toml_string(std::string_view text) {
  std::string out = "\"";
  for (char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    if (static_cast<unsigned char>(c) >= 0x20 && c != 0x7f) {
      out += c;
      continue;
    }
    char escaped[8];
    std::snprintf(escaped, sizeof(escaped), "\\u%04x", static_cast<unsigned>(static_cast<unsigned char>(c)));
    out += escaped;
  }
  return out + "\"";
}

std::string toml_value(const Setting& setting, const Config& config) {
  std::string text = setting.text(config);
  bool bare = setting.kind == SettingKind::boolean || setting.kind == SettingKind::number;
  return bare ? text : toml_string(text);
}

}  // namespace

std::string print_config(const LoadedConfig& loaded) {
  constexpr std::size_t comment_column = 48;
  std::string out;
  for (const SettingSection& section : setting_sections()) {
    out += (out.empty() ? "[" : "\n[") + std::string(section.name) + "]  # " + std::string(section.help) + "\n";
    for (const Setting& setting : settings()) {
      if (setting.section != section.name) continue;
      std::string line = std::string(setting.name) + " = " + toml_value(setting, loaded.config);
      line.resize(std::max(comment_column, line.size() + 2), ' ');
      out += line + "# " + loaded.origins.at(setting.key()) + "\n";
    }
  }
  return out;
}

}  // namespace engram
