#pragma once
// Varints of up to eight bytes, and numbers of a given size, without a loop: decoding edges is the inner loop of every
// traversal. `begin` says how far back the bytes reach, `from` moves on, `end` is never passed.

#include "storage/base/bytes.h"

namespace engram {

/// The next eight bytes, or as many as there are and zeros; needs eight bytes between `begin` and `end`, one to come.
inline std::uint64_t peek_word(const std::byte* from, const std::byte* end) {
  std::uint64_t word = 0;
  const std::ptrdiff_t left = end - from;
  if (left >= 8) [[likely]] {
    std::memcpy(&word, from, 8);
    return word;
  }
  std::memcpy(&word, end - 8, 8);  // the last eight bytes, what is behind us shifted out
  return word >> (8 - left) * 8;
}

/// As read_varint.
inline bool read_varint_fast(const std::byte* begin, const std::byte*& from, const std::byte* end,
                             std::uint64_t& value) {
  if (from == end || end - begin < 8) [[unlikely]] return read_varint(from, end, value);
  std::uint64_t word = peek_word(from, end);
  if ((word & 0x80) == 0) {
    value = word & 0x7f;
    ++from;
    return true;
  }
  const std::uint64_t stops = ~word & 0x8080808080808080ULL;
  const std::ptrdiff_t length = (std::countr_zero(stops) >> 3) + 1;
  if (stops == 0 || length > end - from) [[unlikely]] return read_varint(from, end, value);
  word &= (stops ^ (stops - 1)) & 0x7f7f7f7f7f7f7f7fULL;  // what lies behind the last group goes
  word = (word & 0x007f007f007f007fULL) | ((word & 0x7f007f007f007f00ULL) >> 1);
  word = (word & 0x00003fff00003fffULL) | ((word & 0x3fff00003fff0000ULL) >> 2);
  value = (word & 0x000000000fffffffULL) | ((word & 0x0fffffff00000000ULL) >> 4);
  from += length;
  return true;
}

/// A number of `size` bytes, 0 to 8. False if they are not there. Needs eight bytes between `begin` and `end`.
inline bool read_sized(const std::byte*& from, const std::byte* end, unsigned size, std::uint64_t& value) {
  value = 0;
  if (size == 0) return true;
  if (size > 8 || end - from < static_cast<std::ptrdiff_t>(size)) [[unlikely]] return false;
  value = peek_word(from, end) & (~std::uint64_t{0} >> (64 - size * 8));
  from += size;
  return true;
}

/// The fewest bytes that hold `value`.
inline unsigned sized_bytes(std::uint64_t value) { return (static_cast<unsigned>(std::bit_width(value)) + 7) / 8; }

inline char* write_sized(char* to, std::uint64_t value, unsigned size) {
  std::memcpy(to, &value, 8);  // the caller's buffer has room for eight
  return to + size;
}

inline char* write_varint(char* to, std::uint64_t value) {
  while (value >= 0x80) {
    *to++ = static_cast<char>(value | 0x80);
    value >>= 7;
  }
  *to++ = static_cast<char>(value);
  return to;
}

}  // namespace engram
