#include "tools/import/value_text.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>

#include <kj/encoding.h>

#include "tools/import/timestamp_text.h"

namespace engram::import {

namespace {

struct NamedKind {
  std::string_view name;
  CellKind kind;
};
// What is unzoned is taken as UTC.
constexpr std::array named_kinds = {
    NamedKind{"string", CellKind::text},        NamedKind{"int", CellKind::int32},
    NamedKind{"integer", CellKind::int32},      NamedKind{"long", CellKind::int64},
    NamedKind{"double", CellKind::float64},     NamedKind{"float", CellKind::float64},
    NamedKind{"boolean", CellKind::boolean},    NamedKind{"bool", CellKind::boolean},
    NamedKind{"byte", CellKind::int8},          NamedKind{"short", CellKind::int16},
    NamedKind{"char", CellKind::character},     NamedKind{"date", CellKind::timestamp},
    NamedKind{"datetime", CellKind::timestamp}, NamedKind{"localdatetime", CellKind::timestamp},
    NamedKind{"timestamp", CellKind::timestamp}, NamedKind{"bytes", CellKind::bytes},
    NamedKind{"vector", CellKind::vector},
};

bool equal_without_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(), [](char x, char y) { return (x | 0x20) == (y | 0x20); });
}

Status wrong(std::string_view text, std::string_view expected) {
  constexpr std::size_t shown_bytes = 40;
  std::string shown(text.substr(0, shown_bytes));
  if (text.size() > shown_bytes) shown += "...";
  return {Code::invalid_argument, '"' + shown + "\" is not " + std::string(expected)};
}

template <typename Number>
bool parse_whole(std::string_view text, Number& number) {
  if (text.starts_with('+')) text.remove_prefix(1);
  auto [stopped, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  return error == std::errc() && stopped == text.data() + text.size() && !text.empty();
}

template <typename Integer>
Status parse_integer(std::string_view text, client::Value& value, std::string_view expected) {
  Integer number = 0;
  if (!parse_whole(text, number)) return wrong(text, expected);
  value.data = static_cast<std::int64_t>(number);
  return {};
}

Status parse_float(std::string_view text, client::Value& value) {
  double number = 0;
  if (!parse_whole(text, number)) return wrong(text, "a number");
  if (std::isnan(number)) return wrong(text, "a number that can be stored; leave the cell empty instead");
  value.data = number;
  return {};
}

Status parse_boolean(std::string_view text, client::Value& value) {
  if (equal_without_case(text, "true") || text == "1") {
    value.data = true;
  } else if (equal_without_case(text, "false") || text == "0") {
    value.data = false;
  } else {
    return wrong(text, "true or false");
  }
  return {};
}

void assign_text(std::string_view text, client::Value& value) {
  if (auto* held = std::get_if<std::string>(&value.data)) {
    held->assign(text);
  } else {
    value.data.emplace<std::string>(text);
  }
}

Status parse_character(std::string_view text, client::Value& value) {
  auto begins_character = [](char byte) { return (static_cast<unsigned char>(byte) & 0xC0) != 0x80; };
  if (std::count_if(text.begin(), text.end(), begins_character) != 1) return wrong(text, "one character");
  assign_text(text, value);
  return {};
}

Status parse_time(std::string_view text, client::Value& value) {
  auto ns = parse_timestamp(text);
  if (!ns) return wrong(text, "a time like 2024-02-29 or 2024-02-29T13:05:07.5Z between the years 1677 and 2262");
  value.data = client::Timestamp{*ns};
  return {};
}

Status parse_bytes(std::string_view text, client::Value& value) {
  auto bytes = from_base64(text);
  if (!bytes) return wrong(text, "base64");
  value.data = client::Blob{std::move(*bytes)};
  return {};
}

/// Calls `take(item)` for each of the items of a cell; an empty cell has none.
template <typename Take>
Status for_each_item(std::string_view text, Convention convention, const Take& take) {
  if (text.empty()) return {};
  std::string item;
  for (std::size_t at = 0;; ++at) {
    if (at < text.size() && text[at] != ';') {
      if (convention == Convention::gremlin && text[at] == '\\' && text.substr(at + 1).starts_with(';')) ++at;
      item += text[at];
      continue;
    }
    if (Status status = take(std::string_view(item)); !status.ok()) return status;
    if (at == text.size()) return {};
    item.clear();
  }
}

Status parse_vector(std::string_view text, client::Value& value) {
  client::Vector vector;
  Status status = for_each_item(text, Convention::neo4j, [&](std::string_view item) -> Status {
    float number = 0;
    if (!parse_whole(item, number) || std::isnan(number)) return wrong(item, "a number");
    vector.push_back(number);
    return {};
  });
  value.data = std::move(vector);
  return status;
}

Status parse_single(CellKind kind, std::string_view text, client::Value& value) {
  switch (kind) {
    case CellKind::boolean: return parse_boolean(text, value);
    case CellKind::int8: return parse_integer<std::int8_t>(text, value, "an integer from -128 to 127");
    case CellKind::int16: return parse_integer<std::int16_t>(text, value, "an integer from -32768 to 32767");
    case CellKind::int32: return parse_integer<std::int32_t>(text, value, "an integer of 32 bits (use the type long?)");
    case CellKind::int64: return parse_integer<std::int64_t>(text, value, "an integer of 64 bits");
    case CellKind::float64: return parse_float(text, value);
    case CellKind::character: return parse_character(text, value);
    case CellKind::text: assign_text(text, value); return {};
    case CellKind::timestamp: return parse_time(text, value);
    case CellKind::bytes: return parse_bytes(text, value);
    case CellKind::vector: return parse_vector(text, value);
  }
  return {Code::internal, "unknown kind of cell"};
}

Status append_item(Convention convention, std::string_view text, std::string& out) {
  if (convention == Convention::neo4j) {
    if (text.find(';') != std::string_view::npos)
      return {Code::unsupported,
              "a list of texts with semicolons does not fit into csv-neo4j; export as csv-gremlin or jsonl"};
    out += text;
    return {};
  }
  if (text.ends_with('\\') || text.find("\\;") != std::string_view::npos)
    return {Code::unsupported,
            "a list of texts with backslashes before semicolons does not fit into CSV; export as jsonl"};
  for (char byte : text) {
    if (byte == ';') out += '\\';
    out += byte;
  }
  return {};
}

Status append_single(const client::Value& value, std::string& out) {
  if (const auto* boolean = value.get_if<bool>()) {
    out += *boolean ? "true" : "false";
  } else if (const auto* integer = value.get_if<std::int64_t>()) {
    out += std::to_string(*integer);
  } else if (const auto* number = value.get_if<double>()) {
    append_number(out, *number);
  } else if (const auto* text = value.get_if<std::string>()) {
    out += *text;
  } else if (const auto* time = value.get_if<client::Timestamp>()) {
    append_timestamp(out, time->ns);
  } else if (const auto* blob = value.get_if<client::Blob>()) {
    out += to_base64(blob->bytes);
  } else if (const auto* vector = value.get_if<client::Vector>()) {
    for (std::size_t i = 0; i < vector->size(); ++i) {
      if (i > 0) out += ';';
      append_number(out, (*vector)[i]);
    }
  } else {
    return {Code::unsupported, "a list within a list, or a null, does not fit into CSV; export as jsonl"};
  }
  return {};
}

}  // namespace

std::optional<CellType> cell_type_named(std::string_view name) {
  CellType type;
  if (name.ends_with("[]")) {
    type.list = true;
    name.remove_suffix(2);
  }
  for (const auto& known : named_kinds) {
    if (!equal_without_case(known.name, name)) continue;
    type.kind = known.kind;
    if (type.list && type.kind == CellKind::vector) return std::nullopt;
    return type;
  }
  return std::nullopt;
}

std::string name_of(CellType type, Convention convention) {
  bool neo4j = convention == Convention::neo4j;
  std::string name;
  switch (type.kind) {
    case CellKind::boolean: name = neo4j ? "boolean" : "Bool"; break;
    case CellKind::int8: name = neo4j ? "byte" : "Byte"; break;
    case CellKind::int16: name = neo4j ? "short" : "Short"; break;
    case CellKind::int32: name = neo4j ? "int" : "Int"; break;
    case CellKind::int64: name = neo4j ? "long" : "Long"; break;
    case CellKind::float64: name = neo4j ? "double" : "Double"; break;
    case CellKind::character: name = "char"; break;
    case CellKind::text: name = neo4j ? "string" : "String"; break;
    case CellKind::timestamp: name = neo4j ? "datetime" : "Date"; break;
    case CellKind::bytes: name = "bytes"; break;
    case CellKind::vector: name = "vector"; break;
  }
  return type.list ? name + "[]" : name;
}

Status parse_value(CellType type, Convention convention, std::string_view text, client::Value& value) {
  if (!type.list) return parse_single(type.kind, text, value);
  client::List list;
  Status status = for_each_item(text, convention, [&](std::string_view item) {
    return parse_single(type.kind, item, list.emplace_back());
  });
  value.data = std::move(list);
  return status;
}

Status append_value(CellType type, Convention convention, const client::Value& value, std::string& out) {
  const auto* list = value.get_if<client::List>();
  if (list == nullptr || !type.list) return append_single(value, out);
  std::size_t before = out.size();
  for (std::size_t i = 0; i < list->size(); ++i) {
    if (i > 0) out += ';';
    const auto* text = (*list)[i].get_if<std::string>();
    Status status = text != nullptr ? append_item(convention, *text, out) : append_single((*list)[i], out);
    if (!status.ok()) return status;
  }
  if (!list->empty() && out.size() == before)
    return {Code::unsupported, "a list of one empty text does not fit into CSV; export as jsonl"};
  return {};
}

std::optional<FittingType> fitting_type(const client::Value& value) {
  auto is = [&]<typename T>(T*) { return value.get_if<T>() != nullptr; };
  auto single = [](CellKind kind) { return FittingType{{kind, false}, false}; };
  if (is(static_cast<bool*>(nullptr))) return single(CellKind::boolean);
  if (is(static_cast<std::int64_t*>(nullptr))) return single(CellKind::int64);
  if (is(static_cast<double*>(nullptr))) return single(CellKind::float64);
  if (is(static_cast<std::string*>(nullptr))) return single(CellKind::text);
  if (is(static_cast<client::Timestamp*>(nullptr))) return single(CellKind::timestamp);
  if (is(static_cast<client::Blob*>(nullptr))) return single(CellKind::bytes);
  if (is(static_cast<client::Vector*>(nullptr))) return single(CellKind::vector);
  const auto* list = value.get_if<client::List>();
  if (list == nullptr) return std::nullopt;
  FittingType fitting{{CellKind::text, true}, true};
  for (const auto& item : *list) {
    auto inner = fitting_type(item);
    if (!inner || inner->type.list || inner->type.kind == CellKind::vector) return std::nullopt;
    if (!fitting.any_list && inner->type.kind != fitting.type.kind) return std::nullopt;
    fitting = {{inner->type.kind, true}, false};
  }
  return fitting;
}

void append_number(std::string& out, double number) {
  char buffer[40];
  out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, number).ptr);
}

void append_number(std::string& out, float number) {
  char buffer[40];
  out.append(buffer, std::to_chars(buffer, buffer + sizeof buffer, number).ptr);
}

std::string to_base64(std::string_view bytes) {
  auto text = kj::encodeBase64({reinterpret_cast<const kj::byte*>(bytes.data()), bytes.size()});
  return {text.begin(), text.size()};
}

std::optional<std::string> from_base64(std::string_view text) {
  auto bytes = kj::decodeBase64(kj::ArrayPtr<const char>(text.data(), text.size()));
  if (bytes.hadErrors) return std::nullopt;
  return std::string(reinterpret_cast<const char*>(bytes.begin()), bytes.size());
}

}  // namespace engram::import
