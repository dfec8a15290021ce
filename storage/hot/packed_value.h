#pragma once
// The bytes of one packed value: a tag and its content. Internal to the files that implement properties.h.

#include "storage/base/bytes.h"

namespace engram {

/// Stored: never renumber.
enum class ValueTag : std::uint8_t {
  null = 0,
  boolean_false = 1,
  boolean_true = 2,
  int64 = 3,      // zigzag varint
  float64 = 4,    // 8 bytes
  text = 5,       // varint length, bytes
  bytes = 6,      // varint length, bytes
  timestamp = 7,  // 8 bytes
  list = 8,       // varint count, packed values
  vector = 9,     // varint count, 4 bytes each
};

/// Reads parts of packed values. Every read says whether the bytes were there.
class PackedReader {
 public:
  explicit PackedReader(Bytes bytes) : at_(bytes.data()), end_(at_ + bytes.size()) {}
  PackedReader(const std::byte* at, const std::byte* end) : at_(at), end_(end) {}

  [[nodiscard]] bool at_end() const { return at_ == end_; }
  [[nodiscard]] const std::byte* at() const { return at_; }
  [[nodiscard]] std::size_t left() const { return static_cast<std::size_t>(end_ - at_); }

  bool tag(ValueTag& tag) {
    if (at_ == end_ || static_cast<std::uint8_t>(*at_) > static_cast<std::uint8_t>(ValueTag::vector)) return false;
    tag = static_cast<ValueTag>(*at_++);
    return true;
  }
  bool varint(std::uint64_t& value) { return read_varint(at_, end_, value); }
  template <typename T>
  bool fixed(T& value) {
    if (left() < sizeof value) return false;
    std::memcpy(&value, at_, sizeof value);
    at_ += sizeof value;
    return true;
  }
  bool block(std::size_t size, Bytes& block) {
    if (left() < size) return false;
    block = {at_, size};
    at_ += size;
    return true;
  }
  /// A varint length and as many bytes.
  bool counted(Bytes& content) {
    std::uint64_t size = 0;
    return varint(size) && size <= left() && block(static_cast<std::size_t>(size), content);
  }
  /// A varint count, and the floats of a vector as bytes.
  bool floats(Bytes& content) {
    std::uint64_t count = 0;
    return varint(count) && count <= left() / sizeof(float) &&
           block(static_cast<std::size_t>(count) * sizeof(float), content);
  }
  /// The count of a list's elements, each of which takes a byte at least.
  bool list_count(std::uint64_t& count) { return varint(count) && count <= left(); }

  /// Steps over one value; `lists_left` is how deep lists may still nest.
  bool skip_value(unsigned lists_left);

 private:
  const std::byte* at_;
  const std::byte* end_;
};

}  // namespace engram
