#pragma once
// Bytes as hexadecimal digits, and back.

#include <charconv>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "storage/base/bytes.h"

namespace engram {

/// Two small digits a byte.
inline std::string hex(Bytes bytes) {
  constexpr char digits[] = "0123456789abcdef";
  std::string out;
  for (std::byte byte : bytes) {
    out += digits[static_cast<unsigned>(byte) >> 4];
    out += digits[static_cast<unsigned>(byte) & 15];
  }
  return out;
}

/// Always 16 digits.
inline std::string hex(std::uint64_t number) {
  std::string big_endian;
  append_big_endian(big_endian, number);
  return hex(as_bytes(big_endian));
}

/// False if `text` is not two digits, small or large, for every byte of `into`.
inline bool parse_hex(std::string_view text, std::span<std::uint8_t> into) {
  if (text.size() != 2 * into.size()) return false;
  for (std::uint8_t& byte : into) {
    auto [end, error] = std::from_chars(text.data(), text.data() + 2, byte, 16);
    if (error != std::errc() || end != text.data() + 2) return false;
    text.remove_prefix(2);
  }
  return true;
}

}  // namespace engram
