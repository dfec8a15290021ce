// How packed values compare, and the byte strings that sort as they do.

#include <algorithm>
#include <cmath>

#include "storage/hot/packed_value.h"
#include "storage/hot/properties.h"

namespace engram {
namespace {

/// What compares with each other. The order of kinds is that of sort keys; 0 ends a list there.
enum class Kind : std::uint8_t { null = 1, boolean, number, text, bytes, timestamp, list, vector };

Kind kind_of(ValueTag tag) {
  switch (tag) {
    case ValueTag::null: return Kind::null;
    case ValueTag::boolean_false:
    case ValueTag::boolean_true: return Kind::boolean;
    case ValueTag::int64:
    case ValueTag::float64: return Kind::number;
    case ValueTag::text: return Kind::text;
    case ValueTag::bytes: return Kind::bytes;
    case ValueTag::timestamp: return Kind::timestamp;
    case ValueTag::list: return Kind::list;
    case ValueTag::vector: return Kind::vector;
  }
  return Kind::null;
}

template <typename T>
int three_way(const T& left, const T& right) {
  return left < right ? -1 : right < left ? 1 : 0;
}

/// A number without loss: the nearest double, and what an int64 is more than that.
struct Number {
  double nearest = 0;
  std::int16_t rest = 0;  // 512 at most: half the distance of doubles around 2^62

  static Number of(std::int64_t value) {
    auto nearest = static_cast<double>(value);
    if (nearest == 0x1p63) return {nearest, static_cast<std::int16_t>(value - INT64_MAX - 1)};  // it is no int64
    return {nearest, static_cast<std::int16_t>(value - static_cast<std::int64_t>(nearest))};
  }
};

bool read_number(PackedReader& packed, ValueTag tag, Number& number) {
  if (tag == ValueTag::float64) {
    number.rest = 0;
    return packed.fixed(number.nearest);
  }
  std::uint64_t value = 0;
  if (!packed.varint(value)) return false;
  number = Number::of(unzigzag(value));
  return true;
}

int compare_numbers(const Number& left, const Number& right) {
  int result = three_way(left.nearest, right.nearest);
  return result != 0 ? result : three_way(left.rest, right.rest);
}

std::optional<int> compare_vectors(Bytes left, Bytes right) {
  PackedReader a(left);
  PackedReader b(right);
  float x = 0;
  float y = 0;
  while (!a.at_end() && !b.at_end()) {
    if (!a.fixed(x) || !b.fixed(y)) return std::nullopt;
    if (int result = three_way(x, y); result != 0) return result;
  }
  return three_way(left.size(), right.size());
}

std::optional<int> compare_nested(PackedReader& left, PackedReader& right, unsigned lists_left);

std::optional<int> compare_lists(PackedReader& left, PackedReader& right, unsigned lists_left) {
  std::uint64_t left_count = 0;
  std::uint64_t right_count = 0;
  if (lists_left == 0 || !left.list_count(left_count) || !right.list_count(right_count)) return std::nullopt;
  for (std::uint64_t i = 0; i < std::min(left_count, right_count); ++i) {
    std::optional<int> result = compare_nested(left, right, lists_left - 1);
    if (result != 0) return result;
  }
  return three_way(left_count, right_count);
}

std::optional<int> compare_nested(PackedReader& left, PackedReader& right, unsigned lists_left) {
  ValueTag left_tag{};
  ValueTag right_tag{};
  if (!left.tag(left_tag) || !right.tag(right_tag) || kind_of(left_tag) != kind_of(right_tag)) return std::nullopt;
  Number a;
  Number b;
  std::int64_t left_ns = 0;
  std::int64_t right_ns = 0;
  Bytes left_content;
  Bytes right_content;
  switch (kind_of(left_tag)) {
    case Kind::null:
      return 0;
    case Kind::boolean:
      return three_way(left_tag, right_tag);
    case Kind::number:
      if (!read_number(left, left_tag, a) || !read_number(right, right_tag, b)) return std::nullopt;
      return compare_numbers(a, b);
    case Kind::text:
    case Kind::bytes:
      if (!left.counted(left_content) || !right.counted(right_content)) return std::nullopt;
      return three_way(as_text(left_content), as_text(right_content));
    case Kind::timestamp:
      if (!left.fixed(left_ns) || !right.fixed(right_ns)) return std::nullopt;
      return three_way(left_ns, right_ns);
    case Kind::list:
      return compare_lists(left, right, lists_left);
    case Kind::vector:
      if (!left.floats(left_content) || !right.floats(right_content)) return std::nullopt;
      return compare_vectors(left_content, right_content);
  }
  return std::nullopt;
}

/// The bits of a float or double as an unsigned number that sorts as it does; minus zero is zero.
template <typename Unsigned, typename Float>
Unsigned ordered_bits(Float value) {
  auto bits = std::bit_cast<Unsigned>(value == 0 ? Float{0} : value);
  constexpr Unsigned sign = Unsigned{1} << (sizeof(Unsigned) * 8 - 1);
  return (bits & sign) != 0 ? static_cast<Unsigned>(~bits) : static_cast<Unsigned>(bits | sign);
}

/// Ends with 00 00, and writes 00 in the text as 00 FF, so that no key is the start of another one.
void append_escaped(std::string_view text, std::size_t max_size, std::string& out) {
  for (char c : text) {
    if (out.size() >= max_size) return;
    out.push_back(c);
    if (c == '\0') out.push_back('\xFF');
  }
  out.append(2, '\0');
}

void append_vector(Bytes floats, std::size_t max_size, std::string& out) {
  PackedReader elements(floats);
  float element = 0;
  while (out.size() < max_size && elements.fixed(element)) {
    out.push_back('\1');
    append_big_endian(out, ordered_bits<std::uint32_t>(element));
  }
  out.push_back('\0');
}

/// Appends until `max_size` is reached or passed; the caller cuts.
void append_nested(PackedReader& packed, unsigned lists_left, std::size_t max_size, std::string& out) {
  ValueTag tag{};
  if (out.size() >= max_size || !packed.tag(tag)) return;
  out.push_back(static_cast<char>(kind_of(tag)));
  Number number;
  std::int64_t time_ns = 0;
  std::uint64_t count = 0;
  Bytes content;
  switch (kind_of(tag)) {
    case Kind::null:
      break;
    case Kind::boolean:
      out.push_back(tag == ValueTag::boolean_true ? '\1' : '\0');
      break;
    case Kind::number:
      if (!read_number(packed, tag, number)) return;
      append_big_endian(out, ordered_bits<std::uint64_t>(number.nearest));
      append_big_endian(out, static_cast<std::uint16_t>(number.rest + 0x8000));
      break;
    case Kind::text:
    case Kind::bytes:
      if (packed.counted(content)) append_escaped(as_text(content), max_size, out);
      break;
    case Kind::timestamp:
      if (packed.fixed(time_ns)) append_big_endian(out, order_preserving(time_ns));
      break;
    case Kind::list:
      if (lists_left == 0 || !packed.list_count(count)) return;
      for (; count > 0 && out.size() < max_size; --count) append_nested(packed, lists_left - 1, max_size, out);
      out.push_back('\0');
      break;
    case Kind::vector:
      if (packed.floats(content)) append_vector(content, max_size, out);
      break;
  }
}

}  // namespace

std::optional<int> compare_values(Bytes left, Bytes right) {
  PackedReader a(left);
  PackedReader b(right);
  return compare_nested(a, b, ValueLimits::max_depth);
}

std::optional<double> numeric_value(Bytes packed) {
  PackedReader reader(packed);
  ValueTag tag{};
  Number number;
  if (!reader.tag(tag) || kind_of(tag) != Kind::number || !read_number(reader, tag, number)) return std::nullopt;
  return number.nearest;
}

void append_sort_key(Bytes packed, std::size_t max_bytes, std::string& out) {
  std::size_t max_size = out.size() + max_bytes;
  PackedReader reader(packed);
  append_nested(reader, ValueLimits::max_depth, max_size, out);
  if (out.size() > max_size) out.resize(max_size);
}

}  // namespace engram
