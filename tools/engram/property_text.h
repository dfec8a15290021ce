#pragma once
// Properties, filters and seeds as they are typed on a command line.

#include <string>
#include <string_view>
#include <vector>

#include "client/engram/types.h"
#include "storage/base/result.h"

namespace engram::cli {

/// `name=value`, the type taken from how the value looks (true, 5, 2.5, null, [1,"a"], else text), or `name:type=value` with
/// the type null, bool, int, float, text, bytes (base64), timestamp (ISO 8601), list or vector (JSON). Another type is
/// refused. A backslash in a name takes the character behind it as it is: `dc\:title=x` is the property dc:title.
Result<client::Property> parse_property(std::string_view text);
Result<std::vector<client::Property>> parse_properties(const std::vector<std::string>& texts);

/// `elev>100`, `name!=x`, `since:timestamp>=2024-01-01` (=, ==, !=, <, <=, >, >=); `name` alone: it is there; `!name`: it is
/// not. Names as above. Two signs (`elev>>5`) or none of a value (`elev>`) are refused.
Result<client::PropertyFilter> parse_filter(std::string_view text);
Result<std::vector<client::PropertyFilter>> parse_filters(const std::vector<std::string>& texts);

/// `KEY`, or `KEY=0.5` for an activation. A key that ends in such a number itself needs one: `x=1=1`.
client::Seed parse_seed(std::string_view text);

/// A value for a person: text as it is, numbers in full, timestamps in ISO 8601; long ones are cut if `max_width` is not 0.
std::string show(const client::Value& value, std::size_t max_width = 0);
std::string show_time(std::int64_t ns);

}  // namespace engram::cli
