// What one node shows of the whole cluster, and what all nodes' logs say of one call.

#include <nlohmann/json.hpp>

#include <algorithm>
#include <functional>
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

/// What a node shows of each node, itself included.
using Holds = std::function<bool(nlohmann::json& node)>;

bool is_ready(nlohmann::json& node) { return node.value("phase", "") == "ready"; }

/// Ready, and it has told of all that was written when it was quiet again.
bool is_ready_and_quiet(nlohmann::json& node) {
  if (!is_ready(node) || node.value("in_doubt", 1) != 0) return false;
  return std::all_of(node["partitions"].begin(), node["partitions"].end(),
                     [](auto& partition) { return partition.value("applied_lsn", std::uint64_t{0}) > 0; });
}

/// As `node` shows it, once this holds of all, or after minutes.
nlohmann::json told_cluster(ClusterProcesses& cluster, unsigned node, const Holds& holds = is_ready) {
  auto client = cluster.connect(cluster.server(node));
  nlohmann::json view;
  (void)comes_true([&] {
    view = cluster_of(client);
    return std::all_of(view["nodes"].begin(), view["nodes"].end(), holds);
  }, 50);
  return view;
}

std::set<std::string> values_of(const std::string& log, const std::string& event, const std::string& key) {
  std::set<std::string> values;
  std::istringstream lines(log.substr(0, log.rfind('\n') + 1));  // whole ones
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
  for (unsigned asked = 0; asked < 3; ++asked) {
    nlohmann::json view = told_cluster(cluster, asked, is_ready_and_quiet);
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
  auto client = cluster.connect(cluster.server(0));
  nlohmann::json gone;
  CHECK(comes_true([&] { return (gone = cluster_of(client)["nodes"][2])["connected"] == false; }));
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
  Ran metrics = run_program({"curl", "--noproxy", "*", "--silent", "--show-error", "http://" + loopback_address(0) + ":9471/metrics"});
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
  auto of_call = [&](const char* operation) {
    return values_of(cluster.engine(0).output(), std::string("operation=") + operation, "request");
  };
  auto is_part_at = [&](unsigned node, const std::string& number) {
    return values_of(cluster.engine(node).output(), "part of a call", "request").contains(number);
  };
  for (const char* operation : {"submit", "expand"}) {  // log lines come a little behind the answer
    REQUIRE(comes_true([&] { return !of_call(operation).empty(); }));
    REQUIRE(of_call(operation).size() == 1);
    std::string number = *of_call(operation).begin();
    CHECK(number.size() == 16);
    bool elsewhere = comes_true([&] { return is_part_at(1, number) || is_part_at(2, number); });
    INFO(operation << " " << number << "\n" << cluster.outputs());
    CHECK(elsewhere);
  }
}
