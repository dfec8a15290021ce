#pragma once
// The notation of sizes and durations: whole numbers with a unit.

#include <cstdint>
#include <string>
#include <string_view>

#include "storage/base/result.h"

namespace engram {

/// "4096", "64KiB", "8MiB", "2GiB", "1TiB" (also "64K", "8M", "2G", "1T": the same powers of 1024) to bytes.
Result<std::uint64_t> parse_size(std::string_view text);
/// "250" (milliseconds), "500ms", "10s", "5m", "1h", "7d" to milliseconds.
Result<std::int64_t> parse_duration_ms(std::string_view text);
Result<std::uint64_t> parse_number(std::string_view text);

/// The shortest exact notation with the largest unit that divides the value.
std::string format_size(std::uint64_t bytes);
std::string format_duration_ms(std::int64_t duration_ms);

}  // namespace engram
