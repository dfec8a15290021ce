#pragma once
// Properties as they are stored: packed, sorted by name id, one encoding for vertices and edges.
// docs/disk-format.md describes it byte by byte.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "schema/value.capnp.h"
#include "storage/base/bytes.h"
#include "storage/base/ids.h"
#include "storage/base/result.h"

namespace engram {

/// Limits of values, the same for commands and queries.
struct ValueLimits {
  static constexpr std::size_t max_bytes = 1 << 20;  // of one value, packed
  static constexpr unsigned max_depth = 8;           // of lists in lists
};

/// Appends `value`, packed: a tag byte and its content. Errors name what is wrong: NaN, malformed UTF-8, too deep, too large.
Status pack_value(schema::Value::Reader value, std::string& out);
/// Fills `value` from packed bytes. Error `corrupt` if they do not parse.
Status unpack_value(Bytes packed, schema::Value::Builder value);

/// Compares two packed values: <0, 0, >0; nothing if they are of kinds that do not compare. int64 and float64 compare as
/// the numbers that they are, exactly.
std::optional<int> compare_values(Bytes left, Bytes right);
/// The number in a packed int64 or float64; nothing for all else.
std::optional<double> numeric_value(Bytes packed);
/// Appends a byte string that sorts as compare_values does within a kind (int64 and float64 are one kind), and kinds by
/// their tag. Cut to `max_bytes`, so that equal results do not imply equal values for long texts: compare again.
void append_sort_key(Bytes packed, std::size_t max_bytes, std::string& out);

/// Walks packed properties in the order of their name ids.
class PropertyCursor {
 public:
  explicit PropertyCursor(Bytes properties) : at_(properties.data()), end_(properties.data() + properties.size()) {}
  /// False at the end, or if the bytes do not parse.
  bool next(NameId& name, Bytes& value);

 private:
  const std::byte* at_;
  const std::byte* end_;
  std::uint64_t last_name_ = 0;
};

/// Whether packed properties parse whole, each value within the limits of depth.
bool properties_parse(Bytes properties);

/// The packed value of a property; nothing if it is absent.
std::optional<Bytes> find_property(Bytes properties, NameId name);

/// One change: a packed value, or empty to remove the property.
struct PropertyChange {
  NameId name;
  std::string value;
};
/// `current` with `changes` applied (in any order, the last of a name wins), or the changes alone if `replace`.
std::string change_properties(Bytes current, std::vector<PropertyChange> changes, bool replace);

}  // namespace engram
