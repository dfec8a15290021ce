#include "tools/engram/property_text.h"

#include <array>
#include <charconv>
#include <cmath>

#include "tools/engram/json.h"
#include "tools/import/timestamp_text.h"
#include "tools/import/value_text.h"

namespace engram::cli {

using client::Comparison;
using client::Value;

namespace {

template <typename Number>
bool parse_number(std::string_view text, Number& number) {
  if (text.starts_with("+")) text.remove_prefix(1);
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && end == text.data() + text.size() && !text.empty();
}

Status bad(std::string_view text, const std::string& expected) {
  return {Code::invalid_argument, "'" + std::string(text) + "' is not " + expected};
}

Result<Value> parse_json_list(std::string_view text) {
  auto json = Json::parse(text, nullptr, false);
  if (!json.is_array()) return bad(text, "a JSON list such as [1,\"two\",3.5]");
  return from_json(json);
}

Value infer(std::string_view text) {
  if (text == "null") return {};
  if (text == "true") return true;
  if (text == "false") return false;
  std::int64_t integer = 0;
  if (parse_number(text, integer)) return integer;
  double number = 0;
  // "inf" and "nan" are words first.
  if (text.find_first_of("0123456789") != std::string_view::npos && parse_number(text, number) && std::isfinite(number))
    return number;
  if (text.starts_with("[")) {
    auto list = parse_json_list(text);
    if (list.ok()) return std::move(list).value();
  }
  return text;
}

Result<Value> parse_typed(std::string_view type, std::string_view text) {
  if (type == "text") return Value(text);
  if (type == "null") return Value();
  if (type == "bool") {
    if (text != "true" && text != "false") return bad(text, "true or false");
    return Value(text == "true");
  }
  if (type == "int") {
    std::int64_t number = 0;
    if (!parse_number(text, number)) return bad(text, "a whole number of 64 bits");
    return Value(number);
  }
  if (type == "float") {
    double number = 0;
    if (!parse_number(text, number) || std::isnan(number)) return bad(text, "a number");
    return Value(number);
  }
  if (type == "timestamp") {
    auto ns = import::parse_timestamp(text);
    if (!ns) return bad(text, "a time such as 2024-01-31 or 2024-01-31T12:00:00Z");
    return Value(client::Timestamp{*ns});
  }
  if (type == "bytes") {
    auto bytes = import::from_base64(text);
    if (!bytes) return bad(text, "base64");
    return Value(client::Blob{*bytes});
  }
  auto list = parse_json_list(text);
  if (!list.ok() || type == "list") return list;
  client::Vector vector;
  for (const auto& item : std::get<client::List>(list->data)) {
    const auto* integer = item.get_if<std::int64_t>();
    const auto* number = item.get_if<double>();
    if (integer == nullptr && number == nullptr) return bad(text, "a list of numbers such as [0.1,0.2]");
    vector.push_back(static_cast<float>(integer != nullptr ? static_cast<double>(*integer) : *number));
  }
  return Value(std::move(vector));
}

/// Splits "name:type"; a colon that no type follows belongs to the name.
std::pair<std::string_view, std::string_view> split_type(std::string_view name) {
  static constexpr std::array<std::string_view, 9> types = {"null", "bool",      "int",  "float", "text",
                                                            "bytes", "timestamp", "list", "vector"};
  auto colon = name.rfind(':');
  if (colon == std::string_view::npos) return {name, {}};
  for (auto type : types)
    if (name.substr(colon + 1) == type) return {name.substr(0, colon), type};
  return {name, {}};
}

Result<Value> parse_value(std::string_view type, std::string_view text) {
  return type.empty() ? Result<Value>(infer(text)) : parse_typed(type, text);
}

template <typename T, typename Parse>
Result<std::vector<T>> parse_all(const std::vector<std::string>& texts, Parse parse) {
  std::vector<T> all;
  for (const auto& text : texts) {
    auto one = parse(text);
    if (!one.ok()) return one.status();
    all.push_back(std::move(one).value());
  }
  return all;
}

}  // namespace

Result<client::Property> parse_property(std::string_view text) {
  auto equals = text.find('=');
  if (equals == std::string_view::npos || equals == 0)
    return bad(text, "a property: write name=value, or name:type=value");
  auto [name, type] = split_type(text.substr(0, equals));
  auto value = parse_value(type, text.substr(equals + 1));
  if (!value.ok()) return Status(value.status().code(), value.status().message(), std::string(name));
  return client::Property{std::string(name), std::move(value).value()};
}

Result<std::vector<client::Property>> parse_properties(const std::vector<std::string>& texts) {
  return parse_all<client::Property>(texts, parse_property);
}

Result<client::PropertyFilter> parse_filter(std::string_view text) {
  struct Operator {
    std::string_view sign;
    Comparison comparison;
  };
  // Longer ones first, so that ">=" is not read as ">".
  static constexpr std::array<Operator, 7> operators = {{{"!=", Comparison::not_equal},
                                                         {"<=", Comparison::less_or_equal},
                                                         {">=", Comparison::greater_or_equal},
                                                         {"==", Comparison::equal},
                                                         {"=", Comparison::equal},
                                                         {"<", Comparison::less},
                                                         {">", Comparison::greater}}};
  if (text.empty()) return bad(text, "a condition: write name>value, name=value, name or !name");
  auto at = text.find_first_of("!<>=", 1);
  if (at == std::string_view::npos) {
    bool absent = text.starts_with("!");
    return client::PropertyFilter{std::string(text.substr(absent ? 1 : 0)),
                                  absent ? Comparison::absent : Comparison::exists, {}};
  }
  for (const auto& candidate : operators) {
    if (text.substr(at, candidate.sign.size()) != candidate.sign) continue;
    auto [name, type] = split_type(text.substr(0, at));
    auto value = parse_value(type, text.substr(at + candidate.sign.size()));
    if (!value.ok()) return value.status();
    return client::PropertyFilter{std::string(name), candidate.comparison, std::move(value).value()};
  }
  return bad(text, "a condition: write name>value, name=value, name or !name");
}

Result<std::vector<client::PropertyFilter>> parse_filters(const std::vector<std::string>& texts) {
  return parse_all<client::PropertyFilter>(texts, parse_filter);
}

client::Seed parse_seed(std::string_view text) {
  auto equals = text.rfind('=');
  double activation = 0;
  if (equals != std::string_view::npos && equals > 0 && parse_number(text.substr(equals + 1), activation))
    return {text.substr(0, equals), activation};
  return {text, 1.0};
}

std::string show_time(std::int64_t ns) {
  std::string text;
  import::append_timestamp(text, ns);
  return text;
}

std::string show(const Value& value, std::size_t max_width) {
  std::string text;
  if (const auto* plain = value.get_if<std::string>())
    text = *plain;
  else if (const auto* time = value.get_if<client::Timestamp>())
    text = show_time(time->ns);
  else if (const auto* blob = value.get_if<client::Blob>())
    text = std::to_string(blob->bytes.size()) + " bytes";
  else if (const auto* vector = value.get_if<client::Vector>())
    text = to_json(*vector).dump();
  else
    text = dump(to_json(value));
  if (max_width != 0 && text.size() > max_width) {
    auto end = max_width - 1;
    while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0) == 0x80) --end;   // whole characters only
    text = text.substr(0, end) + "…";
  }
  return text;
}

}  // namespace engram::cli
