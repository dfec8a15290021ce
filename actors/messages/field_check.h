#pragma once
// The checks that commands and requests from outside have in common. Each names the field that is wrong, and the limit if
// there is one.

#include <cstdint>
#include <string>

#include "schema/command.capnp.h"
#include "storage/base/result.h"

namespace engram {

/// Where in a message a check is: "hops[2].edges.minWeight". Made into a text only when something is wrong.
class FieldPath {
 public:
  explicit FieldPath(const char* name) : name_(name) {}
  [[nodiscard]] FieldPath at(std::size_t index) const { return {this, nullptr, index}; }
  [[nodiscard]] FieldPath operator/(const char* name) const { return {this, name, 0}; }
  [[nodiscard]] std::string text() const;

 private:
  FieldPath(const FieldPath* parent, const char* name, std::size_t index)
      : parent_(parent), name_(name), index_(index) {}

  const FieldPath* parent_ = nullptr;  // lives longer: paths are built downward, on the stack
  const char* name_ = nullptr;         // null: an index
  std::size_t index_ = 0;
};

/// Not empty, not longer than `most` bytes, and UTF-8.
Status check_text(capnp::Text::Reader text, std::size_t most, const FieldPath& field);
/// Of a label, a type or a property.
Status check_name(capnp::Text::Reader name, const FieldPath& field);
Status check_key(capnp::Text::Reader key, const FieldPath& field);
Status check_edge_key(schema::EdgeKey::Reader edge, const FieldPath& field);
/// Also walks lists; refuses NaN, malformed UTF-8, and what is too deep or too large.
Status check_value(schema::Value::Reader value, const FieldPath& field);

}  // namespace engram
