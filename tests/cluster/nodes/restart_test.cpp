// Nodes that are restarted one after the other, or are away for a while: a client sees a pause, and no error.

#include "tests/cluster/nodes/visitor.h"
#include "tests/support/run_program.h"

using namespace engram;
using namespace engram::test;

TEST_CASE("nodes restarted from the highest ordinal to the lowest, under load: no error, nothing lost, nothing twice") {
  ClusterProcesses cluster(3);
  cluster.start_all();
  auto visitors = send_visitors(cluster, 4);
  let_visit(visitors, 20);
  for (unsigned node : {2u, 1u, 0u}) {
    cluster.stop(node);
    cluster.start(node);
    cluster.require_ready(node);
    let_visit(visitors, 10);
  }
  for (auto& visitor : visitors) visitor->stop();
  require_all_there(cluster, visitors);
  std::int64_t longest_ms = 0;
  for (const auto& visitor : visitors) longest_ms = std::max(longest_ms, visitor->longest_pause_ms());
  WARN("longest pause of a client: " << longest_ms << " ms");
}

TEST_CASE("while a node is away the others are ready, and what needs it waits for it") {
  ClusterProcesses cluster(3);
  cluster.start_all();
  cluster.engine(1).kill_now();
  auto visitors = send_visitors(cluster, 2);
  // Another one starts while it is away: its readiness is its own.
  cluster.stop(2);
  cluster.start(2);
  cluster.require_ready(2);
  cluster.start(1);
  cluster.require_ready(1);
  let_visit(visitors, 20);
  for (auto& visitor : visitors) visitor->stop();
  require_all_there(cluster, visitors);
}

TEST_CASE("stopped nodes become ready by themselves in every order of their starts, with nobody there") {
  ClusterProcesses cluster(3);
  cluster.start_all();
  auto visitors = send_visitors(cluster, 2);
  pause_ms(500);
  for (auto& visitor : visitors) visitor->stop();
  std::vector<unsigned> order{0, 1, 2};
  do {
    for (unsigned node : order) cluster.stop(node);
    for (unsigned node : order) cluster.start(node);
    for (unsigned node : order) cluster.require_ready(node);
  } while (std::next_permutation(order.begin(), order.end()));
  require_all_there(cluster, visitors);
}

TEST_CASE("a node that waits for the others to make a cluster with them lives, and is not ready") {
  ClusterProcesses cluster(3);
  const std::string port = loopback_address(0) + ":9471";
  cluster.setup(0).operations = port;
  auto probe = [&](const std::string& path) {
    return run_program({"curl", "--noproxy", "*", "--silent", "--output", "/dev/null", "--write-out", "%{http_code}", "http://" + port + path}).output;
  };
  cluster.start(0);
  CHECK(comes_true([&] { return probe("/livez") == "200"; }, 50));
  CHECK(probe("/startupz") == "503");
  CHECK(probe("/readyz") == "503");
  CHECK(probe("/status") == "200");
  cluster.start(1);
  cluster.start(2);
  for (unsigned node = 0; node < 3; ++node) cluster.require_ready(node);
  CHECK(comes_true([&] { return probe("/readyz") == "200"; }, 50));
}

TEST_CASE("all nodes killed at once become ready by themselves, in whatever order they start") {
  ClusterProcesses cluster(3);
  cluster.start_all();
  auto visitors = send_visitors(cluster, 1);
  let_visit(visitors, 20);
  for (unsigned node = 0; node < 3; ++node) cluster.engine(node).kill_now();
  for (unsigned node : {1u, 2u, 0u}) cluster.start(node);
  for (unsigned node = 0; node < 3; ++node) cluster.require_ready(node);
  let_visit(visitors, 20);
  visitors[0]->stop();
  require_all_there(cluster, visitors);
}
