// What was put in many commands goes out by one export and in again by one import, through the real engine.

#include <catch2/catch.hpp>

#include <fstream>
#include <map>
#include <sstream>

#include <nlohmann/json.hpp>

#include "tests/support/text_file.h"
#include "tests/tools/cli/cli_engine.h"
#include "tools/engram/globals.h"

namespace engram::cli {

using nlohmann::json;

namespace {

void check_done(const Ran& ran) {
  INFO(ran.output.substr(0, 1'000) << ran.errors.substr(0, 1'000));
  REQUIRE(ran.exit_code == exit_ok);
}

/// The lines of an export, by what they are about: spaces differ in the order of vertices and of properties.
std::map<std::string, json> graph_of(const CliEngine& engine, const std::string& space, const std::string& path) {
  check_done(engine.run({"export", "--space", space, "-o", path}));
  std::map<std::string, json> graph;
  std::istringstream lines(test::read_text(path));
  for (std::string line; std::getline(lines, line);) {
    auto record = json::parse(line);
    if (record.contains("labels")) std::sort(record["labels"].begin(), record["labels"].end());
    auto name = record["type"] == "vertex" ? record["key"] : record["source"];
    graph[record["type"].get<std::string>() + ' ' + name.get<std::string>()] = record;
  }
  return graph;
}

/// More than one command holds: in bytes (of a vertex, and of an edge), in labels and in properties.
void write_large_graph(const std::string& path) {
  std::ofstream out(path);
  for (const char* key : {"large", "many", "odd"}) out << json{{"type", "vertex"}, {"key", key}} << '\n';
  for (int i = 0; i < 5; ++i) {
    json properties{{"text " + std::to_string(i), std::string(1'000'000, static_cast<char>('a' + i))}};
    out << json{{"type", "vertex"}, {"key", "large"}, {"properties", properties}} << '\n';
    out << json{{"type", "edge"},   {"source", "large"}, {"edge_type", "T"},
                {"target", "many"}, {"weight", 2.5},     {"properties", properties}}
        << '\n';
  }
  for (int half = 0; half < 2; ++half) {
    json labels = json::array();
    json properties = json::object();
    for (int i = 0; i < 600; ++i) {
      labels.push_back("label " + std::to_string(half * 600 + i));
      properties["name " + std::to_string(half * 600 + i)] = i;
    }
    out << json{{"type", "vertex"}, {"key", "many"}, {"labels", labels}, {"properties", properties}} << '\n';
  }
  json odd{{"line\nend", 1}, {"bytes", {{"$bytes", std::string(1'360'000, 'A')}}}, {"quotes", std::string(1'000'000, '"')}};
  out << json{{"type", "vertex"}, {"key", "odd"}, {"properties", odd}} << '\n';
}

}  // namespace

TEST_CASE("whatever the engine holds goes through an export and an import, in every format") {
  CliEngine engine;
  test::TemporaryDirectory directory;
  write_large_graph(directory / "graph.jsonl");
  check_done(engine.run({"import", directory / "graph.jsonl"}));
  auto graph = graph_of(engine, "default", directory / "default.jsonl");
  REQUIRE(graph.size() == 4);
  CHECK(graph["vertex large"]["properties"].size() == 5);
  CHECK(graph["edge large"]["properties"].size() == 5);
  CHECK(graph["edge large"]["weight"] == 2.5);
  CHECK(graph["vertex many"]["labels"].size() == 1'200);
  CHECK(graph["vertex many"]["properties"].size() == 1'200);

  check_done(engine.run({"space", "create", "jsonl"}));
  check_done(engine.run({"import", "--space", "jsonl", directory / "default.jsonl"}));
  CHECK((graph_of(engine, "jsonl", directory / "copy.jsonl") == graph));
  for (const std::string format : {"csv-neo4j", "csv-gremlin"}) {
    auto nodes = directory / (format + "-nodes.csv"), edges = directory / (format + "-edges.csv");
    check_done(engine.run({"export", "--format", format, "--nodes", nodes, "--edges", edges}));
    check_done(engine.run({"space", "create", format}));
    check_done(engine.run({"import", "--space", format, nodes, edges}));
    CHECK((graph_of(engine, format, directory / (format + ".jsonl")) == graph));
  }
}

TEST_CASE("an import leaves what its rows do not name, the weight of an edge among it") {
  CliEngine engine;
  check_done(engine.run({"shell"}, "put a\nput b\nlink a T b --weight 2.5 x=1\n"));
  check_done(engine.run({"import", "-"}, "~id,~from,~to,~label,y:Int\n1,a,b,T,2\n"));
  auto edge = json::parse(engine.run({"neighbors", "a", "--json"}).output);
  CHECK(edge["weight"] == 2.5);
  CHECK(edge["properties"] == json{{"x", 1}, {"y", 2}});
}

}  // namespace engram::cli
