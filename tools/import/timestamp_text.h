#pragma once
// Points in time as text, after ISO 8601.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace engram::import {

/// Reads a date, or a date and a time: 2024-02-29, 2024-02-29T13:05, 2024-02-29 13:05:07.123456789+02:00. Up to nine
/// digits of fractions; without an offset it is UTC. Answers nanoseconds since 1970, or nothing if it is not a time or
/// lies outside of what 64 bits hold (1677-09-21 to 2262-04-11).
std::optional<std::int64_t> parse_timestamp(std::string_view text);

/// In UTC with a Z, and only as many fractions as it has: what parse_timestamp reads back as the same.
void append_timestamp(std::string& out, std::int64_t ns);

}  // namespace engram::import
