// A damaged warm store, a log without its end, and what docs/operations.md says to do about them, step by step.

#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>

#include "tests/crash/graph_state.h"
#include "tests/support/engine_process.h"
#include "tests/support/patient_client.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/text_file.h"

using namespace engram;
using namespace engram::test;
using Catch::Contains;

namespace {

constexpr int vertices = 1200;
constexpr std::size_t ballast_bytes = 4000;

EngineSetup small_engine(const TemporaryDirectory& directory) {
  return setup_in(directory, {"--cluster-partitions", "3", "--log-segment-bytes", "1MiB", "--warm-write-back-after-ms",
                              "50ms", "--warm-initial-map-bytes", "16MiB", "--hot-bytes", "64MiB"});
}

std::string key_of(int number) { return "vertex " + std::to_string(number); }

/// Vertices with edges over all partitions, some of them deleted again, an index, and a space that was dropped.
void fill(client::Client& client) {
  REQUIRE(client.declare_index({"Thing", "value"}).committed());
  for (int i = 0; i < vertices; i += 20) {
    client::Batch batch;
    for (int number = i; number < i + 20; ++number) {
      client::VertexOptions options;
      options.labels = {"Thing"};
      options.properties = {{"value", std::int64_t{number}}, {"text", "ballast" + std::string(ballast_bytes, 'b')}};
      batch.put_vertex(key_of(number), options);
      for (int other : {number / 2, number / 3, number - 1})
        if (other > 0) batch.link(key_of(number), "AFTER", key_of(other));
    }
    REQUIRE(client.submit(batch).committed());
  }
  for (int i = 0; i < vertices; i += 97) REQUIRE(client.submit(client::Batch().delete_vertex(key_of(i))).committed());
  REQUIRE(client.create_space("brief").committed());
  REQUIRE(client.drop_space("brief").committed());
}

/// What the graph holds, its index included; both ends of every edge agree.
GraphState read_all(client::Client& client, const EngineSetup& setup) {
  std::vector<std::string> problems;
  auto state = read_graph(client, setup.server(), problems);
  REQUIRE(state.ok());
  REQUIRE(problems == std::vector<std::string>());
  client::LookupQuery query{.index = {"Thing", "value"}, .limit = vertices};
  auto found = client.lookup(query);  // the client waits while the index is being made again
  REQUIRE(found.ok());
  for (const client::Vertex& vertex : found->vertices) (*state)["found " + vertex.key] = 1;
  return std::move(*state);
}

std::vector<std::filesystem::path> archived_segments(const EngineSetup& setup) {
  std::vector<std::filesystem::path> segments;
  for (const auto& entry : std::filesystem::directory_iterator(setup.data_dir + "/archived"))
    if (entry.path().string().ends_with(".sealed.log")) segments.push_back(entry.path());
  return segments;
}

/// A graph of which most of the log is in the archive.
GraphState make_graph(const EngineSetup& setup) {
  EngineProcess engine(setup);
  require_ready(engine);
  client::Client client = connect_patiently(setup.server());
  fill(client);
  GraphState state = read_all(client, setup);
  REQUIRE(comes_true([&] { return archived_segments(setup).size() >= 2; }, 10));
  REQUIRE(engine.terminate()->code == 0);
  return state;
}

Ran verify(const EngineSetup& setup) { return run_program({setup.binary, "verify", "--data-dir", setup.data_dir}); }

void require_well(const EngineSetup& setup) {
  Ran ran = verify(setup);
  INFO(ran.output << ran.errors);
  REQUIRE(ran.exit_code == 0);
  REQUIRE_THAT(ran.output, Contains("all is well"));
}

/// By position, those in the archive left out.
std::vector<std::filesystem::path> sealed_segments(const EngineSetup& setup) {
  std::vector<std::filesystem::path> segments;
  for (const auto& entry : std::filesystem::directory_iterator(setup.data_dir))
    if (entry.path().string().ends_with(".sealed.log")) segments.push_back(entry.path());
  std::sort(segments.begin(), segments.end());
  return segments;
}

void move_archive_back(const EngineSetup& setup) {
  for (const auto& segment : archived_segments(setup))
    std::filesystem::rename(segment, setup.data_dir / segment.filename());
}

/// Every copy of the text, whichever of them LMDB still uses.
void damage_values(const std::string& path, const std::string& text = "ballast") {
  std::string data = read_text(path);
  for (std::size_t at = 0; (at = data.find(text, at)) != std::string::npos; ++at) data[at] = '#';
  write_text(path, data);
}

void damage_header(const std::string& path) {
  std::string data = read_text(path);
  data.replace(0, 64, std::string(64, 'x'));
  write_text(path, data);
}

}  // namespace

TEST_CASE("A damaged warm store is made again from the log as docs/operations.md says, and all is well") {
  TemporaryDirectory directory;
  EngineSetup setup = small_engine(directory);
  GraphState before = make_graph(setup);
  require_well(setup);
  std::string store = setup.data_dir + "/warm/p1";
  SECTION("some of its values are damaged") { damage_values(store + "/data.mdb"); }
  SECTION("its header is damaged") { damage_header(store + "/data.mdb"); }

  CHECK_THAT(refused_start(setup), Contains("docs/operations.md") && Contains("warm/pN") && Contains("archived"));
  Ran found = verify(setup);  // step 1
  CHECK(found.exit_code == 1);
  CHECK_THAT(found.output, Contains("partition 1"));

  std::filesystem::remove_all(store);  // step 2
  // Whoever leaves the next step out is told, as often as it takes.
  for (int i = 0; i < 2; ++i) CHECK_THAT(refused_start(setup), Contains("warm/p1 is missing") && Contains("archived/"));
  CHECK_THAT(verify(setup).output, Contains("warm/p1 is missing"));
  move_archive_back(setup);  // step 3

  for (int start = 0; start < 2; ++start) {  // step 4
    EngineProcess engine(setup);
    require_ready(engine);
    client::Client client = connect_patiently(setup.server());
    CHECK((read_all(client, setup) == before));
    REQUIRE(client.submit(client::Batch().put_vertex(key_of(1), {})).committed());  // and writes go on
    CHECK(comes_true([&] { return archived_segments(setup).size() >= 2; }, 10));  // back where they were
    REQUIRE(engine.terminate()->code == 0);
    require_well(setup);
  }
}

TEST_CASE("An engine whose graph is larger than memory goes on beside a damaged value, and tells of it where it is read") {
  TemporaryDirectory directory;
  EngineSetup setup = setup_in(directory, {"--cluster-partitions", "1", "--hot-bytes", "256KiB"});
  const int last = 299;  // a start reads the first ones into memory
  {
    EngineProcess engine(setup);
    require_ready(engine);
    client::Client client = connect_patiently(setup.server());
    for (int i = 0; i <= last; ++i) {
      client::VertexOptions options;
      options.properties = {{"text", (i == last ? "unlucky" : "ballast") + std::string(ballast_bytes, 'b')}};
      REQUIRE(client.submit(client::Batch().put_vertex(key_of(i), options)).committed());
    }
    REQUIRE(engine.terminate()->code == 0);
  }
  damage_values(setup.data_dir + "/warm/p0/data.mdb", "unlucky");
  EngineProcess engine(setup);
  require_ready(engine);
  client::Client client = connect_patiently(setup.server());
  for (int time = 0; time < 3; ++time) {
    Status answer = client.get(key_of(last)).status();
    CHECK(answer.code() == Code::corrupt);
    CHECK_THAT(answer.message(), Contains("vertices") && Contains("docs/operations.md"));
    CHECK(client.get(key_of(last - 1)).ok());
    CHECK(client.submit(client::Batch().put_vertex(key_of(time), {})).committed());
  }
  CHECK(engine.terminate()->code == 0);
  CHECK_THAT(engine.output(), Contains("warm store cannot be read partition=0"));
  CHECK_THAT(verify(setup).output, Contains("partition 0"));
}

TEST_CASE("A log without its end is gone back to as docs/operations.md says, all partitions to one moment, and all is well") {
  TemporaryDirectory directory;
  EngineSetup setup = small_engine(directory);
  GraphState before = make_graph(setup);
  {
    EngineProcess engine(setup);
    require_ready(engine);
    client::Client client = connect_patiently(setup.server());
    for (int i = 1; i < vertices; i += 7) {  // over all partitions, and edges among them
      std::string late = "late " + std::to_string(i);
      client::Batch batch;
      batch.put_vertex(late, {}).put_vertex(key_of(i), {}).link(late, "AFTER", key_of(i));
      REQUIRE(client.submit(batch).committed());
      if (i % 2 == 0) REQUIRE(client.submit(client::Batch().delete_vertex(key_of(i))).committed());
    }
    REQUIRE(engine.terminate()->code == 0);  // the warm stores have all of it
  }
  std::filesystem::remove(sealed_segments(setup).back());
  for (int start = 0; start < 2; ++start)
    CHECK_THAT(refused_start(setup), Contains("segments are missing") && Contains("docs/operations.md"));
  CHECK_THAT(verify(setup).output, Contains("segments are missing"));

  std::filesystem::rename(setup.data_dir + "/warm", directory / "warm-aside");  // step 3
  move_archive_back(setup);                                                    // step 4
  for (int start = 0; start < 2; ++start) {                                    // step 5
    EngineProcess engine(setup);
    require_ready(engine);
    client::Client client = connect_patiently(setup.server());
    CHECK((read_all(client, setup) == before));
    REQUIRE(client.submit(client::Batch().put_vertex(key_of(1), {})).committed());  // and writes go on
    REQUIRE(engine.terminate()->code == 0);
    require_well(setup);
  }
}
