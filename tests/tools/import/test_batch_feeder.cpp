#include <catch2/catch.hpp>

#include <sstream>

#include "storage/files/posix_files.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/text_file.h"
#include "tests/tools/import/fake_target.h"
#include "tools/import/in_flight_keys.h"

using namespace engram;
using namespace engram::import;
using engram::import::test::FakeTarget;
using engram::test::TemporaryDirectory;

namespace {

struct Script {
  explicit Script(FeederOptions options, RejectFile* rejects = nullptr) : feeder(options, rejects) {
    target.on_failure = [this](client::Batch& batch, const client::Outcome& outcome) {
      return feeder.on_failure(batch, outcome);
    };
    feeder.set_target(target);
    CHECK(feeder.begin_file("file").ok());
  }

  Status vertex(const std::string& key, const std::string& text = "") {
    Record record;
    record.key = key;
    if (!text.empty()) record.vertex.properties.push_back({"p", text});
    return feeder.add(record, {++line, 1}, key);
  }
  Status edge(const std::string& source, const std::string& target_key, double weight = 1.0) {
    Record record;
    record.kind = RecordKind::edge;
    record.source = source;
    record.type = "T";
    record.target = target_key;
    record.edge.weight = weight;
    record.target_offset = static_cast<std::uint32_t>(source.size() + 1);
    return feeder.add(record, {++line, 1}, source + ',' + target_key);
  }

  FakeTarget target;
  BatchFeeder feeder;
  std::uint64_t line = 0;
};

}  // namespace

TEST_CASE("the later row wins, however the engine orders the batches in flight") {
  Script script({.batch_operations = 3});
  for (int i = 0; i < 100; ++i) REQUIRE(script.vertex("v" + std::to_string(i % 7), "row " + std::to_string(i)).ok());
  for (int i = 0; i < 100; ++i) REQUIRE(script.edge("v1", "v" + std::to_string(i % 5), i).ok());
  REQUIRE(script.feeder.finish().ok());
  for (int key = 0; key < 7; ++key) {
    int last = 99 - (99 - key) % 7;
    CHECK(script.target.vertices["v" + std::to_string(key)] == "row " + std::to_string(last));
  }
  for (int key = 0; key < 5; ++key) CHECK(script.target.edges[{"v1", "T", "v" + std::to_string(key), 0}] == 95 + key);
}

TEST_CASE("a batch's edges lead from one partition to one other, and the later row wins all the same") {
  Script script({.batch_operations = 5});
  script.target.partitions = 7;  // 49 pairs: more than are filled at a time
  for (int i = 0; i < 60; ++i) REQUIRE(script.vertex("v" + std::to_string(i)).ok());
  for (int i = 0; i < 5'000; ++i)
    REQUIRE(script.edge("v" + std::to_string(i % 60), "v" + std::to_string(i * 7 % 59), i).ok());
  REQUIRE(script.feeder.finish().ok());
  for (const auto& routes : script.target.routes) CHECK(routes.size() <= 1);
  CHECK(script.target.sent < 1'500);  // most batches are full
  for (int i = 5'000 - 60 * 59; i < 5'000; ++i)
    CHECK(script.target.edges[{"v" + std::to_string(i % 60), "T", "v" + std::to_string(i * 7 % 59), 0}] == i);
}

TEST_CASE("vertices are there before the first edge is sent") {
  Script script({.batch_operations = 2});
  for (int i = 0; i < 9; ++i) REQUIRE(script.vertex("v" + std::to_string(i)).ok());
  for (int i = 0; i < 8; ++i) REQUIRE(script.edge("v" + std::to_string(i), "v" + std::to_string(i + 1)).ok());
  REQUIRE(script.feeder.finish().ok());
  CHECK(script.target.edges.size() == 8);
  CHECK(script.target.sent == 5 + 4);
}

TEST_CASE("without a reject file, the row that the engine refuses ends the load, with its place") {
  Script script({.batch_operations = 10});
  REQUIRE(script.vertex("a").ok());
  REQUIRE(script.vertex("b").ok());
  REQUIRE(script.edge("a", "b").ok());
  REQUIRE(script.edge("a", "missing").ok());
  Status status = script.feeder.finish();
  CHECK(status.code() == Code::unknown_vertex);
  CHECK(status.message().starts_with("file:4:3: there is no vertex \"missing\", the edge's target (import the"));
}

TEST_CASE("with a reject file, exactly the refused rows are in it and all others are loaded") {
  TemporaryDirectory directory;
  PosixFiles files;
  auto rejects = RejectFile::create(files, directory / "rejected.txt");
  REQUIRE(rejects.ok());
  Script script({.batch_operations = 100}, rejects.value().get());
  for (int i = 0; i < 50; ++i) REQUIRE(script.vertex("v" + std::to_string(i)).ok());
  std::set<std::string> bad;
  for (int i = 0; i < 1000; ++i) {
    bool missing = i % 97 == 0 || (i >= 300 && i < 400);  // a whole batch of nothing but bad rows, and some elsewhere
    std::string source = missing ? "missing" + std::to_string(i) : "v" + std::to_string(i % 50);
    if (missing) bad.insert(source + ",v" + std::to_string(i / 50));
    REQUIRE(script.edge(source, "v" + std::to_string(i / 50), i).ok());
  }
  REQUIRE(script.feeder.finish().ok());
  REQUIRE(rejects.value()->flush().ok());
  CHECK(script.target.edges.size() == 1000 - bad.size());
  CHECK(rejects.value()->count() == bad.size());

  std::istringstream content(engram::test::read_text(directory / "rejected.txt"));
  std::set<std::string> rejected;
  for (std::string comment, row; std::getline(content, comment) && std::getline(content, row);) {
    CHECK(comment.starts_with("# file:"));
    CHECK(comment.find("there is no vertex \"missing") != std::string::npos);
    rejected.insert(row);
  }
  CHECK(rejected == bad);
}

TEST_CASE("the later row wins also behind a batch that was sent again") {
  TemporaryDirectory directory;
  PosixFiles files;
  auto rejects = RejectFile::create(files, directory / "rejected.txt");
  Script script({.batch_operations = 2}, rejects.value().get());
  REQUIRE(script.vertex("a").ok());
  REQUIRE(script.vertex("b").ok());
  for (const char* target : {"missing", "b"}) REQUIRE(script.edge("a", target, 1).ok());
  for (const char* target : {"a", "b"}) REQUIRE(script.edge("a", target, 2).ok());
  for (const char* target : {"b", "b"}) REQUIRE(script.edge("a", target, 3).ok());
  REQUIRE(script.feeder.finish().ok());
  CHECK(rejects.value()->count() == 1);
  CHECK(script.target.edges[{"a", "T", "b", 0}] == 3);
}

TEST_CASE("what is not a row's fault ends the load even with a reject file") {
  TemporaryDirectory directory;
  PosixFiles files;
  auto rejects = RejectFile::create(files, directory / "rejected.txt");
  Script script({.batch_operations = 2}, rejects.value().get());
  script.target.refuse_all = Status(Code::disk_full, "no room");
  REQUIRE(script.vertex("a").ok());
  Status status = script.feeder.finish();
  CHECK(status.code() == Code::disk_full);
  CHECK(rejects.value()->count() == 0);
}

TEST_CASE("batches stay within bytes, and a value that no command can hold is a bad row") {
  Script script({.batch_operations = 1000, .batch_bytes = 10'000});
  script.target.command_bounds.bytes = 50'000;
  script.feeder.set_target(script.target);
  for (int i = 0; i < 20; ++i) REQUIRE(script.vertex("v" + std::to_string(i), std::string(4'000, 'x')).ok());
  REQUIRE(script.vertex("large", std::string(40'000, 'x')).ok());
  Status status = script.vertex("too large", std::string(50'000, 'x'));
  CHECK(status.message().starts_with("file:22:1: property \"p\" takes 50"));
  REQUIRE(script.feeder.finish().ok());
  CHECK(script.target.vertices.size() == 21);
  CHECK(script.target.sent == 11);
}

TEST_CASE("keys in flight are known till their batch is settled") {
  InFlightKeys keys;
  CHECK_FALSE(keys.add(7, 1, 0));
  CHECK_FALSE(keys.add(7, 1, 0));   // the same batch
  CHECK(keys.add(7, 2, 0));
  CHECK_FALSE(keys.add(7, 4, 2));   // 2 is settled
  for (std::uint64_t i = 0; i < 300'000; ++i)
    keys.add(i * 0x9E3779B97F4A7C15ULL, 5 + i / 1000, 4 + i / 1000 - (i >= 1000 ? 1 : 0));
  CHECK(keys.add(299'999 * 0x9E3779B97F4A7C15ULL, 1000, 303));
  CHECK_FALSE(keys.add(299'999 * 0x9E3779B97F4A7C15ULL, 1001, 1000));
}
