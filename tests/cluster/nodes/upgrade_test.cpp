// A cluster of the version before that becomes one of this version, node by node, under load, and back again until it is
// finalized. The older program is a real one (tests/golden/releases).

#include <nlohmann/json.hpp>

#include "tests/cluster/nodes/visitor.h"
#include "tests/support/run_program.h"
#include "tests/support/skip.h"

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

/// And what is said of the way back.
void require_safe_to_go_on(ClusterProcesses& cluster, const std::string& way_back) {
  Ran check = run_cluster_command(cluster.servers(), {"upgrade-check", "--wait", "240s"});
  INFO(check.output << check.errors << cluster.outputs());
  REQUIRE(check.exit_code == 0);
  CHECK_THAT(check.output, Contains("safe to go on: 3 nodes are ready") && Contains(way_back));
}

/// Nodes of the version before count every transaction that is open at the moment as one in doubt: without a pause of the
/// writers a look at all nodes may never find none.
void require_safe_between_writes(ClusterProcesses& cluster, const Visitors& visitors) {
  for (const auto& visitor : visitors) visitor->rest();
  require_safe_to_go_on(cluster, "going back is possible: feature level 1 is in force, which every version knows\n");
  for (const auto& visitor : visitors) visitor->go_on();
}

/// Until every node says that this is its level.
void require_level(ClusterProcesses& cluster, int level) {
  Ran status;
  bool there = comes_true([&] {
    status = run_cluster_command(cluster.servers(), {"status", "--json"});
    if (status.exit_code != 0) return false;  // it does not know all of them yet
    std::vector<int> found;
    for (auto& node : nlohmann::json::parse(status.output)) found.push_back(node.value("feature_level", 0));
    return found == std::vector<int>(cluster.nodes(), level);
  }, 100);
  INFO(status.output << status.errors << cluster.outputs());
  REQUIRE(there);
}

/// The end of an upgrade is refused, and in the end with these words: right behind a start, nodes may not have heard of each
/// other.
void require_not_finalized(const std::string& server, const std::string& because) {
  Ran refused;
  bool said = comes_true([&] {
    refused = run_cluster_command(server, {"finalize"});
    return refused.exit_code != 1 || refused.errors.find(because) != std::string::npos;
  }, 100);
  INFO(refused.output << refused.errors);
  REQUIRE(said);
  REQUIRE(refused.exit_code == 1);
}

void start_all_with(ClusterProcesses& cluster, const std::vector<std::string>& binaries) {
  for (unsigned node = 0; node < cluster.nodes(); ++node) cluster.setup(node).binary = binaries[node];
  cluster.start_all();
}

}  // namespace

TEST_CASE("from the version before to this one and back under load, until it is finalized: no error, nothing lost or twice") {
  OlderRelease older;
  if (older.path().empty()) return skip_case("there is no older release for this processor");
  ClusterProcesses cluster(3);
  start_all_with(cluster, {older.path(), older.path(), older.path()});
  auto visitors = send_visitors(cluster, 3);
  for (unsigned node : {2u, 1u, 0u}) {
    let_visit(visitors, 10);
    require_safe_between_writes(cluster, visitors);
    let_visit(visitors, 10);
    restart_with(cluster, node, engine_binary());
  }
  require_level(cluster, 1);

  restart_with(cluster, 1, older.path());
  require_not_finalized(cluster.server(0), "Older versions still run: engram-1 (0.1.0)");
  restart_with(cluster, 1, engine_binary());
  require_safe_to_go_on(cluster, "All nodes know 2: `engram cluster finalize` raises it to that, and there is no way back then");

  Ran finalized = run_cluster_command(cluster.server(2), {"finalize"});
  INFO(finalized.output << finalized.errors);
  CHECK(finalized.exit_code == 0);
  require_safe_to_go_on(cluster, "going back is impossible to versions that do not know feature level 2, which is in force");
  require_level(cluster, 2);
  for (auto& visitor : visitors) visitor->stop();
  require_all_there(cluster, visitors);
}

TEST_CASE("behind the end of an upgrade the version before is refused, and the level outlives a full restart") {
  OlderRelease older;
  if (older.path().empty()) return skip_case("there is no older release for this processor");
  ClusterProcesses cluster(3);
  start_all_with(cluster, {engine_binary(), engine_binary(), engine_binary()});
  require_level(cluster, 2);  // a new cluster begins with all that its nodes know
  for (unsigned node : {0u, 1u, 2u}) cluster.stop(node);
  cluster.start_all();
  require_level(cluster, 2);

  cluster.stop(2);
  cluster.setup(2).binary = older.path();
  CHECK_THAT(refused_start(cluster.setup(2)), Contains("finalized at the feature level 2") && Contains("not older"));
  cluster.setup(2).binary = engine_binary();
  cluster.start(2);
  cluster.require_ready(2);
}

TEST_CASE("a cluster that is made with a node of the version before begins at its level") {
  OlderRelease older;
  if (older.path().empty()) return skip_case("there is no older release for this processor");
  ClusterProcesses cluster(3);
  start_all_with(cluster, {engine_binary(), older.path(), engine_binary()});
  restart_with(cluster, 1, engine_binary());
  require_level(cluster, 1);
}

TEST_CASE("while a node is away it is not safe to go on with the next one") {
  ClusterProcesses cluster(3);
  cluster.start_all();
  require_safe_to_go_on(cluster, "going back is impossible");
  cluster.stop(1);
  Ran check;
  CHECK(comes_true([&] {  // it may hear of it a little later
    check = run_cluster_command(cluster.server(0), {"upgrade-check", "--wait", "0"});
    return check.output.find("nodes 0 - 1 are not connected") != std::string::npos;
  }));
  CHECK(check.exit_code == 1);
  CHECK_THAT(check.output, Contains("not safe to go on"));
  require_not_finalized(cluster.server(0), "Not connected: engram-1");
}
