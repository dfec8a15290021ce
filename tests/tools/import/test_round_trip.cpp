// What export writes is what import reads: records to text and back, for every kind of value.

#include <catch2/catch.hpp>

#include <cmath>
#include <limits>

#include "tests/tools/import/import_script.h"
#include "tools/import/csv_export.h"
#include "tools/import/json_lines.h"

using namespace engram;
using namespace engram::import;
using namespace engram::import::test;

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

/// What every format holds.
std::vector<client::Property> plain_properties() {
  return {{"bool", true},
          {"bytes", client::Blob{std::string("\0\xFF\"\n", 4)}},
          {"double", 0.1},
          {"empty bytes", client::Blob{}},
          {"empty list", client::List{}},
          {"empty text", ""},
          {"empty vector", client::Vector{}},
          {"infinite", -infinity},
          {"int", std::numeric_limits<std::int64_t>::min()},
          {"list of bool", client::List{true, false}},
          {"list of double", client::List{1.0, -0.5, infinity}},
          {"list of int", client::List{1, 2}},
          {"line\r\nend, \"and more\"", 1},
          {"list of text", client::List{"a", "", "b,\"c\""}},
          {"list of time", client::List{client::Timestamp{0}, client::Timestamp{-1}}},
          {"text", "comma, \"quote\"\r\nline \xC3\xA4"},
          {"time", client::Timestamp{1'709'211'907'123'456'789}},
          {"tiny", 5e-324},
          {"type:in name", 1},
          {"vector", client::Vector{0.1F, -2.0F, 1e-40F}},
          {"whole double", 5.0}};
}

client::Vertex vertex(std::string key, std::vector<client::Property> properties = {}) {
  client::Vertex made;
  made.found = true;
  made.key = std::move(key);
  made.labels = {"Person", "comma, label"};
  made.properties = std::move(properties);
  return made;
}

client::Edge edge(std::string source, std::string target, std::vector<client::Property> properties = {}) {
  client::Edge made;
  made.source_key = std::move(source);
  made.target_key = std::move(target);
  made.type = "KNOWS";
  made.properties = std::move(properties);
  return made;
}

std::vector<Kept> read_all(const std::string& text) {
  auto reading = read_records(text);
  CAPTURE(text);
  CHECK(reading.errors.empty());
  return reading.records;
}

std::string table_of(Convention convention, const std::vector<client::Vertex>& vertices) {
  CsvTable table(convention);
  for (const auto& each : vertices) REQUIRE(table.observe(each).ok());
  std::string text;
  table.append_vertex_header(text);
  for (const auto& each : vertices) REQUIRE(table.append(each, text).ok());
  return text;
}

std::string table_of(Convention convention, const std::vector<client::Edge>& edges) {
  CsvTable table(convention);
  for (const auto& each : edges) REQUIRE(table.observe(each).ok());
  std::string text;
  table.append_edge_header(text);
  for (const auto& each : edges) REQUIRE(table.append(each, text).ok());
  return text;
}

}  // namespace

TEST_CASE("vertices of every kind of value through CSV and back") {
  auto convention = GENERATE(Convention::neo4j, Convention::gremlin);
  auto full = vertex("key, with \"everything\"", plain_properties());
  auto bare = vertex("bare");
  bare.labels.clear();
  auto back = read_all(table_of(convention, std::vector{full, bare}));
  REQUIRE(back.size() == 2);
  CHECK(back[0].key == full.key);
  CHECK(back[0].labels == full.labels);
  REQUIRE(back[0].properties.size() == full.properties.size());
  for (const auto& property : full.properties) {
    CAPTURE(property.name);
    REQUIRE(back[0].property(property.name) != nullptr);
    CHECK(*back[0].property(property.name) == property.value);
  }
  CHECK(back[1].key == "bare");
  CHECK(back[1].labels.empty());
  CHECK(back[1].properties.empty());
}

TEST_CASE("edges with ranks and weights through CSV and back") {
  auto convention = GENERATE(Convention::neo4j, Convention::gremlin);
  auto first = edge("a", "b", {{"since", client::Timestamp{5}}});
  auto second = edge("a", "b");
  second.rank = -3;
  second.weight = 0.1;
  auto back = read_all(table_of(convention, std::vector{first, second}));
  REQUIRE(back.size() == 2);
  CHECK(back[0].source == "a");
  CHECK(back[0].target == "b");
  CHECK(back[0].type == "KNOWS");
  CHECK(back[0].rank == 0);
  CHECK(back[0].properties == first.properties);
  CHECK(back[1].rank == -3);
  CHECK(back[1].weight == 0.1);
  CHECK(back[1].properties.empty());
}

TEST_CASE("edges that are all plain need no columns for ranks and weights") {
  CHECK(table_of(Convention::neo4j, std::vector{edge("a", "b")}) == ":START_ID,:END_ID,:TYPE\na,b,KNOWS\n");
  CHECK(table_of(Convention::gremlin, std::vector{edge("a", "b")}) == "~id,~from,~to,~label\n1,a,b,KNOWS\n");
}

TEST_CASE("everything goes through JSON Lines and back") {
  auto properties = plain_properties();
  properties.push_back({"mixed", client::List{1, "a", client::Value(), client::List{client::List{2.5}}}});
  properties.push_back({"list of one empty text", client::List{""}});
  properties.push_back({"infinite vector", client::Vector{std::numeric_limits<float>::infinity()}});
  properties.push_back({std::string("control \x01\0 name", 15), "tab\t"});
  properties.push_back({"minus zero", -0.0});
  properties.push_back({"large", 1.7976931348623157e308});
  auto ada = vertex("ada \\ \"x\"", properties);
  auto knows = edge("ada \\ \"x\"", "b", properties);
  knows.rank = 7;
  knows.weight = 2.0;
  std::string text;
  append_json_line(text, ada);
  append_json_line(text, knows);
  auto back = read_all(text);
  REQUIRE(back.size() == 2);
  CHECK(back[0].key == ada.key);
  CHECK(back[0].labels == ada.labels);
  CHECK(back[0].properties == properties);
  CHECK(back[1].source == knows.source_key);
  CHECK(back[1].rank == 7);
  CHECK(back[1].weight == 2.0);
  CHECK_FALSE(back[1].keep_weight);
  CHECK(back[1].properties == properties);
}

TEST_CASE("minus zero stays minus zero") {
  std::vector<client::Property> zeros{{"number", -0.0}, {"vector", client::Vector{-0.0F, 0.0F}}};
  std::string json;
  append_json_line(json, vertex("k", zeros));
  for (const auto& text : {json, table_of(Convention::neo4j, std::vector{vertex("k", zeros)})}) {
    auto back = read_all(text).at(0);
    CHECK(std::signbit(*back.property("number")->get_if<double>()));
    CHECK(std::signbit(back.property("vector")->get_if<client::Vector>()->at(0)));
    CHECK_FALSE(std::signbit(back.property("vector")->get_if<client::Vector>()->at(1)));
  }
}

TEST_CASE("an edge of weight 1 says so, for an edge that has another by now") {
  std::string json;
  append_json_line(json, edge("a", "b"));
  CHECK_FALSE(read_all(json).at(0).keep_weight);
}

TEST_CASE("what CSV cannot hold is an error that names the place and a format that can") {
  auto refusal = [](Convention convention, const std::vector<client::Vertex>& vertices) {
    CsvTable table(convention);
    for (const auto& each : vertices)
      if (Status status = table.observe(each); !status.ok()) return status.message();
    std::string text;
    for (const auto& each : vertices)
      if (Status status = table.append(each, text); !status.ok()) return status.message();
    return std::string("accepted");
  };
  using V = std::vector<client::Vertex>;
  CHECK(refusal(Convention::neo4j, V{vertex("k", {{"p", client::List{client::List{1}}}})}) ==
        "vertex \"k\", property \"p\": a list of lists or of several kinds does not fit into CSV; export as jsonl");
  CHECK(refusal(Convention::neo4j, V{vertex("k", {{"p", 1}}), vertex("l", {{"p", "x"}})}) ==
        "vertex \"l\", property \"p\": it is string here and long elsewhere, and a CSV column has one type; export as "
        "jsonl");
  CHECK(
      refusal(Convention::neo4j, V{vertex("k", {{"p", client::List{"a;b"}}})}).find("export as csv-gremlin or jsonl") !=
      std::string::npos);
  CHECK(refusal(Convention::gremlin, V{vertex("k", {{"p", client::List{"a;b"}}})}) == "accepted");
  CHECK(refusal(Convention::gremlin, V{vertex("k", {{"p", client::List{"a\\"}}})}).find("export as jsonl") !=
        std::string::npos);
  CHECK(refusal(Convention::gremlin, V{vertex("k", {{"~p", 1}})}).find("begins with ~") != std::string::npos);
  CHECK(refusal(Convention::neo4j, V{vertex("k", {{"p", client::List{""}}})}).find("one empty text") !=
        std::string::npos);
  std::vector<client::Property> many;
  for (int i = 0; i < 10'000; ++i) many.push_back({"p" + std::to_string(i), 1});
  CHECK(refusal(Convention::neo4j, V{vertex("k", many)}).find("export as jsonl") != std::string::npos);
}

TEST_CASE("semicolons in the lists of Gremlin come back") {
  auto full = vertex("k", {{"p", client::List{"a;b", "c"}}});
  full.labels = {"x;y", "z"};
  auto back = read_all(table_of(Convention::gremlin, std::vector{full}));
  CHECK(back.at(0).labels == full.labels);
  CHECK(back.at(0).properties == full.properties);
}

TEST_CASE("an empty list takes the type that others of its name have") {
  std::vector<client::Vertex> vertices{vertex("a", {{"p", client::List{}}}), vertex("b", {{"p", client::List{1}}}),
                                       vertex("c", {{"p", client::List{}}})};
  std::string text = table_of(Convention::neo4j, vertices);
  CHECK(text.starts_with(":ID,:LABEL,p:long[]\n"));
  auto back = read_all(text);
  for (std::size_t i = 0; i < vertices.size(); ++i) CHECK(back.at(i).properties == vertices[i].properties);
}
