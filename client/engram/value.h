#pragma once
// What vertices and edges hold, as plain C++ values. Mirrors schema/value.capnp.

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace engram::client {

/// Opaque bytes, told apart from text.
struct Blob {
  std::string bytes;
  bool operator==(const Blob&) const = default;
};

/// Nanoseconds since 1970-01-01T00:00:00 UTC.
struct Timestamp {
  std::int64_t ns = 0;
  bool operator==(const Timestamp&) const = default;
};

struct Value;
using List = std::vector<Value>;
using Vector = std::vector<float>;

/// One property value. Null in a put removes the property; in a filter's range it means "unbounded".
struct Value {
  std::variant<std::monostate, bool, std::int64_t, double, std::string, Blob, Timestamp, List, Vector> data;

  Value() = default;
  // Values are written as they are thought of: Value(5), Value("Paris"), Value(true).
  Value(std::same_as<bool> auto boolean) : data(boolean) {}                                   // NOLINT
  Value(std::integral auto number) requires(!std::same_as<decltype(number), bool>)             // NOLINT
      : data(static_cast<std::int64_t>(number)) {}
  Value(std::floating_point auto number) : data(static_cast<double>(number)) {}                // NOLINT
  Value(std::string text) : data(std::move(text)) {}                                           // NOLINT
  Value(std::string_view text) : data(std::string(text)) {}                                    // NOLINT
  Value(const char* text) : data(std::string(text)) {}                                         // NOLINT
  Value(Blob blob) : data(std::move(blob)) {}                                                  // NOLINT
  Value(Timestamp timestamp) : data(timestamp) {}                                              // NOLINT
  Value(List list) : data(std::move(list)) {}                                                  // NOLINT
  Value(Vector vector) : data(std::move(vector)) {}                                            // NOLINT

  [[nodiscard]] bool is_null() const { return std::holds_alternative<std::monostate>(data); }
  template <typename T>
  [[nodiscard]] const T* get_if() const {
    return std::get_if<T>(&data);
  }
  bool operator==(const Value&) const = default;
};

struct Property {
  std::string name;   // 1 to 256 bytes of UTF-8
  Value value;        // at most 1 MiB
  bool operator==(const Property&) const = default;
};

/// The value of the property `name`, or nullptr.
inline const Value* find_property(const std::vector<Property>& properties, std::string_view name) {
  for (const auto& property : properties)
    if (property.name == name) return &property.value;
  return nullptr;
}

}  // namespace engram::client
