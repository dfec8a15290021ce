#pragma once
// One parsed JSON text, with what a lossless import has to know and a JSON library's own tree forgets: numbers as they
// were written, and members that stand there twice. In little memory, for a line may have millions of values.

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace engram::import {

enum class JsonKind : std::uint8_t { null, boolean, integer, number, text, array, object };

class JsonTree;

struct JsonError {
  std::size_t offset = 0;
  std::string message;   // empty: none
};

/// A value of a tree. Holds as long as the tree is not filled again.
class JsonValue {
 public:
  class Iterator;
  struct Range;

  JsonValue(const JsonTree& tree, std::uint32_t at) : tree_(&tree), at_(at) {}
  [[nodiscard]] JsonKind kind() const;
  [[nodiscard]] bool boolean() const;
  [[nodiscard]] std::int64_t integer() const;
  /// Of a text; of a number as it was written. Empty for all else.
  [[nodiscard]] std::string_view text() const;
  /// How many items an array has, or members an object; else 0.
  [[nodiscard]] std::uint32_t size() const;
  /// They in their order: `for (JsonValue item : value.items())`.
  [[nodiscard]] Range items() const;
  /// Of a member of an object.
  [[nodiscard]] std::string_view name() const;

 private:
  const JsonTree* tree_;
  std::uint32_t at_;
};

/// Values one behind the other, each before what is within it: 16 bytes a value, and as many for a member's name.
class JsonTree {
 public:
  /// Parses one whole JSON text. Refuses members that stand there twice, integers beyond 64 bits, nesting over 16 levels,
  /// and more values than a vertex or an edge has room for.
  JsonError parse(std::string_view text);
  /// Only of a text that parsed.
  [[nodiscard]] JsonValue root() const { return {*this, 0}; }

 private:
  friend class JsonValue;
  class Builder;
  struct Text {
    std::uint32_t begin;   // in texts_
    std::uint32_t size;
  };
  struct Items {
    std::uint32_t end;     // in nodes_, behind the last of them
    std::uint32_t count;
  };
  struct Node {
    union {
      std::int64_t integer;   // 1 of true
      Text text;
      Items items;
    };
    JsonKind kind;
  };
  static_assert(sizeof(Node) == 16);

  [[nodiscard]] std::uint32_t behind(std::uint32_t at) const;
  [[nodiscard]] std::string_view text_of(const Node& node) const {
    return std::string_view(texts_).substr(node.text.begin, node.text.size);
  }

  std::vector<Node> nodes_;   // a member is its name, as a text, and its value
  std::string texts_;
};

class JsonValue::Iterator {
 public:
  Iterator(const JsonTree& tree, std::uint32_t at, bool named) : tree_(&tree), at_(at), named_(named) {}
  JsonValue operator*() const { return {*tree_, named_ ? at_ + 1 : at_}; }
  Iterator& operator++();
  bool operator==(const Iterator& other) const { return at_ == other.at_; }

 private:
  const JsonTree* tree_;
  std::uint32_t at_;
  bool named_;
};

struct JsonValue::Range {
  Iterator first;
  Iterator last;
  [[nodiscard]] Iterator begin() const { return first; }
  [[nodiscard]] Iterator end() const { return last; }
};

/// Appends the text in quotes, with the escapes that JSON asks for.
void append_json_text(std::string& out, std::string_view text);

}  // namespace engram::import
