// An import that is killed, or whose engine is: what is started again ends with the same graph.

#include <catch2/catch.hpp>

#include <algorithm>
#include <csignal>
#include <fstream>
#include <memory>
#include <sstream>

#include "tests/support/engine_process.h"
#include "tests/support/patient_client.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/text_file.h"

using namespace engram;
using namespace engram::test;

namespace {

constexpr int vertex_count = 3'000;
constexpr int edge_rows = 60'000;
constexpr int edge_count = edge_rows / 10 * 9;

/// Two files, as another program would have written them. Some edges stand there twice, with another property: the later
/// row wins.
class Files {
 public:
  explicit Files(const TemporaryDirectory& directory)
      : nodes_(directory / "nodes.csv"), edges_(directory / "edges.csv") {
    std::ofstream nodes(nodes_), lines(edges_);
    nodes << ":ID,:LABEL,number:int,text\n";
    for (int i = 0; i < vertex_count; ++i) nodes << "v" << i << ",Thing," << i << ",text of " << i << "\n";
    lines << ":START_ID,:END_ID,:TYPE,:WEIGHT,row:int\n";
    for (int i = 0; i < edge_rows; ++i) {
      int edge = i % 10 != 9 ? i : i < 26 ? i - 1 : i - 26;  // every tenth row is about an edge from before
      lines << "v" << edge % vertex_count << ",v" << (edge * 7 + edge / vertex_count) % vertex_count << ",TO," << i % 5
            << "," << i << "\n";
    }
  }
  [[nodiscard]] const std::string& nodes() const { return nodes_; }
  [[nodiscard]] const std::string& edges() const { return edges_; }

 private:
  std::string nodes_, edges_;
};

EngineSetup small_engine(const TemporaryDirectory& directory) {
  return setup_in(directory, {"--cluster-partitions", "3", "--log-segment-bytes", "4MiB", "--warm-write-back-after-ms",
                              "100ms", "--warm-initial-map-bytes", "16MiB", "--hot-bytes", "64MiB"});
}

std::vector<std::string> words(const EngineSetup& setup, std::vector<std::string> arguments) {
  std::vector<std::string> words{"env", "NO_COLOR=1", "ENGRAM_SERVER=" + setup.server(), setup.binary};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return words;
}

/// Small batches, so that a load has a middle in which it can be killed.
std::vector<std::string> import_words(const EngineSetup& setup, const Files& files) {
  return words(setup, {"import", "--batch", "20", "--in-flight", "8", "--nodes", files.nodes(), "--edges", files.edges()});
}

void import_whole(const EngineSetup& setup, const Files& files) {
  Ran ran = run_program(import_words(setup, files));
  INFO(ran.output << ran.errors);
  REQUIRE(ran.exit_code == 0);
}

std::vector<std::string> exported(const EngineSetup& setup, const std::string& file) {
  Ran ran = run_program(words(setup, {"export", "-o", file}));
  INFO(ran.output << ran.errors);
  REQUIRE(ran.exit_code == 0);
  std::vector<std::string> lines;
  std::istringstream text(read_text(file));
  for (std::string line; std::getline(text, line);) lines.push_back(line);
  std::sort(lines.begin(), lines.end());
  return lines;
}

std::uint64_t edges_there(const EngineSetup& setup) {
  auto statistics = connect_patiently(setup.server()).statistics();
  REQUIRE(statistics.ok());
  return statistics->space.edges;
}

/// Lets it run for moments at a time until a good part of the edges is there, and stands still then; how many these are.
/// However long it takes to ask, the importer does not get to its end meanwhile.
std::uint64_t stop_halfway(const EngineSetup& setup, ChildProcess& importer) {
  std::uint64_t there = 0;
  REQUIRE(comes_true([&] {
    importer.send_signal(SIGCONT);
    pause_ms(20);
    importer.send_signal(SIGSTOP);
    there = edges_there(setup);
    return there >= edge_count / 4;
  }, 0));
  REQUIRE(there < edge_count);
  REQUIRE(importer.running());
  return there;
}

}  // namespace

TEST_CASE("A load that is killed on its way and started again ends with the same graph") {
  TemporaryDirectory directory, undisturbed;
  Files files(directory);
  EngineSetup calm = small_engine(undisturbed), setup = small_engine(directory);
  std::vector<std::string> expected;
  {
    EngineProcess engine(calm);
    require_ready(engine);
    import_whole(calm, files);
    expected = exported(calm, undisturbed / "graph.jsonl");
    (void)engine.kill_now();
  }
  REQUIRE(expected.size() == vertex_count + edge_count);

  auto engine = std::make_unique<EngineProcess>(setup);
  require_ready(*engine);
  ChildProcess importer({.words = import_words(setup, files), .output = directory / "import"});
  SECTION("the importer is killed, twice") {
    std::uint64_t there = stop_halfway(setup, importer);
    (void)importer.kill_now();
    ChildProcess second({.words = import_words(setup, files), .output = directory / "second"});
    pause_ms(20);
    REQUIRE(second.running());
    (void)second.kill_now();
    REQUIRE(edges_there(setup) >= there);
    REQUIRE(edges_there(setup) < edge_count);
  }
  SECTION("the engine is killed, and the importer too before there is another one") {
    (void)stop_halfway(setup, importer);
    (void)engine->kill_now();
    importer.send_signal(SIGCONT);
    pause_ms(20);
    REQUIRE(importer.running());
    (void)importer.kill_now();
    engine = std::make_unique<EngineProcess>(setup);
    require_ready(*engine);
    REQUIRE(edges_there(setup) >= edge_count / 4);
    REQUIRE(edges_there(setup) < edge_count);
  }
  SECTION("the engine is killed and started again, and the importer goes on by itself") {
    (void)stop_halfway(setup, importer);
    (void)engine->kill_now();
    importer.send_signal(SIGCONT);
    pause_ms(20);
    REQUIRE(importer.running());
    engine = std::make_unique<EngineProcess>(setup);
    auto ended = importer.wait_end(2 * longest_wait_ms);
    INFO(read_text(directory / "import") << engine->output());
    REQUIRE(ended);
    CHECK(ended->code == 0);
    CHECK((exported(setup, directory / "first.jsonl") == expected));
  }
  import_whole(setup, files);
  CHECK((exported(setup, directory / "graph.jsonl") == expected));
  REQUIRE(engine->terminate()->code == 0);
  Ran verified = run_program({setup.binary, "verify", "--data-dir", setup.data_dir});
  INFO(verified.output << verified.errors);
  CHECK(verified.exit_code == 0);
}
