#include <catch2/catch.hpp>


#include "tests/tools/import/import_script.h"

using namespace engram;
using namespace engram::import;
using namespace engram::import::test;

namespace {

std::string error_of(const std::string& line) {
  auto reading = read_records(line + "\n", {.layout = {.format = Format::jsonl}});
  return reading.errors.empty() ? "" : reading.errors.front();
}

}  // namespace

TEST_CASE("vertices and edges as JSON Lines") {
  auto reading = read_records(
      "{\"type\":\"vertex\",\"key\":\"ada\",\"labels\":[\"Person\"],\"properties\":{\"born\":1815,\"iq\":1.0}}\n"
      "\n"
      "{\"type\":\"edge\",\"source\":\"ada\",\"label\":\"KNOWS\",\"target\":\"charles\",\"rank\":-2,\"weight\":3}\n");
  REQUIRE(reading.errors.empty());
  REQUIRE(reading.records.size() == 2);
  CHECK(reading.records[0].key == "ada");
  CHECK(reading.records[0].labels == std::vector<std::string>{"Person"});
  CHECK(reading.records[0].properties == std::vector<client::Property>{{"born", 1815}, {"iq", 1.0}});
  CHECK(reading.records[1].type == "KNOWS");
  CHECK(reading.records[1].rank == -2);
  CHECK(reading.records[1].weight == 3.0);
}

TEST_CASE("a file can be read in two passes, and each bad line is reported once") {
  std::string text =
      "{\"type\":\"edge\",\"source\":\"a\",\"edge_type\":\"T\",\"target\":\"b\"}\n"
      "{\"type\":\"vertex\",\"key\":\"a\"}\n"
      "{\"target\":\"a\",\"type\":\"edge\",\"source\":\"b\",\"edge_type\":\"T\"}\n"
      "{\"type\":\"edge\",\"source\":7}\n"
      "{\"type\":\"vertex\"}\n"
      "garbage\n";
  auto vertices = read_records(text, {}, Part::vertices);
  CHECK(vertices.records.size() == 1);
  CHECK(vertices.errors.size() == 2);
  auto edges = read_records(text, {}, Part::edges);
  CHECK(edges.records.size() == 2);
  CHECK(edges.errors == std::vector<std::string>{"file:4:1: \"source\" takes a text"});
}

TEST_CASE("a file that is said to hold one kind is read once, and the other kind is a bad line") {
  std::string text =
      "{\"type\":\"vertex\",\"key\":\"a\"}\n"
      "{\"type\":\"edge\",\"source\":\"a\",\"edge_type\":\"T\",\"target\":\"b\"}\n"
      "garbage\n";
  auto vertices = read_records(text, {.layout = {.expected = Expected::vertices}});
  CHECK(vertices.records.size() == 1);
  REQUIRE(vertices.errors.size() == 2);
  CHECK(vertices.errors[0] == "file:2:1: an edge, in a file that --nodes says holds vertices");
  auto edges = read_records(text, {.layout = {.expected = Expected::edges}});
  CHECK(edges.records.size() == 1);
  REQUIRE(edges.errors.size() == 2);
  CHECK(edges.errors[0] == "file:1:1: a vertex, in a file that --edges says holds edges");
  CHECK_THAT(edges.errors[1], Catch::StartsWith("file:3:"));
}

TEST_CASE("parallel edges of JSON Lines are counted as those of CSV, and a rank of their own is not overruled") {
  std::string edge = "{\"type\":\"edge\",\"source\":\"a\",\"edge_type\":\"T\",\"target\":\"b\"";
  ReadOptions options;
  options.parallel_edges = true;
  auto reading = read_records(edge + "}\n" + edge + "}\n" + edge + ",\"rank\":7}\n", options);
  REQUIRE(reading.records.size() == 2);
  CHECK(reading.records[0].rank == 0);
  CHECK(reading.records[1].rank == 1);
  CHECK(reading.errors == std::vector<std::string>{
                              "file:3:1: the edge names its rank, and --parallel counts ranks itself: leave out one of them"});
}

TEST_CASE("what is wrong with a line is said, at its place where the parser knows it") {
  CHECK(error_of("{\"type\":\"vertex\",\"key\":}").starts_with("file:1:24: not valid JSON: "));
  CHECK(error_of("[1]") == "file:1:1: a line is one object with the member \"type\"");
  CHECK(error_of("{\"key\":\"a\"}") == "file:1:1: the member \"type\" has to be \"vertex\" or \"edge\"");
  CHECK(error_of("{\"type\":\"vertex\",\"key\":\"a\",\"key\":\"b\"}") ==
        "file:1:1: the member \"key\" stands there twice");
  CHECK(
      error_of("{\"type\":\"vertex\",\"key\":\"a\",\"lables\":[]}").starts_with("file:1:1: unknown member \"lables\""));
  CHECK(error_of("{\"type\":\"vertex\",\"key\":\"\"}") == "file:1:1: a key is empty");
  CHECK(error_of("{\"type\":\"vertex\",\"key\":\"" + std::string(1025, 'k') + "\"}").find("at most 1024 bytes") !=
        std::string::npos);
  CHECK(error_of("{\"type\":\"edge\",\"source\":\"a\",\"target\":\"b\"}").find("the edge has no type") !=
        std::string::npos);
  CHECK(error_of("{\"type\":\"vertex\",\"key\":\"a\",\"properties\":{\"p\":{\"x\":1}}}")
            .find("property \"p\": an object is no value") != std::string::npos);
  CHECK(error_of("{\"type\":\"vertex\",\"key\":\"a\",\"properties\":{\"p\":9223372036854775808}}")
            .find("no integer of 64 bits") != std::string::npos);
  CHECK(error_of("{\"type\":\"vertex\",\"key\":\"a\",\"properties\":{\"p\":99999999999999999999}}")
            .find("no integer of 64 bits") != std::string::npos);
  CHECK(error_of("{\"type\":\"vertex\",\"key\":\"a\",\"properties\":{\"p\":1e999}}").find("file:1:") == 0);
  CHECK(error_of("{\"type\":\"vertex\",\"key\":\"a\",\"properties\":{\"p\":" + std::string(50, '[') +
                 std::string(50, ']') + "}}")
            .find("nested deeper") != std::string::npos);
  CHECK(error_of("{\"type\":\"edge\",\"source\":\"a\",\"edge_type\":\"T\",\"target\":\"b\",\"weight\":\"1\"}") ==
        "file:1:1: \"weight\" takes a finite number");
  CHECK(error_of("{\"type\":\"edge\",\"source\":\"a\",\"edge_type\":\"T\",\"target\":\"b\",\"rank\":1.5}") ==
        "file:1:1: \"rank\" takes an integer");
}

TEST_CASE("values within values keep their places and names") {
  auto reading = read_records(
      R"({"properties":{"nested":[[1,[]],"two",{"$vector":[1,"inf",-0.0]},null],"":0},"key":"a\u0000b","type":"vertex"})"
      "\n"
      R"({"type":"vertex","labels":["x","y"],"properties":{"nested":[[1,[]],"tw\"o",{"$vector":[1,"inf",2.5]},null],)"
      R"("next":true,"last":false},"key":"b"})"
      "\n",
      {.layout = {.format = Format::jsonl}});
  CHECK(reading.errors == std::vector<std::string>{"file:1:1: a property's name has 1 to 256 bytes"});
  REQUIRE(reading.records.size() == 1);
  const auto& record = reading.records[0];
  CHECK(record.key == "b");
  CHECK(record.labels == std::vector<std::string>{"x", "y"});
  client::List inner{client::Value(1), client::Value(client::List{})};
  client::Vector vector{1, std::numeric_limits<float>::infinity(), 2.5};
  CHECK(*record.property("nested") == client::Value(client::List{inner, "tw\"o", vector, client::Value()}));
  CHECK(*record.property("next") == client::Value(true));
  CHECK(*record.property("last") == client::Value(false));
}

TEST_CASE("a line with very many properties takes time for each, and not for each pair") {
  std::string line = R"({"type":"vertex","key":"a","properties":{"p":0)";
  for (int i = 1; i < 200'000; ++i) line += ",\"p" + std::to_string(i) + "\":" + std::to_string(i);
  auto reading = read_records(line + "}}\n");  // for each pair it would take minutes
  REQUIRE(reading.records.size() == 1);
  CHECK(reading.records[0].properties.size() == 200'000);
  CHECK(error_of(line + ",\"p77777\":1}}") == "file:1:1: the member \"p77777\" stands there twice");
}

TEST_CASE("a line with more values than a vertex has room for is refused before they fill the memory") {
  auto vertex_with = [](std::string_view item, std::size_t count) {
    std::string line = R"({"type":"vertex","key":"a","properties":{"p":[)";
    line.reserve(line.size() + item.size() * count + 8);
    for (std::size_t i = 0; i < count; ++i) line += item;
    line.back() = ']';
    return line + "}}";
  };
  CHECK(error_of(vertex_with("1,", 8'400'000)) ==
        "file:1:1: more values than the 16 MiB hold that one vertex or edge may have: leave some out");
  CHECK_THAT(error_of(vertex_with("[],", 8'400'000)), Catch::Contains("16 MiB"));
  CHECK(error_of(vertex_with("true,", 1'048'576)).empty());
}
