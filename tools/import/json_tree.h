#pragma once
// One parsed JSON text, with what a lossless import has to know and a JSON library's own tree forgets: numbers as they
// were written, and members that stand there twice.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace engram::import {

struct JsonNode {
  enum class Kind : std::uint8_t { null, boolean, integer, number, text, array, object };
  Kind kind = Kind::null;
  bool boolean = false;
  std::int64_t integer = 0;
  std::string text;                 // of a text; of a number as it was written
  std::vector<JsonNode> items;      // of an array; of an object beside `names`
  std::vector<std::string> names;

  [[nodiscard]] const JsonNode* member(std::string_view name) const {
    for (std::size_t i = 0; i < names.size(); ++i)
      if (names[i] == name) return &items[i];
    return nullptr;
  }
};

struct JsonError {
  std::size_t offset = 0;
  std::string message;   // empty: none
};

/// Parses one whole JSON text. Refuses members that stand there twice, integers beyond 64 bits, and nesting over 16
/// levels.
JsonError parse_json(std::string_view text, JsonNode& root);

/// Appends the text in quotes, with the escapes that JSON asks for.
void append_json_text(std::string& out, std::string_view text);

}  // namespace engram::import
