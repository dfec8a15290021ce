// What one node shows of the whole cluster, and what all nodes' logs say of one call.

#include <nlohmann/json.hpp>

#include <set>

#include "tests/cluster/nodes/visitor.h"
#include "tests/support/run_program.h"

using namespace engram;
using namespace engram::test;
using Catch::Contains;

namespace {

nlohmann::json cluster_of(client::Client& client) {
  auto text = client.engine_statistics();
  REQUIRE(text.ok());
  return nlohmann::json::parse(*text)["cluster"];
}

/// As `node` shows it, once it has heard of all, or after ten seconds.
nlohmann::json told_cluster(ClusterProcesses& cluster, unsigned node) {
  auto client = cluster.connect(cluster.server(node));
  nlohmann::json view;
  for (int i = 0; i < 100; ++i) {
    view = cluster_of(client);
    bool all = true;
    for (auto& one : view["nodes"]) all = all && one.value("phase", "") == "ready";
    if (all) break;
    pause_ms(100);
  }
  return view;
}

std::set<std::string> values_of(const std::string& log, const std::string& event, const std::string& key) {
  std::set<std::string> values;
  std::istringstream lines(log);
  for (std::string line; std::getline(lines, line);) {
    if (line.find(event) == std::string::npos) continue;
    auto at = line.find(" " + key + "=");
    if (at != std::string::npos) values.insert(line.substr(at + key.size() + 2, line.find(' ', at + 1) - at - key.size() - 2));
  }
  return values;
}

}  // namespace

TEST_CASE("every node shows all nodes with versions, partitions, epochs, log positions, queues, hit rates and doubts") {
  ClusterProcesses cluster(3);
  cluster.start_all();
  auto client = cluster.connect(cluster.servers());
  client::Batch batch;
  for (int i = 0; i < 60; ++i) batch.put_vertex("v" + std::to_string(i), {});
  REQUIRE(client.submit(batch).committed());
  pause_ms(1500);
  for (unsigned asked = 0; asked < 3; ++asked) {
    nlohmann::json view = told_cluster(cluster, asked);
    INFO(view.dump(1));
    REQUIRE(view["nodes"].size() == 3);
    std::set<int> partitions;
    for (unsigned node = 0; node < 3; ++node) {
      auto& one = view["nodes"][node];
      CHECK(one["ordinal"] == node);
      CHECK(one["self"] == (node == asked));
      CHECK(one["connected"] == true);
      CHECK(one["phase"] == "ready");
      CHECK(one["version"] == client.server().version);
      CHECK(one["log_position"].get<std::uint64_t>() > 0);
      CHECK(one.contains("queue"));
      CHECK(one["hit_rate"].get<double>() <= 1.0);
      CHECK(one["in_doubt"] == 0);
      CHECK(one["client_address"] == cluster.server(node));
      for (auto& partition : one["partitions"]) {
        CHECK(partition["epoch"] == 1);
        CHECK(partition["applied_lsn"].get<std::uint64_t>() > 0);
        partitions.insert(partition["partition"].get<int>());
      }
    }
    CHECK(partitions == std::set<int>{0, 1, 2, 3, 4, 5});
  }
}

TEST_CASE("a node that is away is shown as that, with what it told last") {
  ClusterProcesses cluster(3);
  cluster.start_all();
  (void)told_cluster(cluster, 0);
  cluster.engine(2).kill_now();
  pause_ms(300);
  auto client = cluster.connect(cluster.server(0));
  nlohmann::json gone = cluster_of(client)["nodes"][2];
  CHECK(gone["connected"] == false);
  CHECK(gone["partitions"].size() == 2);
  Ran status = run_program({engine_binary(), "--server", cluster.server(0), "cluster", "status"});
  CHECK(status.exit_code == 3);
  CHECK_THAT(status.output, Contains("away"));
}

TEST_CASE("the metrics of a node tell of all nodes") {
  ClusterProcesses cluster(2);
  cluster.setup(0).operations = loopback_address(0) + ":9471";
  cluster.start_all();
  (void)told_cluster(cluster, 0);
  Ran metrics = run_program({"curl", "--silent", "--show-error", "http://" + loopback_address(0) + ":9471/metrics"});
  INFO(metrics.errors);
  CHECK_THAT(metrics.output, Contains("engram_cluster_node_ready{node=\"0\"} 1") &&
                                 Contains("engram_cluster_node_ready{node=\"1\"} 1") &&
                                 Contains("engram_cluster_node_in_doubt{node=\"1\"} 0") &&
                                 Contains("engram_cluster_partition_epoch{node=\"1\",partition=\"1\"} 1") &&
                                 Contains("engram_peer_kept_bytes{node=\"1\"}"));
}

TEST_CASE("a call has one number in the log lines of every node that it touches") {
  ClusterProcesses cluster(3, {"--cluster-partitions", "6", "--logging-level", "debug"});
  cluster.start_all();
  auto client = cluster.connect(cluster.server(0));
  client::Batch batch;
  for (int i = 0; i < 30; ++i) batch.put_vertex("v" + std::to_string(i), {});
  batch.link("v0", "T", "v1").link("v1", "T", "v2").link("v2", "T", "v3").link("v3", "T", "v4");
  REQUIRE(client.submit(batch).committed());
  client::ExpandQuery query;
  query.seeds = {"v0"};
  query.hops.resize(4);
  REQUIRE(client.expand(query).ok());
  pause_ms(300);
  auto of_call = [&](const char* operation) {
    return values_of(cluster.engine(0).output(), std::string("operation=") + operation, "request");
  };
  for (const char* operation : {"submit", "expand"}) {
    REQUIRE(of_call(operation).size() == 1);
    std::string number = *of_call(operation).begin();
    INFO(operation << " " << number << "\n" << cluster.outputs());
    CHECK(number.size() == 16);
    bool elsewhere = values_of(cluster.engine(1).output(), "part of a call", "request").contains(number) ||
                     values_of(cluster.engine(2).output(), "part of a call", "request").contains(number);
    CHECK(elsewhere);
  }
}
