#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>
#include <thread>

#include <sys/resource.h>
#include <sys/stat.h>

#include "storage/files/posix_files.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/text_file.h"
#include "tests/tools/import/fake_target.h"
#include "tests/tools/import/import_script.h"
#include "tools/import/import_job.h"

using namespace engram;
using namespace engram::import;
using namespace engram::import::test;
using engram::test::TemporaryDirectory;

namespace {

struct Run {
  Status status;
  ImportSummary summary;
};

/// Runs a whole import into `target`.
Run run(FakeTarget& target, ImportOptions options) {
  PosixFiles files;
  SystemClock clock;
  ProgressLine progress(clock, nullptr);
  ImportJob job(std::move(options), files, progress);
  if (Status status = job.open(); !status.ok()) return {status, {}};
  target.on_failure = [&](client::Batch& batch, const client::Outcome& outcome) {
    return job.feeder().on_failure(batch, outcome);
  };
  Status status = job.run(target);
  return {status, job.summary()};
}

struct Folder {
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(directory / name) << text;
    return directory / name;
  }
  TemporaryDirectory directory;
};

const std::string air_routes = "data/air-routes/air-routes-latest-";

}  // namespace

TEST_CASE("the air routes are 3,749 vertices and 57,645 edges") {
  FakeTarget target;
  ImportOptions options;
  options.inputs = {{air_routes + "edges.csv", Expected::anything}, {air_routes + "nodes.csv", Expected::anything}};
  auto [status, summary] = run(target, options);
  REQUIRE(status.message().empty());
  CHECK(summary.vertices == 3'749);
  CHECK(summary.edges == 57'645);
  CHECK(target.vertices.size() == 3'749);
  CHECK(target.edges.size() == 57'645);
  std::map<std::string, std::size_t> types;
  for (const auto& [edge, weight] : target.edges) ++types[std::get<1>(edge)];
  CHECK(types == std::map<std::string, std::size_t>{{"contains", 7'008}, {"route", 50'637}});
  CHECK(target.edges.at({"1", "route", "3", 0}) == 1.0);

  options.read.columns.weight_column = "dist";
  REQUIRE(run(target, options).status.ok());
  CHECK(target.edges.at({"1", "route", "3", 0}) == 809.0);
  CHECK(target.edges.size() == 57'645);
}

TEST_CASE("files in any order, of several formats, in one call") {
  Folder folder;
  FakeTarget target;
  ImportOptions options;
  options.read.decoder.edge_type = "LINK";
  options.inputs = {{folder.write("list.txt", "a b\nb c\n")},
                    {folder.write("graph.jsonl",
                                  "{\"type\":\"edge\",\"source\":\"a\",\"edge_type\":\"T\",\"target\":\"z\"}\n"
                                  "{\"type\":\"vertex\",\"key\":\"z\"}\n")},
                    {folder.write("people.csv", ":ID,name\na,Ada\nb,Bob\n")},
                    {folder.write("cities.csv", "~id,~label\nc,City\n")}};
  auto [status, summary] = run(target, options);
  REQUIRE(status.message().empty());
  CHECK(summary.vertices == 4);
  CHECK(summary.edges == 3);
  CHECK(target.edges.count({"a", "LINK", "b", 0}) == 1);
  CHECK(target.edges.count({"a", "T", "z", 0}) == 1);
}

TEST_CASE("an import that was interrupted is started again and ends with the same graph") {
  Folder folder;
  std::string vertices = "~id,~label,p:String\n";
  std::string edges = "~id,~from,~to,~label\n";
  for (int i = 0; i < 100; ++i) {
    vertices += std::to_string(i) + ",V,text" + std::to_string(i) + "\n";
    edges += std::to_string(i) + ',' + std::to_string(i) + ',' + std::to_string((i + 1) % 100) + ",T\n";
  }
  ImportOptions options;
  options.feeder.batch_operations = 7;
  options.inputs = {{folder.write("v.csv", vertices)}, {folder.write("e.csv", edges)}};
  FakeTarget whole;
  REQUIRE(run(whole, options).status.ok());

  FakeTarget interrupted;
  ImportOptions half = options;
  half.inputs = {{folder.write("v-half.csv", vertices.substr(0, vertices.size() / 2))}};
  static_cast<void>(run(interrupted, half));
  REQUIRE(run(interrupted, options).status.ok());
  CHECK(interrupted.vertices == whole.vertices);
  CHECK(interrupted.edges == whole.edges);
}

TEST_CASE("nothing is changed when a header of any file is wrong") {
  Folder folder;
  FakeTarget target;
  ImportOptions options;
  std::string bad = folder.write("bad.csv", "~id,~from,~label\n1,a,T\n");
  options.inputs = {{folder.write("good.csv", "~id\na\n")}, {bad}};
  auto [status, summary] = run(target, options);
  CHECK(status.message() == bad + ":1:1: the header needs both ~from and ~to");
  CHECK(target.sent == 0);
}

TEST_CASE("a bad row stops the load, or goes to the reject file") {
  Folder folder;
  FakeTarget target;
  ImportOptions options;
  std::string file = folder.write("v.csv", ":ID,age:int\na,1\nb,x\nc,3\n");
  options.inputs = {{file}};
  CHECK(run(target, options).status.message().starts_with(file + ":3:3: age:int: \"x\" is not an integer"));

  options.reject_path = folder.directory / "rejected.txt";
  auto [status, summary] = run(target, options);
  REQUIRE(status.ok());
  CHECK(summary.vertices == 2);
  CHECK(summary.rejected == 1);
  std::ifstream rejected(options.reject_path);
  std::string comment;
  std::string row;
  REQUIRE(std::getline(rejected, comment));
  REQUIRE(std::getline(rejected, row));
  CHECK(comment.starts_with("# " + file + ":3:3: age:int: \"x\" is not an integer"));
  CHECK(row == "b,x");
}

TEST_CASE("a row that the engine refuses is named with column and key") {
  Folder folder;
  FakeTarget target;
  ImportOptions options;
  std::string edges = folder.write("e.csv", "~id,note:String,~from,~to,~label\n"
                                            "1,x,a,b,T\n"
                                            "2,\"two\nlines, é\",a,nobody,T\n"
                                            "3,é,\"no \"\"one\",b,T\n");
  options.inputs = {{folder.write("v.csv", "~id\na\nb\n")}, {edges}};
  CHECK(run(target, options).status.message().starts_with(
      edges + ":4:13: there is no vertex \"nobody\", the edge's target (import the vertices too"));

  FakeTarget second;
  options.reject_path = folder.directory / "rejected.txt";
  auto [status, summary] = run(second, options);
  REQUIRE(status.message().empty());
  CHECK(summary.rejected == 2);
  auto rejected = engram::test::read_text(options.reject_path);
  CHECK_THAT(rejected, Catch::Contains("# " + edges + ":5:5: there is no vertex \"no \"one\", the edge's source") &&
                           Catch::Contains("\n3,é,\"no \"\"one\",b,T\n"));
}

TEST_CASE("several groups of ids need a decision") {
  Folder folder;
  FakeTarget target;
  ImportOptions options;
  options.inputs = {{folder.write("people.csv", ":ID(Person)\n7\n")}, {folder.write("cities.csv", ":ID(City)\n7\n")},
                    {folder.write("lives.csv", ":START_ID(Person),:END_ID(City),:TYPE\n7,7,LIVES_IN\n")}};
  CHECK(run(target, options).status.message().find("several groups of ids (City, Person): give --id-prefix") !=
        std::string::npos);
  CHECK(target.sent == 0);
  options.prefix_id_groups = true;
  REQUIRE(run(target, options).status.ok());
  CHECK(target.edges.count({"Person:7", "LIVES_IN", "City:7", 0}) == 1);
}

TEST_CASE("no row of a file that is named for one kind is left out unsaid") {
  Folder folder;
  FakeTarget target;
  ImportOptions options;
  std::string file = folder.write("e.jsonl",
                                  "{\"type\":\"edge\",\"source\":\"a\",\"edge_type\":\"T\",\"target\":\"b\"}\n"
                                  "{\"type\": \"edge\", \"source\": \"a\"\n"
                                  "{\"type\":\"edge\",\"source\":\"\xFF\"}\n"
                                  "{\"type\":\"vertex\",\"key\":\"c\"}\n");
  options.inputs = {{folder.write("v.csv", ":ID\na\nb\n")}, {file, Expected::edges}};
  options.reject_path = folder.directory / "rejected.txt";
  auto [status, summary] = run(target, options);
  REQUIRE(status.message().empty());
  CHECK(summary.edges == 1);
  CHECK(summary.rejected == 3);
  CHECK(target.edges.size() == 1);
}

TEST_CASE("edges can make their ends") {
  Folder folder;
  FakeTarget target;
  ImportOptions options;
  options.read.decoder.edge_type = "LINK";
  options.inputs = {{folder.write("edges.txt", "0\t1\n1\t2\n")}};
  CHECK(run(target, options).status.code() == Code::unknown_vertex);
  FakeTarget fresh;
  options.read.decoder.create_missing = true;
  REQUIRE(run(fresh, options).status.ok());
  CHECK(fresh.edges.size() == 2);
}

TEST_CASE("more files than a process may have open are imported in one call") {
  Folder folder;
  FakeTarget target;
  ImportOptions options;
  for (int i = 0; i < 60; ++i) {
    std::string key = "v" + std::to_string(i);
    options.inputs.push_back({folder.write(key + ".csv", ":ID\n" + key + '\n')});
    options.inputs.push_back({folder.write(key + ".jsonl", R"({"type":"edge","source":")" + key +
                                                               R"(","edge_type":"T","target":"v0"})" "\n")});
  }
  auto open_files = std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {});
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit few = before;
  few.rlim_cur = static_cast<rlim_t>(open_files) + 20;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &few) == 0);
  auto [status, summary] = run(target, options);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
  CHECK(status.message().empty());
  CHECK(summary.vertices == 60);
  CHECK(summary.edges == 60);
}

TEST_CASE("a file that becomes another one before its pass ends the import") {
  Folder folder;
  FakeTarget target;
  ImportOptions options;
  options.inputs = {{folder.write("v.csv", ":ID\na\nb\n")}};
  PosixFiles files;
  SystemClock clock;
  ProgressLine progress(clock, nullptr);
  ImportJob job(options, files, progress);
  REQUIRE(job.open().ok());
  std::string file = folder.write("v.csv", ":START_ID,:END_ID,:TYPE\na,b,T\n");
  CHECK(job.run(target).message() == file + " was changed since the import began: start the import again");
  CHECK(target.sent == 0);
}

TEST_CASE("a pipe is read once, and naming it twice is an error that does not wait for a writer") {
  Folder folder;
  FakeTarget target;
  ImportOptions options;
  std::string pipe = folder.directory / "pipe";
  std::string other_name = folder.directory / "same";
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  std::filesystem::create_symlink(pipe, other_name);
  options.inputs = {{pipe}, {folder.write("v.csv", ":ID\na\n")}, {other_name}};
  CHECK(run(target, options).status.message() ==
        other_name + " is a pipe that is named twice (as " + pipe + " too): what comes through it can be read only once");

  options.inputs.pop_back();
  std::thread writer([&] {
    std::ofstream(pipe) << R"({"type":"vertex","key":"b"})" "\n"
                           R"({"type":"edge","source":"b","edge_type":"T","target":"a"})";
  });
  auto [status, summary] = run(target, options);
  writer.join();
  REQUIRE(status.message().empty());
  CHECK(summary.vertices == 2);
  CHECK(summary.edges == 1);
}
