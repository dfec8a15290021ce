#include <catch2/catch.hpp>

#include "tests/tools/import/import_script.h"

using namespace engram;
using namespace engram::import;
using namespace engram::import::test;

namespace {

Format format_of(const std::string& text, LayoutWishes wishes = {}) {
  auto layout = recognise(text, wishes);
  return layout.ok() ? layout.value().format : Format::automatic;
}

}  // namespace

TEST_CASE("formats are told from the first line") {
  CHECK(format_of(":ID,name\n") == Format::csv_neo4j);
  CHECK(format_of("name;personId:ID(Person);:LABEL\n") == Format::csv_neo4j);
  CHECK(format_of("\":START_ID\",\":END_ID\"\n") == Format::csv_neo4j);
  CHECK(format_of(":ID,~tilde:string\n") == Format::csv_neo4j);
  CHECK(format_of("~id,~label\n") == Format::csv_gremlin);
  CHECK(format_of("{\"type\":\"vertex\"}\n") == Format::jsonl);
  CHECK(format_of("# a comment\n0\t1\n") == Format::edge_list);
  CHECK(format_of("0 1 0.5\n") == Format::edge_list);
  CHECK(format_of("a,b\n") == Format::edge_list);
  CHECK(format_of("0\n1\n") == Format::vertex_list);
  CHECK(format_of("New York\nParis\n", {.expected = Expected::vertices}) == Format::vertex_list);
  CHECK(format_of("") == Format::vertex_list);
}

TEST_CASE("a header may hold line ends in quotes, and be longer than what is looked at") {
  CHECK(format_of("\"line\nend:string\",:ID\n") == Format::csv_neo4j);
  CHECK(format_of("\"a \"\"b\"\"\r\nc:string\";\"d\n:int\";~id\r\n") == Format::csv_gremlin);
  CHECK(format_of("\"a\n\"^~id\n", {.delimiter = '^'}) == Format::csv_gremlin);
  CHECK(format_of(":ID,\"never closed\n1,a\n") == Format::csv_neo4j);
  CHECK(read_records(":ID,\"never closed\n1,a\n").errors == std::vector<std::string>{"file:1:5: this quote is never closed"});
  CHECK(format_of("~id,x:ID{y:Long\n") == Format::csv_gremlin);
  std::string wide = ":ID,:LABEL";
  for (int i = 0; i < 9'000; ++i) wide += ",\"property, with a line\nend " + std::to_string(i) + ":string\"";
  auto reading = read_records(wide + "\nkey,\n");
  CHECK(reading.errors == std::vector<std::string>{"file:9002:5: the row has 2 cells instead of 9002"});
}

TEST_CASE("columns that are asked for of a format without any are an error") {
  ReadOptions weight;
  weight.columns.weight_column = "dist";
  ReadOptions rank;
  rank.columns.rank_column = "seq";
  for (const auto& options : {weight, rank}) {
    CHECK_THAT(read_records("a b\n", options).errors.at(0), Catch::Contains("file is of the format edge-list, which names no"));
    CHECK_THAT(read_records("{\"type\":\"vertex\",\"key\":\"a\"}\n", options).errors.at(0), Catch::Contains("--nodes"));
    CHECK(read_records(":ID\na\n", options).errors.empty());
  }
  weight.layout.expected = Expected::vertices;
  CHECK(read_records("{\"type\":\"vertex\",\"key\":\"a\"}\n", weight).errors.empty());
}

TEST_CASE("a header of neither convention is not taken for data") {
  CHECK(format_of("source,target\n") == Format::automatic);
  CHECK(format_of("id\n") == Format::automatic);
  CHECK(format_of("id,name,age,city\n") == Format::automatic);
  CHECK(read_records("id,name,age,city\n").errors.at(0).starts_with("file:1:1: the format is not recognised"));
  CHECK(format_of("source,target\n", {.format = Format::edge_list}) == Format::edge_list);
}

TEST_CASE("plain lists of edges") {
  auto reading = read_records("# SNAP\n0\t1\n0\t22\r\n1\t0\n", with_type("LINK"));
  REQUIRE(reading.errors.empty());
  REQUIRE(reading.records.size() == 3);
  CHECK(reading.records[1].source == "0");
  CHECK(reading.records[1].target == "22");
  CHECK(reading.records[1].type == "LINK");

  auto weighted = read_records("a b 0.5\nc d 1e3\n", with_type("LINK"));
  CHECK(weighted.records.at(0).weight == 0.5);
  CHECK(weighted.records.at(1).weight == 1000.0);

  auto broken = read_records("a,b\nc\nd,e,7\nf,\ng,h\n", with_type("LINK"));
  CHECK(broken.errors == std::vector<std::string>{"file:2:2: the row has 1 cells instead of 2",
                                                  "file:3:5: the row has 3 cells instead of 2",
                                                  "file:4:3: the target: a key is empty"});
  CHECK(broken.records.size() == 2);
  CHECK(read_records("a b nan\n", {.layout = {.format = Format::edge_list}, .decoder = {.edge_type = "L"}})
            .errors.at(0)
            .starts_with("file:1:5: the weight: \"nan\" is not a number"));
}

TEST_CASE("plain lists of vertices") {
  auto reading = read_records("New York\n\n  Paris\n", {.layout = {.expected = Expected::vertices}});
  REQUIRE(reading.records.size() == 2);
  CHECK(reading.records[0].key == "New York");
  CHECK(reading.records[1].key == "  Paris");
}

TEST_CASE("a file named as the wrong kind is an error") {
  CHECK(read_records("~id,~from,~to,~label\n", {.layout = {.expected = Expected::vertices}}).errors ==
        std::vector<std::string>{"file holds edges: name it with --edges"});
  CHECK(read_records(":ID\n", {.layout = {.expected = Expected::edges}}).errors ==
        std::vector<std::string>{"file holds vertices: name it with --nodes"});
}

TEST_CASE("what is no text in UTF-8 is told from its beginning, with what is to be done") {
  CHECK(read_records(std::string("\xFF\xFE:\0I\0D\0\n\0", 10)).errors.at(0) ==
        "file:1:1: the text is UTF-16: convert it to UTF-8, for example by iconv -f UTF-16 -t UTF-8");
  CHECK_THAT(read_records(std::string("\xFE\xFF\0:\0I\0D\0\n", 10)).errors.at(0), Catch::Contains("UTF-16"));
  CHECK_THAT(read_records("\x1F\x8B\x08").errors.at(0), Catch::Contains("gunzip"));
  CHECK_THAT(read_records("\x28\xB5\x2F\xFD").errors.at(0), Catch::Contains(".zst"));
}
