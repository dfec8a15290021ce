#pragma once
// XXH3 (Yann Collet, https://xxhash.com), the checksum of everything on disk.

#include <cstdint>

#include "storage/base/bytes.h"

namespace engram {

std::uint64_t checksum64(Bytes bytes, std::uint64_t seed = 0);

/// The lower half of checksum64: what the warm store keeps behind every value.
inline std::uint32_t checksum32(Bytes bytes) { return static_cast<std::uint32_t>(checksum64(bytes)); }

struct Hash128 {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
  auto operator<=>(const Hash128&) const = default;
};
Hash128 hash128(Bytes bytes, std::uint64_t seed);

}  // namespace engram
