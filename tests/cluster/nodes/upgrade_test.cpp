// A cluster of the version before that becomes one of this version, node by node, under load, and back again until it is
// finalized. The older program is a real one (tests/golden/releases).

#include <nlohmann/json.hpp>

#include "tests/cluster/nodes/visitor.h"
#include "tests/support/run_program.h"

using namespace engram;
using namespace engram::test;
using Catch::Contains;

namespace {

/// Unpacked for one test; empty if there is none for this processor.
class OlderRelease {
 public:
  OlderRelease() {
#ifdef __x86_64__
    std::string packed = std::string(ENGRAM_RELEASES) + "/engram-0.1.0-x86_64.xz";
    path_ = directory_ / "engram";
    Ran ran = run_program({"sh", "-c", "xz --decompress --stdout '" + packed + "' >'" + path_ + "' && chmod +x '" + path_ + "'"});
    INFO(ran.errors);
    REQUIRE(ran.exit_code == 0);
#else
    WARN("there is no older release for this processor: left out");
#endif
  }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  TemporaryDirectory directory_;
  std::string path_;
};

Ran run_cluster_command(const std::string& servers, std::vector<std::string> words) {
  std::vector<std::string> all{engine_binary(), "--server", servers, "cluster"};
  all.insert(all.end(), words.begin(), words.end());
  return run_program(all);
}

void restart_with(ClusterProcesses& cluster, unsigned node, const std::string& binary) {
  cluster.stop(node);
  cluster.setup(node).binary = binary;
  cluster.start(node);
  cluster.require_ready(node);
}

void require_safe_to_go_on(ClusterProcesses& cluster) {
  Ran check = run_cluster_command(cluster.servers(), {"upgrade-check", "--wait", "20"});
  INFO(check.output << check.errors << cluster.outputs());
  REQUIRE(check.exit_code == 0);
  CHECK_THAT(check.output, Contains("safe to go on: 3 nodes are ready"));
}

/// What every node says of its level, once all say the same or ten seconds are over.
std::vector<int> levels(ClusterProcesses& cluster, int wanted) {
  std::vector<int> found;
  for (int i = 0; i < 100; ++i) {
    found.clear();
    auto status = nlohmann::json::parse(run_cluster_command(cluster.servers(), {"status", "--json"}).output);
    for (auto& node : status) found.push_back(node.value("feature_level", 0));
    if (found == std::vector<int>(3, wanted)) break;
    pause_ms(100);
  }
  return found;
}

void start_all_with(ClusterProcesses& cluster, const std::vector<std::string>& binaries) {
  for (unsigned node = 0; node < cluster.nodes(); ++node) cluster.setup(node).binary = binaries[node];
  cluster.start_all();
}

}  // namespace

TEST_CASE("from the version before to this one and back under load, until it is finalized: no error, nothing lost or twice") {
  OlderRelease older;
  if (older.path().empty()) return;
  ClusterProcesses cluster(3);
  start_all_with(cluster, {older.path(), older.path(), older.path()});
  auto visitors = send_visitors(cluster, 3);
  pause_ms(500);
  for (unsigned node : {2u, 1u, 0u}) {
    require_safe_to_go_on(cluster);
    restart_with(cluster, node, engine_binary());
  }
  CHECK(levels(cluster, 1) == std::vector<int>(3, 1));

  restart_with(cluster, 1, older.path());
  Ran refused = run_cluster_command(cluster.server(0), {"finalize"});
  CHECK(refused.exit_code == 1);
  CHECK_THAT(refused.errors, Contains("Older versions still run: engram-1 (0.1.0)"));
  restart_with(cluster, 1, engine_binary());
  require_safe_to_go_on(cluster);

  Ran finalized = run_cluster_command(cluster.server(2), {"finalize"});
  INFO(finalized.output << finalized.errors);
  CHECK(finalized.exit_code == 0);
  CHECK(levels(cluster, 2) == std::vector<int>(3, 2));
  for (auto& visitor : visitors) visitor->stop();
  require_all_there(cluster, visitors);
}

TEST_CASE("behind the end of an upgrade the version before is refused, and the level outlives a full restart") {
  OlderRelease older;
  if (older.path().empty()) return;
  ClusterProcesses cluster(3);
  start_all_with(cluster, {engine_binary(), engine_binary(), engine_binary()});
  CHECK(levels(cluster, 2) == std::vector<int>(3, 2));  // a new cluster begins with all that its nodes know
  for (unsigned node : {0u, 1u, 2u}) cluster.stop(node);
  cluster.start_all();
  CHECK(levels(cluster, 2) == std::vector<int>(3, 2));

  cluster.stop(2);
  cluster.setup(2).binary = older.path();
  CHECK_THAT(refused_start(cluster.setup(2)), Contains("finalized at the feature level 2") && Contains("not older"));
  cluster.setup(2).binary = engine_binary();
  cluster.start(2);
  cluster.require_ready(2);
}

TEST_CASE("a cluster that is made with a node of the version before begins at its level") {
  OlderRelease older;
  if (older.path().empty()) return;
  ClusterProcesses cluster(3);
  start_all_with(cluster, {engine_binary(), older.path(), engine_binary()});
  restart_with(cluster, 1, engine_binary());
  CHECK(levels(cluster, 1) == std::vector<int>(3, 1));
}

TEST_CASE("while a node is away it is not safe to go on with the next one") {
  ClusterProcesses cluster(3);
  cluster.start_all();
  require_safe_to_go_on(cluster);
  cluster.stop(1);
  Ran check = run_cluster_command(cluster.server(0), {"upgrade-check", "--wait", "0"});
  CHECK(check.exit_code == 1);
  CHECK_THAT(check.output, Contains("not safe to go on") && Contains("nodes 0 - 1 are not connected"));
  Ran finalize = run_cluster_command(cluster.server(0), {"finalize"});
  CHECK(finalize.exit_code == 1);
  CHECK_THAT(finalize.errors, Contains("Not connected: engram-1"));
}
