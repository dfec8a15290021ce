#include "tools/engram/property_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include "tools/engram/json.h"
#include "tools/import/json_lines.h"
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

bool is_json_list(std::string_view text) { return Json::parse(text, nullptr, false).is_array(); }

Result<Value> parse_json_list(std::string_view text) {
  if (!is_json_list(text)) return bad(text, "a JSON list such as [1,\"two\",3.5]");
  Value value;
  // As import reads it, so that no number becomes another one.
  if (auto problem = import::parse_json_value(text, value); !problem.empty())
    return Status(Code::invalid_argument, "'" + std::string(text) + "': " + problem);
  return value;
}

bool is_all_digits(std::string_view text) {
  if (text.starts_with("+") || text.starts_with("-")) text.remove_prefix(1);
  return !text.empty() && text.find_first_not_of("0123456789") == std::string_view::npos;
}

Result<Value> infer(std::string_view text) {
  if (text == "null") return Value();
  if (text == "true") return Value(true);
  if (text == "false") return Value(false);
  std::int64_t integer = 0;
  if (parse_number(text, integer)) return Value(integer);
  if (is_all_digits(text))
    return bad(text, "an integer of 64 bits; write it with a point to make it a float, or name:text=... for a text");
  double number = 0;
  // "inf" and "nan" are words first.
  if (text.find_first_of("0123456789") != std::string_view::npos && parse_number(text, number) && std::isfinite(number))
    return Value(number);
  if (text.starts_with("[") && is_json_list(text)) return parse_json_list(text);
  return Value(text);
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

/// Where the first of `signs` stands that no backslash makes a part of the name; npos: nowhere.
std::size_t find_sign(std::string_view text, std::string_view signs, std::size_t from = 0) {
  for (std::size_t i = from; i < text.size(); ++i) {
    if (text[i] == '\\')
      ++i;
    else if (signs.find(text[i]) != std::string_view::npos)
      return i;
  }
  return std::string_view::npos;
}

/// The name that is meant: a backslash takes the character behind it as it is.
std::string plain_name(std::string_view typed) {
  std::string name;
  for (std::size_t i = 0; i < typed.size(); ++i) {
    if (typed[i] == '\\' && i + 1 < typed.size()) ++i;
    name += typed[i];
  }
  return name;
}

struct TypedName {
  std::string name;
  std::string_view type;   // empty: by how the value looks
};

/// "name:type". The type stands behind the last colon, so that `dc:title:text` is the text dc:title; any other colon of a
/// name needs a backslash, since a type that is mistyped would silently become a part of the name.
Result<TypedName> split_type(std::string_view typed) {
  static constexpr std::array<std::string_view, 9> types = {"null",  "bool",      "int",  "float", "text",
                                                            "bytes", "timestamp", "list", "vector"};
  auto colon = std::string_view::npos;
  for (auto next = find_sign(typed, ":"); next != std::string_view::npos; next = find_sign(typed, ":", next + 1))
    colon = next;
  if (colon == std::string_view::npos) return TypedName{plain_name(typed), {}};
  auto type = typed.substr(colon + 1);
  if (std::find(types.begin(), types.end(), type) != types.end())
    return TypedName{plain_name(typed.substr(0, colon)), type};
  std::string names;
  for (auto known : types) names += (names.empty() ? "" : ", ") + std::string(known);
  auto quoted = std::string(typed.substr(0, colon)) + "\\:" + std::string(type);
  return Status(Code::invalid_argument, "in '" + std::string(typed) + "', '" + std::string(type) +
                                            "' is no type; there are " + names +
                                            ". If the colon belongs to the name, put a backslash before it: '" + quoted + "'");
}

Result<Value> parse_value(std::string_view type, std::string_view text) {
  return type.empty() ? infer(text) : parse_typed(type, text);
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
  auto equals = find_sign(text, "=");
  if (equals == std::string_view::npos || equals == 0)
    return bad(text, "a property: write name=value, or name:type=value");
  auto name = split_type(text.substr(0, equals));
  if (!name.ok()) return name.status();
  auto value = parse_value(name->type, text.substr(equals + 1));
  if (!value.ok()) return Status(value.status().code(), value.status().message(), name->name);
  return client::Property{std::move(name->name), std::move(value).value()};
}

Result<std::vector<client::Property>> parse_properties(const std::vector<std::string>& texts) {
  return parse_all<client::Property>(texts, parse_property);
}

namespace {

struct Sign {
  std::string_view text;
  Comparison comparison;
};

const Sign* sign_at(std::string_view text) {
  // Longer ones first, so that ">=" is not read as ">".
  static constexpr std::array<Sign, 7> signs = {{{"!=", Comparison::not_equal},
                                                 {"<=", Comparison::less_or_equal},
                                                 {">=", Comparison::greater_or_equal},
                                                 {"==", Comparison::equal},
                                                 {"=", Comparison::equal},
                                                 {"<", Comparison::less},
                                                 {">", Comparison::greater}}};
  const auto* sign = std::find_if(signs.begin(), signs.end(), [&](const Sign& s) { return text.starts_with(s.text); });
  return sign == signs.end() ? nullptr : sign;
}

/// What a person did not mean, most likely: "a>>5", "a=>5", "a>". With a type, any text can be compared with.
Status check_untyped(std::string_view condition, const Sign& sign, std::string_view value) {
  bool ordered = sign.comparison != Comparison::equal && sign.comparison != Comparison::not_equal;
  if (value.empty() && ordered) return bad(condition, "a condition: there is no value behind " + std::string(sign.text));
  if (!value.empty() && std::string_view("<>=").find(value.front()) != std::string_view::npos)
    return bad(condition, "a condition: its sign is not one of =, ==, !=, <, <=, >, >=. If the value is a text that begins "
                          "so, say name:text" + std::string(sign.text) + std::string(value));
  return {};
}

}  // namespace

Result<client::PropertyFilter> parse_filter(std::string_view text) {
  constexpr const char* condition = "a condition: write name>value, name=value, name!=value, name or !name";
  bool marked = text.starts_with("!");
  auto at = find_sign(text, "!<>=", marked ? 1 : 0);
  if (at == 0 || text.size() == (marked ? 1 : 0)) return bad(text, condition);
  if (at == std::string_view::npos) {
    auto name = split_type(text.substr(marked ? 1 : 0));
    if (!name.ok()) return name.status();
    if (!name->type.empty()) return bad(text, "a condition: a type is said of a value only, as in since:timestamp>2024-01-01");
    return client::PropertyFilter{std::move(name->name), marked ? Comparison::absent : Comparison::exists, {}};
  }
  const Sign* sign = sign_at(text.substr(at));
  if (sign == nullptr || marked)
    return bad(text, std::string(condition) + "; a name that begins with ! needs a backslash before it");
  auto name = split_type(text.substr(0, at));
  if (!name.ok()) return name.status();
  auto typed = text.substr(at + sign->text.size());
  if (name->type.empty())
    if (auto status = check_untyped(text, *sign, typed); !status.ok()) return status;
  auto value = parse_value(name->type, typed);
  if (!value.ok()) return value.status();
  return client::PropertyFilter{std::move(name->name), sign->comparison, std::move(value).value()};
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
