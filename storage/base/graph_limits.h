#pragma once
// How long names in a graph may be. What was accepted once is in logs and stores for ever: these may grow only.

#include <cstddef>

namespace engram {

inline constexpr std::size_t max_key_bytes = 1024;  // of a vertex
inline constexpr std::size_t max_name_bytes = 256;  // of labels, types and properties

}  // namespace engram
