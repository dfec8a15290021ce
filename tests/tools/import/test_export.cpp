#include <catch2/catch.hpp>

#include <filesystem>

#include "storage/files/posix_files.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/text_file.h"
#include "tests/tools/import/import_script.h"
#include "tools/import/export_job.h"

using namespace engram;
using namespace engram::import;
using namespace engram::import::test;
using engram::test::read_text;
using engram::test::TemporaryDirectory;
using engram::test::write_text;

namespace {

client::Vertex vertex(std::string key, std::vector<client::Property> properties) {
  client::Vertex made;
  made.key = std::move(key);
  made.labels = {"V"};
  made.properties = std::move(properties);
  return made;
}

client::Edge edge(std::string source, std::string target) {
  client::Edge made;
  made.source_key = std::move(source);
  made.target_key = std::move(target);
  made.type = "T";
  return made;
}

/// A space of two pages.
GraphScan small_graph() {
  return [](bool with_edges, const std::function<Status(const client::ScanPage&)>& on_page) -> Status {
    client::ScanPage first{{vertex("a", {{"p", 1}}), vertex("b", {{"q", "x"}})}, {edge("a", "c"), edge("b", "a")}, ""};
    client::ScanPage second{{vertex("c", {})}, {edge("c", "a")}, ""};
    if (!with_edges) first.edges.clear(), second.edges.clear();
    if (Status status = on_page(first); !status.ok()) return status;
    return on_page(second);
  };
}

/// Standard output, for instance.
struct TextStream final : TextOutput {
  Status append(std::string_view more) override {
    text += more;
    return {};
  }
  Status commit() override {
    ++commits;
    return {};
  }
  [[nodiscard]] std::uint64_t size_bytes() const override { return text.size(); }

  std::string text;
  int commits = 0;
};

Result<ExportSummary> export_to(const ExportOptions& options, const GraphScan& scan) {
  PosixFiles files;
  SystemClock clock;
  ProgressLine progress(clock, nullptr);
  auto end = run_export(options, scan, files, progress);
  if (!end.status.ok()) return end.status;
  return end.summary;
}

std::size_t files_in(const TemporaryDirectory& directory) {
  auto entries = std::filesystem::directory_iterator(directory.path());
  return static_cast<std::size_t>(std::distance(begin(entries), end(entries)));
}

}  // namespace

TEST_CASE("JSON Lines in one file: all vertices, then all edges") {
  TemporaryDirectory directory;
  std::string path = directory / "graph.jsonl";
  auto summary = export_to({Format::jsonl, path, path}, small_graph());
  REQUIRE(summary.status().message().empty());
  CHECK(summary->vertices == 3);
  CHECK(summary->edges == 3);
  std::string text = read_text(path);
  CHECK(summary->bytes == text.size());
  auto reading = read_records(text);
  REQUIRE(reading.records.size() == 6);
  for (std::size_t i = 0; i < 6; ++i) CHECK((reading.records[i].kind == RecordKind::vertex) == (i < 3));
  CHECK(files_in(directory) == 1);
}

TEST_CASE("CSV in two files, with the columns of all vertices") {
  TemporaryDirectory directory;
  ExportOptions options{Format::csv_neo4j, directory / "v.csv", directory / "e.csv"};
  REQUIRE(export_to(options, small_graph()).ok());
  CHECK(read_text(options.vertices_path) == ":ID,:LABEL,p:long,q:string\na,V,1,\nb,V,,x\nc,V,,\n");
  CHECK(read_text(options.edges_path) == ":START_ID,:END_ID,:TYPE\na,c,T\nb,a,T\nc,a,T\n");
  options.format = Format::csv_gremlin;
  REQUIRE(export_to(options, small_graph()).ok());
  CHECK(read_text(options.vertices_path) == "~id,~label,p:Long,q:String\na,V,1,\nb,V,,x\nc,V,,\n");
  CHECK(check({Format::csv_neo4j, "x", "x"}).message().starts_with("CSV needs a file for the vertices and another"));
  CHECK(export_to({Format::csv_neo4j, "x", "x"}, small_graph()).status().code() == Code::invalid_argument);
  CHECK(check({}).code() == Code::invalid_argument);
}

TEST_CASE("a stream gets all vertices, then all edges, or one of them") {
  TextStream stream;
  auto summary = export_to({Format::jsonl, "-", "-", &stream}, small_graph());
  REQUIRE(summary.status().message().empty());
  CHECK(summary->vertices == 3);
  CHECK(summary->edges == 3);
  CHECK(summary->bytes == stream.text.size());
  CHECK(stream.commits == 1);
  auto reading = read_records(stream.text);
  REQUIRE(reading.records.size() == 6);
  for (std::size_t i = 0; i < 6; ++i) CHECK((reading.records[i].kind == RecordKind::vertex) == (i < 3));

  TextStream edges;
  REQUIRE(export_to({Format::csv_neo4j, "", "-", &edges}, small_graph()).ok());
  CHECK(edges.text == ":START_ID,:END_ID,:TYPE\na,c,T\nb,a,T\nc,a,T\n");
  TemporaryDirectory directory;
  TextStream vertices;
  REQUIRE(export_to({Format::csv_neo4j, "-", directory / "e.csv", &vertices}, small_graph()).ok());
  CHECK(vertices.text == ":ID,:LABEL,p:long,q:string\na,V,1,\nb,V,,x\nc,V,,\n");
  CHECK(files_in(directory) == 1);
}

TEST_CASE("whether a file or the engine failed is told apart") {
  PosixFiles files;
  SystemClock clock;
  ProgressLine progress(clock, nullptr);
  auto nowhere = run_export({Format::jsonl, "/nowhere/x", ""}, small_graph(), files, progress);
  CHECK_FALSE(nowhere.status.ok());
  CHECK(nowhere.is_local);
  TextStream stream;
  auto refusing = [](bool, const std::function<Status(const client::ScanPage&)>&) -> Status {
    return {Code::unavailable, "the engine went away"};
  };
  auto refused = run_export({Format::jsonl, "-", "-", &stream}, refusing, files, progress);
  CHECK(refused.status.code() == Code::unavailable);
  CHECK_FALSE(refused.is_local);
}

TEST_CASE("an export that fails leaves the old file, and nothing beside it") {
  TemporaryDirectory directory;
  std::string path = directory / "graph.jsonl";
  write_text(path, "old");
  auto failing = [](bool, const std::function<Status(const client::ScanPage&)>& on_page) -> Status {
    client::ScanPage page{{vertex("a", {})}, {}, ""};
    if (Status status = on_page(page); !status.ok()) return status;
    return {Code::unavailable, "the engine went away"};
  };
  CHECK(export_to({Format::jsonl, path, path}, failing).status().code() == Code::unavailable);
  CHECK(read_text(path) == "old");
  CHECK(files_in(directory) == 1);
}

TEST_CASE("a graph that gets a property between the two scans of CSV is an error") {
  TemporaryDirectory directory;
  int scans = 0;
  auto changing = [&](bool, const std::function<Status(const client::ScanPage&)>& on_page) -> Status {
    client::ScanPage page{{vertex("a", {})}, {}, ""};
    if (++scans == 2) page.vertices[0].properties = {{"new", 1}};
    return on_page(page);
  };
  auto status = export_to({Format::csv_neo4j, directory / "v.csv", directory / "e.csv"}, changing).status();
  CHECK(status.message().find("the graph changed while it was exported") != std::string::npos);
  CHECK(files_in(directory) == 0);
}
