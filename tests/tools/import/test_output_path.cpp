// Where output goes that must not take the place of what is there: pipes, links, inputs.

#include <catch2/catch.hpp>

#include <filesystem>

#include <fcntl.h>
#include <sys/stat.h>

#include "storage/base/descriptor.h"
#include "storage/files/posix_files.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/text_file.h"
#include "tools/import/export_job.h"
#include "tools/import/import_job.h"
#include "tools/import/output_path.h"

using namespace engram;
using namespace engram::import;
using engram::test::read_text;
using engram::test::TemporaryDirectory;
using engram::test::write_text;
namespace fs = std::filesystem;

namespace {

/// A named pipe with a reader, so that writers do not wait for one.
struct Pipe {
  explicit Pipe(std::string path_of_it) : path(std::move(path_of_it)) {
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    reader = Descriptor(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
    REQUIRE(reader.get() >= 0);
  }
  std::string read() const {
    std::string text(65'536, '\0');
    auto count = ::read(reader.get(), text.data(), text.size());
    text.resize(count > 0 ? static_cast<std::size_t>(count) : 0);
    return text;
  }
  std::string path;
  Descriptor reader;
};

GraphScan two_vertices() {
  return [](bool with_edges, const std::function<Status(const client::ScanPage&)>& on_page) -> Status {
    client::ScanPage page;
    page.vertices.resize(2);
    page.vertices[0].key = "a";
    page.vertices[1].key = "b";
    if (with_edges) {
      page.edges.resize(1);
      page.edges[0].source_key = "a";
      page.edges[0].type = "T";
      page.edges[0].target_key = "b";
    }
    return on_page(page);
  };
}

const std::string vertex_lines = R"({"type":"vertex","key":"a","labels":[],"properties":{}})"
                                 "\n"
                                 R"({"type":"vertex","key":"b","labels":[],"properties":{}})"
                                 "\n";
const std::string edge_line = R"({"type":"edge","source":"a","edge_type":"T","target":"b","weight":1.0,"properties":{}})"
                              "\n";

Status export_to(const std::string& vertices, const std::string& edges, Format format = Format::jsonl) {
  PosixFiles files;
  SystemClock clock;
  ProgressLine progress(clock, nullptr);
  ExportOptions options;
  options.format = format;
  options.vertices_path = vertices;
  options.edges_path = edges;
  return run_export(options, two_vertices(), files, progress).status;
}

std::size_t files_in(const TemporaryDirectory& directory) {
  auto entries = fs::directory_iterator(directory.path());
  return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

Status open_import(const std::string& input, const std::string& rejects) {
  PosixFiles files;
  SystemClock clock;
  ProgressLine progress(clock, nullptr);
  ImportOptions options;
  options.inputs = {{input}};
  options.reject_path = rejects;
  return ImportJob(std::move(options), files, progress).open();
}

const RowError bad_row{"in.csv", {2, 1}, "bad"};

}  // namespace

TEST_CASE("an export to a pipe is written to it, and the pipe stays") {
  TemporaryDirectory directory;
  Pipe pipe(directory / "pipe");
  REQUIRE(export_to(pipe.path, pipe.path).message().empty());
  CHECK(pipe.read() == vertex_lines + edge_line);
  REQUIRE(export_to(pipe.path, "").ok());
  CHECK(pipe.read() == vertex_lines);
  CHECK(fs::is_fifo(pipe.path));
  CHECK(files_in(directory) == 1);

  fs::create_symlink("pipe", directory / "link");
  REQUIRE(export_to(directory / "all", directory / "link", Format::csv_neo4j).ok());
  CHECK(pipe.read() == ":START_ID,:END_ID,:TYPE\na,b,T\n");
  CHECK(fs::is_symlink(directory / "link"));
}

TEST_CASE("an export over a symbolic link replaces the file that it leads to") {
  TemporaryDirectory directory;
  fs::create_directory(directory / "real");
  write_text(directory / "real/graph.jsonl", "old");
  fs::create_symlink("real/graph.jsonl", directory / "link");
  REQUIRE(export_to(directory / "link", directory / "link").message().empty());
  CHECK(fs::is_symlink(directory / "link"));
  CHECK(read_text(directory / "real/graph.jsonl") == vertex_lines + edge_line);

  fs::create_symlink("real/new.jsonl", directory / "dangling");
  REQUIRE(export_to(directory / "dangling", "").ok());
  CHECK(fs::is_symlink(directory / "dangling"));
  CHECK(read_text(directory / "real/new.jsonl") == vertex_lines);
}

TEST_CASE("two names of one file are refused, whether it is there or not") {
  TemporaryDirectory directory;
  std::string path = directory / "g.jsonl";
  auto refusal = [&](const std::string& vertices, const std::string& edges) {
    ExportOptions options;
    options.vertices_path = vertices;
    options.edges_path = edges;
    return check(options).message();
  };
  CHECK_THAT(refusal(path, directory / "./g.jsonl"), Catch::Contains("one file under two names"));
  write_text(path, "old");
  fs::create_symlink(path, directory / "link");
  CHECK_THAT(refusal(path, directory / "./g.jsonl"), Catch::Contains("one file under two names"));
  CHECK_THAT(refusal(directory / "link", path), Catch::Contains("one file under two names"));
  CHECK_THAT(refusal(path + ".partial", path), Catch::Contains("one file under two names"));
  CHECK(refusal(path, directory / "other.jsonl").empty());
  CHECK(refusal(path, path).empty());
  CHECK_THAT(refusal(directory / "g.jsonl.zst", ""), Catch::Contains("an export is not compressed"));
}

TEST_CASE("the reject file is none of the inputs, by whatever name") {
  TemporaryDirectory directory;
  std::string input = directory / "in.csv";
  write_text(input, ":ID,age:int\na,1\nb,x\n");
  fs::create_symlink("in.csv", directory / "link");
  fs::create_hard_link(input, directory / "hard");
  for (const char* name : {"in.csv", "./in.csv", "link", "hard"}) {
    INFO(name);
    Status status = open_import(input, directory / name);
    CHECK(status.code() == Code::invalid_argument);
    CHECK_THAT(status.message(), Catch::Contains("is what the import reads"));
    CHECK(read_text(input) == ":ID,age:int\na,1\nb,x\n");
  }
  CHECK(open_import(input, directory / "rejected").ok());
}

TEST_CASE("rejected rows go to a pipe, and the pipe stays") {
  TemporaryDirectory directory;
  PosixFiles files;
  Pipe pipe(directory / "pipe");
  auto rejects = RejectFile::create(files, pipe.path);
  REQUIRE(rejects.ok());
  REQUIRE(rejects.value()->add(bad_row, "b,x").ok());
  REQUIRE(rejects.value()->flush().ok());
  CHECK(pipe.read() == "# in.csv:2:1: bad\nb,x\n");
  CHECK(fs::is_fifo(pipe.path));
}

TEST_CASE("where no rejected rows could be written, the import does not start, and an older file stays till it does") {
  TemporaryDirectory directory;
  PosixFiles files;
  write_text(directory / "in.csv", ":ID\na\n");
  fs::create_directory(directory / "folder");
  for (const char* place : {"nowhere/rejected", "folder"}) CHECK_FALSE(open_import(directory / "in.csv", directory / place).ok());
  CHECK(open_import(directory / "in.csv", directory / "new").ok());
  CHECK_FALSE(fs::exists(directory / "new"));

  write_text(directory / "rejected", "of another run");
  CHECK(open_import(directory / "in.csv", directory / "rejected").ok());
  CHECK(read_text(directory / "rejected") == "of another run");
  auto rejects = RejectFile::create(files, directory / "rejected");
  REQUIRE(rejects.ok());
  CHECK(rejects.value()->begin().ok());
  CHECK_FALSE(fs::exists(directory / "rejected"));
}

TEST_CASE("a reject file behind a symbolic link is replaced where it is") {
  TemporaryDirectory directory;
  PosixFiles files;
  write_text(directory / "old.txt", "old");
  fs::create_symlink("old.txt", directory / "link");
  auto rejects = RejectFile::create(files, directory / "link");
  REQUIRE(rejects.ok());
  REQUIRE(rejects.value()->begin().ok());
  CHECK(fs::is_symlink(directory / "link"));
  CHECK_FALSE(fs::exists(directory / "old.txt"));
  REQUIRE(rejects.value()->add(bad_row, "b,x").ok());
  REQUIRE(rejects.value()->flush().ok());
  CHECK(read_text(directory / "old.txt") == "# in.csv:2:1: bad\nb,x\n");
}
