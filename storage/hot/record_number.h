#pragma once

#include <cstdint>

namespace engram {

/// A vertex's place in the hot tier's pool while it is there. Given out again once it is free.
using RecordNumber = std::uint32_t;
inline constexpr RecordNumber no_record = 0;

}  // namespace engram
