// What is typed, and what is shown: pure text, without an engine.

#include <catch2/catch.hpp>

#include <limits>

#include "tools/engram/commands.h"
#include "tools/engram/json.h"
#include "tools/engram/output.h"
#include "tools/engram/property_text.h"
#include "tools/offline/command_text.h"

namespace engram::cli {

using client::Comparison;
using client::Value;

namespace {

Value value_of(const std::string& text) {
  auto property = parse_property("x" + text);
  INFO(text << ": " << property.status().message());
  REQUIRE(property.ok());
  CHECK(property->name == "x");
  return property->value;
}

}  // namespace

TEST_CASE("a property's type follows from how the value looks") {
  CHECK(value_of("=5") == Value(5));
  CHECK(value_of("=-9223372036854775808") == Value(std::numeric_limits<std::int64_t>::min()));
  CHECK(value_of("=2.5") == Value(2.5));
  CHECK(value_of("=1e3") == Value(1000.0));
  CHECK(value_of("=true") == Value(true));
  CHECK(value_of("=null") == Value());
  CHECK(value_of("=Paris") == Value("Paris"));
  CHECK(value_of("=") == Value(""));
  CHECK(value_of("=a=b") == Value("a=b"));
  CHECK(value_of("=inf") == Value("inf"));
  CHECK(value_of("=2024-01-31") == Value("2024-01-31"));
  CHECK(value_of("=12 rue X") == Value("12 rue X"));
  CHECK(value_of("=[1,\"a\",[2.5]]") == Value(client::List{1, "a", client::List{2.5}}));
  CHECK(value_of("=[not a list") == Value("[not a list"));
}

TEST_CASE("an integer beyond 64 bits is refused, and never becomes another number") {
  for (const char* bad : {"x=99999999999999999999", "x=-9223372036854775809", "x=[1,18446744073709551615]", "x:list=[99999999999999999999]"}) {
    INFO(bad);
    CHECK_THAT(parse_property(bad).status().message(), Catch::Contains("64 bits"));
  }
  CHECK(value_of("=99999999999999999999.0") == Value(1e20));
  CHECK(value_of(":text=99999999999999999999") == Value("99999999999999999999"));
  CHECK_FALSE(parse_property("x=[{\"a\":1}]").ok());
  CHECK_FALSE(parse_filter("x>99999999999999999999").ok());
}

TEST_CASE("a type can be said") {
  CHECK(value_of(":text=5") == Value("5"));
  CHECK(value_of(":int=5") == Value(5));
  CHECK(value_of(":float=5") == Value(5.0));
  CHECK(value_of(":float=inf") == Value(std::numeric_limits<double>::infinity()));
  CHECK(value_of(":timestamp=1970-01-02T00:00:00Z") == Value(client::Timestamp{86'400'000'000'000}));
  CHECK(value_of(":vector=[0.5,1]") == Value(client::Vector{0.5F, 1.0F}));
  CHECK(value_of(":bytes=AAE=") == Value(client::Blob{std::string("\0\1", 2)}));

  for (const char* bad : {"x:int=abc", "x:int=1.5", "x:float=nan", "x:vector=[1,\"a\"]", "x:vector=5", "x:bool=yes",
                          "x:bytes=***", "x:timestamp=yesterday", "=5", "x", "x:int=99999999999999999999"}) {
    INFO(bad);
    CHECK(parse_property(bad).status().code() == Code::invalid_argument);
  }
}

TEST_CASE("a mistyped type is refused, and a colon can belong to the name") {
  for (const char* bad : {"n:foo=1", "n:Int=1", "n:=1", "a\\:b:foo=1"}) {
    INFO(bad);
    CHECK(parse_property(bad).status().code() == Code::invalid_argument);
  }
  CHECK_THAT(parse_property("n:foo=1").status().message(),
             Catch::Contains("'foo' is no type") && Catch::Contains("timestamp, list, vector") &&
                 Catch::Contains("'n\\:foo'"));
  CHECK(parse_property(R"(n\:foo=1)")->name == "n:foo");
  CHECK(parse_property(R"(n\:foo=1)")->value == Value(1));
  CHECK(parse_property(R"(n\:int:text=1)")->name == "n:int");
  CHECK(parse_property("dc:title:text=1")->name == "dc:title");
  CHECK(parse_property("url=http://x:80")->value == Value("http://x:80"));
  CHECK(parse_property(R"(a\=b\\=1)")->name == R"(a=b\)");

  CHECK(parse_filter("n:foo>1").status().code() == Code::invalid_argument);
  CHECK(parse_filter("n:foo").status().code() == Code::invalid_argument);
  CHECK(parse_filter("n:int").status().code() == Code::invalid_argument);
  CHECK(parse_filter(R"(n\:foo>1)")->name == "n:foo");
  CHECK(parse_filter(R"(!n\:foo)")->name == "n:foo");
  CHECK(parse_filter(R"(a\>b=1)")->name == "a>b");
}

TEST_CASE("conditions") {
  auto check = [](const char* text, const char* name, Comparison comparison, const Value& value) {
    auto filter = parse_filter(text);
    INFO(text);
    REQUIRE(filter.ok());
    CHECK(filter->name == name);
    CHECK(filter->comparison == comparison);
    CHECK(filter->value == value);
  };
  check("elev>100", "elev", Comparison::greater, 100);
  check("elev>=100", "elev", Comparison::greater_or_equal, 100);
  check("elev<-1.5", "elev", Comparison::less, -1.5);
  check("elev<=0", "elev", Comparison::less_or_equal, 0);
  check("city=Paris", "city", Comparison::equal, "Paris");
  check("city==Paris", "city", Comparison::equal, "Paris");
  check("city!=Paris", "city", Comparison::not_equal, "Paris");
  check("code:text=5", "code", Comparison::equal, "5");
  check("city", "city", Comparison::exists, {});
  check("!city", "city", Comparison::absent, {});
  check("city:text=<b>", "city", Comparison::equal, "<b>");
  check("city=", "city", Comparison::equal, "");
  check(R"(\!a=5)", "!a", Comparison::equal, Value(5));
  for (const char* bad : {"", "!", ">5", "elev>>5", "a<>5", "a>=<5", "a=>5", "a===5", "!a=5", "!a>5", "a>", "a<="}) {
    INFO(bad);
    CHECK_FALSE(parse_filter(bad).ok());
  }
  CHECK_FALSE(parse_filter("born:int>x").ok());
}

TEST_CASE("seeds") {
  auto name = [](const client::Seed& seed) { return std::get<std::string>(seed.vertex.name); };
  CHECK(name(parse_seed("ada")) == "ada");
  CHECK(parse_seed("ada").activation == 1.0);
  CHECK(name(parse_seed("ada=0.5")) == "ada");
  CHECK(parse_seed("ada=0.5").activation == 0.5);
  CHECK(name(parse_seed("a=b")) == "a=b");
  CHECK(name(parse_seed("x=1=1")) == "x=1");
}

TEST_CASE("lines of the shell") {
  auto words = [](const char* line) { return split_words(line).value(); };
  using Words = std::vector<std::string>;
  CHECK(words("put ada  name='Ada Lovelace'\t") == Words{"put", "ada", "name=Ada Lovelace"});
  CHECK(words(R"(get "a \"b\" c" d\ e '\')") == Words{"get", "a \"b\" c", "d e", "\\"});
  CHECK(words("put ''") == Words{"put", ""});
  CHECK(words("   ").empty());
  CHECK_FALSE(split_words("get 'open").ok());
  CHECK_FALSE(split_words(std::string_view("get a\0b", 7)).ok());
}

TEST_CASE("values for a person") {
  CHECK(show(Value("plain")) == "plain");
  CHECK(show(Value(0.1)) == "0.1");
  CHECK(show(Value(client::Vector{0.1F})) == "[0.1]");
  CHECK(show(Value(client::Timestamp{0})) == "1970-01-01T00:00:00Z");
  CHECK(show(Value("\xC3\xA9\xC3\xA9\xC3\xA9\xC3\xA9"), 4) == "\xC3\xA9…");   // no half characters
  CHECK(grouped(7) == "7");
  CHECK(grouped(999) == "999");
  CHECK(grouped(3749) == "3,749");
  CHECK(grouped(1'000'000) == "1,000,000");
  CHECK(counted(0, "vertex", "vertices") == "0 vertices");
  CHECK(counted(1, "vertex", "vertices") == "1 vertex");
  CHECK(counted(1'001, "vertex", "vertices") == "1,001 vertices");
  CHECK(show_bytes(1023) == "1023 B");
  CHECK(show_bytes(1536) == "1.5 KiB");
  CHECK(width_of("\xC3\xA9t\xC3\xA9") == 3);
}

TEST_CASE("control characters become visible, and nothing else changes") {
  CHECK(escape_controls("plain é …\tand\nlines") == "plain é …\tand\nlines");
  CHECK(escape_controls("\x1b]0;title\x07\r") == R"(\x1b]0;title\x07\x0d)");
  CHECK(escape_controls("\xC2\x9B" "31m\x7f") == R"(\u009b31m\u007f)");
  CHECK(escape_controls("\xC2\xA0\xC2") == "\xC2\xA0\xC2");
}

TEST_CASE("JSON keeps every kind of value apart") {
  CHECK(dump(to_json(Value(1))) == "1");
  CHECK(dump(to_json(Value(1.0))) == "1.0");
  CHECK(dump(to_json(Value())) == "null");
  CHECK(dump(to_json(Value(client::Timestamp{0}))) == R"({"$timestamp":"1970-01-01T00:00:00Z"})");
  CHECK(dump(to_json(Value(client::Blob{"ab"}))) == R"({"$bytes":"YWI="})");
  CHECK(dump(to_json(Value(client::Vector{0.1F, 2.0F}))) == R"({"$vector":[0.1,2]})");
  CHECK(dump(to_json(Value(-std::numeric_limits<double>::infinity()))) == R"({"$float":"-inf"})");
  CHECK(dump(to_json(Value("\xFF"))) == "\"\xEF\xBF\xBD\"");
}

TEST_CASE("a record that is no command is told so, whatever its bytes") {
  std::string garbage(64, '\xFF');
  CHECK(summarize(as_bytes(garbage)).status().code() == Code::corrupt);
  CHECK(command_text({}).status().code() == Code::corrupt);
}

TEST_CASE("every error has its exit code") {
  CHECK(exit_code_of(Code::none) == exit_ok);
  CHECK(exit_code_of(Code::invalid_argument) == exit_usage);
  CHECK(exit_code_of(Code::unknown_vertex) == exit_not_found);
  CHECK(exit_code_of(Code::precondition_failed) == exit_not_found);
  CHECK(exit_code_of(Code::unavailable) == exit_unreachable);
  CHECK(exit_code_of(Code::permission_denied) == exit_refused);
  CHECK(exit_code_of(Code::disk_full) == exit_refused);
}

}  // namespace engram::cli
