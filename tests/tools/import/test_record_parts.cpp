// Records that no command can hold.

#include <catch2/catch.hpp>

#include "storage/files/posix_files.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/text_file.h"
#include "tests/tools/import/fake_target.h"
#include "tools/import/record_parts.h"

using namespace engram;
using namespace engram::import;
using engram::import::test::FakeTarget;

namespace {

std::set<std::string> names(const std::string& prefix, int count) {
  std::set<std::string> made;
  for (int i = 0; i < count; ++i) made.insert(prefix + std::to_string(i));
  return made;
}

Record vertex(const std::set<std::string>& labels, const std::set<std::string>& properties, std::size_t value_bytes) {
  Record record;
  record.key = "v";
  record.vertex.labels.assign(labels.begin(), labels.end());
  for (const auto& name : properties) record.vertex.properties.push_back({name, std::string(value_bytes, 'x')});
  return record;
}

Record edge(const std::set<std::string>& properties, std::size_t value_bytes) {
  Record record = vertex({}, properties, value_bytes);
  record.kind = RecordKind::edge;
  record.source = "v";
  record.type = "T";
  record.target = "w";
  record.edge.properties.swap(record.vertex.properties);
  return record;
}

std::vector<Record> parts_of(const Record& whole, std::size_t max_bytes) {
  std::vector<Record> parts;
  RecordParts cutter(whole, max_bytes);
  for (Record part; cutter.next(part);) parts.push_back(part);
  return parts;
}

struct Load {
  explicit Load(std::size_t command_bytes, RejectFile* rejects = nullptr) : feeder({}, rejects) {
    target.command_bounds.bytes = command_bytes;
    target.on_failure = [this](client::Batch& batch, const client::Outcome& outcome) {
      return feeder.on_failure(batch, outcome);
    };
    feeder.set_target(target);
    CHECK(feeder.begin_file("file").ok());
  }
  Status add(const Record& record) {
    ++line;
    return feeder.add(record, {line, 1}, "row " + std::to_string(line));
  }

  FakeTarget target;
  BatchFeeder feeder;
  std::uint64_t line = 0;
};

}  // namespace

TEST_CASE("the parts of a record fit, hold all of it, and do once what is to be done once") {
  auto labels = names("L", 1500);
  auto properties = names("p", 2100);
  Record whole = vertex(labels, properties, 10);
  whole.vertex.replace = true;
  auto parts = parts_of(whole, 60'000);
  CHECK(parts.size() >= 3);
  std::set<std::string> found_labels;
  std::set<std::string> found_properties;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    CHECK(encoded_bytes(parts[i]) <= 60'000);
    CHECK(has_few_names(parts[i]));
    CHECK(parts[i].key == "v");
    CHECK(parts[i].vertex.replace == (i == 0));
    found_labels.insert(parts[i].vertex.labels.begin(), parts[i].vertex.labels.end());
    for (const auto& property : parts[i].vertex.properties) CHECK(found_properties.insert(property.name).second);
  }
  CHECK(found_labels == labels);
  CHECK(found_properties == properties);
}

TEST_CASE("of an edge, only the first part weighs and creates") {
  Record whole = edge(names("p", 4), 1000);
  whole.edge.rank = 7;
  whole.edge.weight = 2.5;
  whole.edge.create_missing = true;
  auto parts = parts_of(whole, 2'500);
  REQUIRE(parts.size() == 2);
  CHECK(parts[0].edge.weight == 2.5);
  CHECK_FALSE(parts[0].edge.keep_weight);
  CHECK(parts[0].edge.create_missing);
  CHECK(parts[1].edge.keep_weight);
  CHECK_FALSE(parts[1].edge.create_missing);
  CHECK(parts[1].edge.rank == 7);
  CHECK(parts[1].target == "w");
}

TEST_CASE("what no command can hold is loaded in parts, in its place among the rows") {
  Load load(10'000);
  Record before = vertex({"before"}, {"p0"}, 10);
  Record large = vertex({"large"}, names("p", 50), 1'000);
  large.vertex.replace = true;
  Record after = vertex({"after"}, {"q"}, 10);
  for (const Record& record : {before, large, after}) REQUIRE(load.add(record).ok());
  Record other = vertex({}, {}, 0);
  other.key = "w";
  REQUIRE(load.add(other).ok());
  Record link = edge(names("e", 50), 1'000);
  link.edge.weight = 2.5;
  REQUIRE(load.add(link).ok());
  REQUIRE(load.feeder.finish().ok());
  auto wanted = names("p", 50);
  wanted.insert({"large", "after", "q"});
  CHECK(load.target.names["v"] == wanted);
  CHECK(load.target.names["w"] == names("e", 50));
  CHECK(load.target.edges[{"v", "T", "w", 0}] == 2.5);
}

TEST_CASE("a row that is refused in parts is rejected once") {
  engram::test::TemporaryDirectory directory;
  PosixFiles files;
  auto rejects = RejectFile::create(files, directory / "rejected");
  Load load(10'000, rejects.value().get());
  REQUIRE(load.add(edge(names("e", 50), 1'000)).ok());  // its vertices are not there
  REQUIRE(load.add(vertex({}, {"p"}, 20'000)).ok());
  REQUIRE(load.add(vertex({}, {"q"}, 10)).ok());
  REQUIRE(load.feeder.finish().ok());
  REQUIRE(rejects.value()->flush().ok());
  CHECK(rejects.value()->count() == 2);
  CHECK(load.target.names["v"] == std::set<std::string>{"q"});
  auto text = engram::test::read_text(directory / "rejected");
  CHECK_THAT(text, Catch::Contains("# file:1:1: there is no vertex \"v\", the edge's source") &&
                       Catch::Contains("\nrow 1\n") && Catch::Contains("# file:2:1: property \"p\" takes 20") &&
                       Catch::Contains("\nrow 2\n"));
}

TEST_CASE("batches keep to what the engine takes") {
  Load load(4'000);
  load.target.command_bounds.operations = 3;
  load.feeder.set_target(load.target);
  for (int i = 0; i < 9; ++i) {
    Record record = vertex({}, {}, 0);
    std::string key = "v" + std::to_string(i);
    record.key = key;
    REQUIRE(load.add(record).ok());
  }
  REQUIRE(load.feeder.finish().ok());
  CHECK(load.target.sent == 3);
}
