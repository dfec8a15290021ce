#include "tools/engram/app_checks.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdlib>
#include <limits>

#include <CLI/CLI.hpp>

#include "cluster/config/values.h"

namespace engram::cli {

namespace {

constexpr char whole_mark = '\x1f';

/// A description would stand in the help, where the type is already.
CLI::Validator unnamed(std::function<std::string(std::string&)> check) { return {std::move(check), ""}; }

template <typename Number>
std::string whole_number(const std::string& text) {
  auto digits = std::string_view(text).substr(text.starts_with("+") ? 1 : 0);
  Number number{};
  auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
  bool fits = error == std::errc() && end == digits.data() + digits.size();
  if (fits && std::to_string(number) == digits) return {};  // else it has zeros in front: 010 is 8 to some
  return "'" + text + "' is no whole number from " + std::to_string(std::numeric_limits<Number>::min()) + " to " +
         std::to_string(std::numeric_limits<Number>::max());
}

std::string number(const std::string& text) {
  return std::isnan(std::strtod(text.c_str(), nullptr)) ? "'" + text + "' is no number" : "";
}

std::vector<CLI::App*> commands_of(CLI::App& app) {
  return app.get_subcommands([](CLI::App*) { return true; });
}

/// Which options of the connection a command has no use for; empty: none. "*" stands for all of them.
std::string_view useless_for(const std::string& command, const std::string& below) {
  if (command == "serve" || command == "token" || command == "certs" || command == "log" || command == "verify")
    return "*";
  if (command == "status" || command == "cluster" || (command == "space" && below != "index")) return "--space";
  return {};
}

std::string advice(const std::string& command, const std::string& option) {
  if (option == "--space" && command == "token") return ": --only-space limits a token to a space";
  if (option == "--space" && command == "log") return ": --space-id chooses one, and 'space list --json' has the ids";
  if (option == "--space" && command == "space") return ": the space that is meant is named behind the command";
  return ": leave it out";
}

/// The option that an argument is, without its value.
CLI::Option* connection_option(CLI::App& app, const std::string& argument) {
  auto* option = argument.starts_with("--") ? app.get_option_no_throw(argument.substr(0, argument.find('='))) : nullptr;
  return option != nullptr && option->get_group() == "Connection" ? option : nullptr;
}

}  // namespace

std::string keep_whole(std::string word) {
  if (word.starts_with('[') && word.ends_with(']')) word.insert(0, 1, whole_mark);
  return word;
}

std::string as_typed(std::string word) {
  if (word.size() > 1 && word[0] == whole_mark && word[1] == '[') word.erase(0, 1);
  return word;
}

void check_values(CLI::App& app) {
  for (auto* option : app.get_options()) {
    auto type = option->get_type_name();
    option->transform(unnamed([](std::string& word) {
      word = as_typed(std::move(word));
      return std::string();
    }));
    if (type.starts_with("UINT")) option->check(unnamed(whole_number<std::uint64_t>));
    if (type.starts_with("INT")) option->check(unnamed(whole_number<std::int64_t>));
    if (type.starts_with("FLOAT")) option->check(unnamed(number));
  }
  for (auto* command : commands_of(app)) check_values(*command);
}

void refuse_useless_options(CLI::App& app, std::vector<std::string> arguments) {
  arguments.erase(std::find(arguments.begin(), arguments.end(), "--"), arguments.end());
  // Runs when all is read, and before the command.
  app.parse_complete_callback([&app, arguments = std::move(arguments)] {
    auto chosen = app.get_subcommands();
    if (chosen.empty()) return;
    auto below = chosen.front()->get_subcommands();
    auto command = chosen.front()->get_name();
    auto useless = useless_for(command, below.empty() ? "" : below.front()->get_name());
    for (const auto& argument : arguments) {
      auto* option = connection_option(app, argument);
      if (option == nullptr || (useless != "*" && useless != option->get_name())) continue;
      throw CLI::ValidationError("'" + command + "' has no use for " + option->get_name() +
                                 advice(command, option->get_name()));
    }
  });
}

void take_duration(CLI::Option& option, std::uint64_t min_ms, std::uint64_t max_ms) {
  option.type_name("TIME");
  option.transform(unnamed([min_ms, max_ms](std::string& text) -> std::string {
    auto ms = parse_duration_ms(text);
    if (!ms.ok()) return "'" + text + "': " + ms.status().message();
    auto value = static_cast<std::uint64_t>(*ms);
    if (value < min_ms || value > max_ms)
      return "'" + text + "' is not from " + format_duration_ms(static_cast<std::int64_t>(min_ms)) + " to " +
             format_duration_ms(static_cast<std::int64_t>(max_ms));
    text = std::to_string(value);
    return {};
  }));
}

void take_size(CLI::Option& option) {
  option.type_name("SIZE");
  option.transform(unnamed([](std::string& text) -> std::string {
    auto bytes = parse_size(text);
    if (!bytes.ok()) return "'" + text + "': " + bytes.status().message() + "; whole numbers only (1536MiB, not 1.5GiB)";
    text = std::to_string(*bytes);
    return {};
  }));
}

void at_least_one(CLI::Option& option) {
  option.check(unnamed([](std::string& text) { return text == "0" ? std::string("0 are none: 1 or more") : std::string(); }));
}

}  // namespace engram::cli
