#include <catch2/catch.hpp>

#include "tests/tools/import/import_script.h"

using namespace engram;
using namespace engram::import;
using namespace engram::import::test;
using Errors = std::vector<std::string>;

TEST_CASE("vertices in the convention of Neo4j") {
  auto reading = read_records(
      "personId:ID,name,born:int,scores:double[],active:boolean,note:IGNORE,:LABEL\n"
      "p1,Ada,1815,1.5;2,true,x,Person;Poet\n"
      "p2,,,,,,\n");
  REQUIRE(reading.errors.empty());
  REQUIRE(reading.records.size() == 2);
  const Kept& ada = reading.records[0];
  CHECK(ada.kind == RecordKind::vertex);
  CHECK(ada.key == "p1");
  CHECK(ada.labels == std::vector<std::string>{"Person", "Poet"});
  CHECK(ada.properties == std::vector<client::Property>{{"personId", "p1"},
                                                        {"name", "Ada"},
                                                        {"born", 1815},
                                                        {"scores", client::List{1.5, 2.0}},
                                                        {"active", true}});
  CHECK(reading.records[1].properties == std::vector<client::Property>{{"personId", "p2"}});
  CHECK(reading.records[1].labels.empty());
}

TEST_CASE("edges in the convention of Neo4j") {
  auto reading = read_records(":START_ID,:END_ID,:TYPE,since:date\np1,p2,KNOWS,2024-02-29\n");
  REQUIRE(reading.errors.empty());
  const Kept& edge = reading.records.at(0);
  CHECK(edge.kind == RecordKind::edge);
  CHECK(edge.source == "p1");
  CHECK(edge.target == "p2");
  CHECK(edge.type == "KNOWS");
  CHECK(edge.rank == 0);
  CHECK(edge.weight == 1.0);
  CHECK(*edge.property("since") == client::Value(client::Timestamp{1'709'164'800'000'000'000}));
}

TEST_CASE("groups of ids can be part of the keys") {
  std::string text = ":START_ID(Person),:END_ID(City),:TYPE\n7,7,LIVES_IN\n";
  CHECK(read_records(text).records.at(0).target == "7");
  ReadOptions options;
  options.decoder.prefix_id_groups = true;
  CHECK(read_records(text, options).records.at(0).source == "Person:7");
  CHECK(read_records(text, options).records.at(0).target == "City:7");
}

TEST_CASE("vertices and edges in the convention of Gremlin") {
  auto reading = read_records(
      "~id,~label,name:String,age:Int,tags:String(set),langs:String[],plain\n"
      "v1,Person;Poet,\"Ada\",36,a;b\\;c,en;fr,text\n");
  REQUIRE(reading.errors.empty());
  const Kept& vertex = reading.records.at(0);
  CHECK(vertex.key == "v1");
  CHECK(vertex.labels == std::vector<std::string>{"Person", "Poet"});
  CHECK(vertex.properties == std::vector<client::Property>{{"name", "Ada"},
                                                           {"age", 36},
                                                           {"tags", client::List{"a", "b;c"}},
                                                           {"langs", client::List{"en", "fr"}},
                                                           {"plain", "text"}});

  auto edges = read_records("~id,~from,~to,~label,dist:int\n3749,1,3,route,809\n");
  REQUIRE(edges.errors.empty());
  CHECK(edges.records.at(0).type == "route");
  CHECK(edges.records.at(0).properties == std::vector<client::Property>{{"dist", 809}});
}

TEST_CASE("a column can be the weight or the rank, and the ~id a property") {
  std::string text = "~id,~from,~to,~label,dist:int,seq:int\n3749,1,3,route,809,4\n";
  ReadOptions options;
  options.columns = {.weight_column = "dist", .rank_column = "seq"};
  auto edge = read_records(text, options).records.at(0);
  CHECK(edge.weight == 809.0);
  CHECK(edge.rank == 4);
  CHECK(edge.properties.empty());

  options.columns = {.rank_column = "~id"};
  CHECK(read_records(text, options).records.at(0).rank == 3749);
  options.columns = {.keep_edge_id = true};
  CHECK(*read_records(text, options).records.at(0).property("id") == client::Value("3749"));
  options.columns = {.weight_column = "distance"};
  CHECK(read_records(text, options).errors == Errors{"file:1:1: there is no column \"distance\" in this header"});
}

TEST_CASE("an edge has the weight and the rank of its own row only") {
  auto reading = read_records(":START_ID,:END_ID,:TYPE,:RANK,:WEIGHT,p:int\na,b,T,7,2.5,1\na,b,T,,,\n");
  REQUIRE(reading.records.size() == 2);
  CHECK(reading.records[0].rank == 7);
  CHECK(reading.records[0].weight == 2.5);
  CHECK(reading.records[1].rank == 0);
  CHECK(reading.records[1].weight == 1.0);
  CHECK_FALSE(reading.records[0].keep_weight);
  CHECK(reading.records[1].keep_weight);  // one that is there keeps its own
  CHECK(reading.records[1].properties.empty());
}

TEST_CASE("parallel edges are told apart by their order only when asked") {
  std::string text = "~id,~from,~to,~label,airline\n1,a,b,route,X\n2,a,b,route,Y\n3,a,c,route,X\n4,a,b,route,Z\n";
  ReadOptions options;
  auto ranks = [&] {
    std::vector<std::int64_t> found;
    for (const auto& record : read_records(text, options).records) found.push_back(record.rank);
    return found;
  };
  CHECK(ranks() == std::vector<std::int64_t>{0, 0, 0, 0});
  options.parallel_edges = true;
  CHECK(ranks() == std::vector<std::int64_t>{0, 1, 0, 2});
}

TEST_CASE("a header that cannot be understood is an error at its cell") {
  auto error = [](const std::string& text) { return read_records(text).errors.at(0); };
  CHECK(error(":ID,age:integr\n").starts_with("file:1:5: unknown type \"integr\"; known are string, int,"));
  CHECK(error("~id,age:Int,age:Long\n") == "file:1:13: the property \"age\" stands in the header twice");
  CHECK(error(":ID,:LABEL,:LABEL\n") == "file:1:12: \":LABEL\" stands in the header twice");
  CHECK(error(":LABEL,name\n") == "file:1:1: the header names no :ID column");
  CHECK(error("~from,~label\n") == "file:1:1: the header needs both ~from and ~to");
  CHECK(error("~id,~lable\n").starts_with("file:1:5: unknown system column"));
  CHECK(error(":ID,:TYPE\n") == "file:1:1: a file of vertices has no :TYPE; did you mean :LABEL?");
  CHECK(error("~id,:int\n") == "file:1:5: a property without a name");
  CHECK(error(":ID{id-type:long}\n") == "file:1:1: options in braces are not understood; leave them out");
}

TEST_CASE("a row that does not fit its header is an error with line and column") {
  auto reading = read_records(
      "~id,~label,name,age:int\n"
      "v1,Person,Ada,36\n"
      "v2,Person,\xC3\x84gidius,thirty\n"
      "v3,Person,Bob\n"
      "v4,Person,Cy,41,extra\n"
      ",Person,Nobody,1\n"
      "v5,Person,\"Two\nlines\",x\n"
      "v6,Person,Dee,3000000000\n");
  CHECK(reading.errors == Errors{
                              "file:3:19: age:int: \"thirty\" is not an integer of 32 bits (use the type long?)",
                              "file:4:14: the row has 3 cells instead of 4",
                              "file:5:17: the row has 5 cells instead of 4",
                              "file:6:1: ~id: a key is empty",
                              "file:8:8: age:int: \"x\" is not an integer of 32 bits (use the type long?)",
                              "file:9:15: age:int: \"3000000000\" is not an integer of 32 bits (use the type long?)",
                          });
  CHECK(reading.rejected_rows[0] == "v2,Person,\xC3\x84gidius,thirty");
  CHECK(reading.rejected_rows[4] == "v5,Person,\"Two\nlines\",x");
  REQUIRE(reading.records.size() == 1);
  CHECK(reading.records[0].key == "v1");
}

TEST_CASE("an edge without a type needs one for all") {
  std::string text = ":START_ID,:END_ID,:TYPE\na,b,\nc,d,KNOWS\n";
  CHECK(read_records(text).errors ==
        Errors{"file:2:1: the edge has no type; give one for all edges without with --type"});
  auto reading = read_records(text, with_type("LINK"));
  CHECK(reading.records.at(0).type == "LINK");
  CHECK(reading.records.at(1).type == "KNOWS");
}
