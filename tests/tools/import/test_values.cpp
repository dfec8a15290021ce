#include <catch2/catch.hpp>

#include <limits>

#include "tools/import/progress.h"
#include "tools/import/timestamp_text.h"
#include "tools/import/value_text.h"

using namespace engram;
using namespace engram::import;

namespace {

/// What the text means as that type; the message of the error instead if it means nothing.
client::Value value_of(std::string_view type, std::string_view text) {
  client::Value value;
  auto cell_type = cell_type_named(type);
  if (!cell_type) return client::Value("no such type");
  Status status = parse_value(*cell_type, Convention::neo4j, text, value);
  return status.ok() ? value : client::Value("error: " + status.message());
}

bool is_error(const client::Value& value) {
  const auto* text = value.get_if<std::string>();
  return text != nullptr && text->starts_with("error: ");
}

std::string shown(std::int64_t ns) {
  std::string text;
  append_timestamp(text, ns);
  return text;
}

}  // namespace

TEST_CASE("the types of both conventions") {
  CHECK(value_of("int", "-5") == client::Value(-5));
  CHECK(value_of("Integer", "+5") == client::Value(5));
  CHECK(value_of("long", "9223372036854775807") == client::Value(std::numeric_limits<std::int64_t>::max()));
  CHECK(is_error(value_of("long", "9223372036854775808")));
  CHECK(is_error(value_of("byte", "128")));
  CHECK(is_error(value_of("short", "32768")));
  CHECK(is_error(value_of("int", "5.0")));
  CHECK(is_error(value_of("int", " 5")));
  CHECK(value_of("float", "1.5e3") == client::Value(1500.0));
  CHECK(value_of("Double", "Infinity") == client::Value(std::numeric_limits<double>::infinity()));
  CHECK(is_error(value_of("double", "nan")));
  CHECK(is_error(value_of("double", "1.5x")));
  CHECK(value_of("Bool", "TRUE") == client::Value(true));
  CHECK(value_of("boolean", "0") == client::Value(false));
  CHECK(is_error(value_of("boolean", "yes")));
  CHECK(value_of("char", "\xE2\x82\xAC") == client::Value("\xE2\x82\xAC"));
  CHECK(is_error(value_of("char", "ab")));
  CHECK(value_of("bytes", "AP8=") == client::Value(client::Blob{std::string("\0\xFF", 2)}));
  CHECK(is_error(value_of("bytes", "a*b")));
  CHECK(value_of("vector", "0.5;-1") == client::Value(client::Vector{0.5F, -1.0F}));
  CHECK(value_of("int[]", "1;2;3") == client::Value(client::List{1, 2, 3}));
  CHECK(value_of("string[]", "a;;b") == client::Value(client::List{"a", "", "b"}));
  CHECK(is_error(value_of("int[]", "1;x")));
  CHECK(value_of("point", "") == client::Value("no such type"));
}

TEST_CASE("times are read and written without loss") {
  CHECK(parse_timestamp("1970-01-01") == 0);
  CHECK(parse_timestamp("2024-02-29T13:05:07.123456789Z") == 1'709'211'907'123'456'789);
  CHECK(parse_timestamp("2024-02-29 13:05") == 1'709'211'900'000'000'000);
  CHECK(parse_timestamp("2024-02-29T15:05:07+02:00") == parse_timestamp("2024-02-29T13:05:07Z"));
  CHECK(parse_timestamp("2024-02-29T10:35:07-0230") == parse_timestamp("2024-02-29T13:05:07Z"));
  CHECK(parse_timestamp("1969-12-31T23:59:59.5Z") == -500'000'000);
  for (const char* wrong :
       {"", "2024", "2024-02-30", "2024-13-01", "2024-02-29T", "2024-02-29T24:00", "2024-02-29T13:05:07.",
        "2024-02-29T13:05:07.1234567891", "2024-02-29x", "2024-02-29T13:05Zx", "1600-01-01", "2300-01-01"}) {
    CAPTURE(wrong);
    CHECK_FALSE(parse_timestamp(wrong).has_value());
  }
  CHECK(shown(1'709'211'907'120'000'000) == "2024-02-29T13:05:07.12Z");
  CHECK(shown(-1) == "1969-12-31T23:59:59.999999999Z");
  for (std::int64_t ns : {std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::min() + 1,
                          std::int64_t{-86'400'000'000'000}, std::int64_t{-1}, std::int64_t{0},
                          std::numeric_limits<std::int64_t>::max()}) {
    CAPTURE(shown(ns));
    CHECK(parse_timestamp(shown(ns)) == ns);
  }
}

TEST_CASE("progress is told in words that a person reads at a glance") {
  CHECK(progress_text({"routes.csv", 500'000, 50, 200}, 1'000'000'000) ==
        "routes.csv  [#####---------------]  25 %  500,000 rows  500,000 rows/s  3 s left");
  CHECK(progress_text({"standard input", 10, 50, 0}, 1'000'000'000) == "standard input  10 rows  10 rows/s");
}
