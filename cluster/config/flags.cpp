#include "cluster/config/flags.h"

#include <exception>

#include <CLI/CLI.hpp>

#include "cluster/config/registry.h"

namespace engram {
namespace {

std::string option_help(const Setting& setting) {
  Config defaults;
  std::string value = setting.text(defaults);
  return std::string(setting.help) + (value.empty() ? "" : " [" + value + "]");
}

/// The library throws what it does not take itself at a flag's value.
std::string check_flag_value(std::string& text) {
  try {
    (void)CLI::detail::to_flag_value(text);
    return {};
  } catch (const std::exception&) {
    return "'" + text + "' is neither true nor false";
  }
}

}  // namespace

void add_config_flags(CLI::App& app, FlagValues& values) {
  for (const Setting& setting : settings()) {
    std::string key = setting.key();
    auto take = [&values, key](const std::string& text) { values[key] = text; };
    // A flag may stand alone or say =false, to take back what the file says.
    auto take_flag = [&values, key](std::int64_t count) { values[key] = count > 0 ? "true" : "false"; };
    CLI::Option* option = setting.kind == SettingKind::boolean
                              ? app.add_flag_function(setting.flag(), take_flag, option_help(setting))
                              : app.add_option_function<std::string>(setting.flag(), take, option_help(setting));
    if (setting.kind == SettingKind::boolean) option->check(CLI::Validator(check_flag_value, ""));
    option->group(std::string(setting.section));
  }
}

}  // namespace engram
