#pragma once
// Property values as the text of a CSV cell, by the type that the column's header names.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "client/engram/value.h"
#include "storage/base/result.h"

namespace engram::import {

/// Which of the two header conventions that people have.
enum class Convention : std::uint8_t {
  neo4j,     // :ID, :LABEL, :START_ID, :END_ID, :TYPE, name:int
  gremlin,   // ~id, ~label, ~from, ~to, name:Int
};

enum class CellKind : std::uint8_t {
  boolean,
  int8,
  int16,
  int32,
  int64,
  float64,
  character,
  text,
  timestamp,
  bytes,
  vector
};

struct CellType {
  CellKind kind = CellKind::text;
  bool list = false;   // of values of that kind, separated by semicolons
  bool operator==(const CellType&) const = default;
};

/// The type of a header's "int" or "String[]"; case does not matter. Nothing if there is no such type.
std::optional<CellType> cell_type_named(std::string_view name);
/// The name for a header of that convention, [] included.
std::string name_of(CellType type, Convention convention);

/// Reads a cell. The message of an error tells what was expected, without the cell's place.
/// In the convention gremlin, `\;` in a list is a semicolon that separates nothing.
Status parse_value(CellType type, Convention convention, std::string_view text, client::Value& value);

/// Writes a value so that parse_value reads the same. An error says why this type or convention cannot hold it.
Status append_value(CellType type, Convention convention, const client::Value& value, std::string& out);

/// The column type that holds the value, or nothing if no column can (mixed or nested lists, null).
/// An empty list fits every list: `any_list` is then set.
struct FittingType {
  CellType type;
  bool any_list = false;
};
std::optional<FittingType> fitting_type(const client::Value& value);

/// The shortest text that reads back as the same number.
void append_number(std::string& out, double number);
void append_number(std::string& out, float number);

std::string to_base64(std::string_view bytes);
std::optional<std::string> from_base64(std::string_view text);

}  // namespace engram::import
