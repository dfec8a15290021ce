#pragma once
// Which run of an engine on a volume it is.

#include <compare>
#include <cstdint>

namespace engram {

/// Of two that claim one identity the greater is the newer, and the only one that may go on.
struct Incarnation {
  std::uint64_t starts = 0;   // of processes on this volume, this one included: NodeDirectory::count_start
  std::uint64_t process = 0;  // random: tells copies of a volume apart
  auto operator<=>(const Incarnation&) const = default;
};

}  // namespace engram
