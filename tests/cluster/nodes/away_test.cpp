// One node is away: what the others do without it, and what they say where they cannot.

#include "storage/base/placement.h"
#include "tests/cluster/nodes/visitor.h"
#include "tests/support/run_program.h"

using namespace engram;
using namespace engram::test;
using Catch::Contains;

namespace {

/// A key of the default space, or the name of a space, that is at home on a node of three.
std::string key_on(const client::Client& client, unsigned node) {
  for (int i = 0;; ++i)
    if (std::string key = "v" + std::to_string(i); client.owner_of(key).value % 3 == node) return key;
}
std::string space_on(const client::Client& client, unsigned node) {
  for (int i = 0;; ++i)
    if (std::string name = "s" + std::to_string(i); home_of_space(name, client.server().partitions).value % 3 == node) return name;
}

/// The command line, at one node.
Ran run_engram(ClusterProcesses& cluster, unsigned node, std::vector<std::string> words) {
  words.insert(words.begin(), {engine_binary(), "--server", cluster.server(node)});
  return run_program(words);
}

/// Keys of the space that the client works on, of partitions that are on other nodes than `away`.
std::vector<std::string> keys_beside(const client::Client& client, unsigned nodes, unsigned away) {
  std::vector<std::string> keys;
  for (int i = 0; keys.size() < 20; ++i) {
    std::string key = "v" + std::to_string(i);
    if (client.owner_of(key).value % nodes != away) keys.push_back(std::move(key));
  }
  return keys;
}

}  // namespace

TEST_CASE("while any one node is away, new clients of the others open spread spaces, and read and write what is there") {
  ClusterProcesses cluster(3, {});  // with as many partitions as a cluster has by default
  cluster.start_all();
  REQUIRE(cluster.connect(cluster.server(0)).create_space("shared").committed());
  for (unsigned away = 0; away < 3; ++away) {
    cluster.engine(away).kill_now();
    for (unsigned node = 0; node < 3; ++node) {
      if (node == away) continue;
      auto client = cluster.connect(cluster.server(node));
      for (const char* space : {"default", "shared"}) {
        INFO("node " << away << " is away, the client is at node " << node << ", in the space " << space);
        REQUIRE(client.use_space(space).ok());
        for (const std::string& key : keys_beside(client, 3, away)) {
          INFO("key " << key << " in partition " << client.owner_of(key).value);
          CHECK(client.submit(client::Batch().put_vertex(key)).committed());
          CHECK(client.get(key).ok());
        }
      }
    }
    cluster.start(away);
    cluster.require_ready(away);
  }
}

TEST_CASE("what needs a node that is away says which node and partition, since when, and by its exit code that it is out of reach") {
  ClusterProcesses cluster(3);
  cluster.start_all();
  auto client = cluster.connect(cluster.server(0));
  std::string key = key_on(client, 2), space = space_on(client, 2);
  REQUIRE(client.submit(client::Batch().put_vertex(key)).committed());
  REQUIRE(client.create_space(space, client::Placement::together).committed());
  std::string partition = "Partition " + std::to_string(client.owner_of(key).value) + " is on the node engram-2";
  cluster.engine(2).kill_now();
  struct Call {
    std::vector<std::string> words;
    int exit_code;
    std::string names;
  };
  const std::vector<Call> calls = {
      {{"--timeout", "1s", "get", key}, 3, partition},
      {{"--timeout", "1s", "neighbors", key}, 3, partition},
      {{"--timeout", "1s", "expand", key}, 3, partition},
      {{"--timeout", "1s", "put", key}, 5, partition},
      {{"--timeout", "1s", "scan"}, 3, "is on the node engram-2"},
      {{"--timeout", "1s", "export", "-o", "-"}, 3, "is on the node engram-2"},
      {{"--timeout", "1s", "stats"}, 3, "is on the node engram-2"},
      {{"--space", space, "get", "ada"}, 3, "is on the node engram-2"},
      {{"space", "list"}, 3, "is on the node engram-2"}};
  for (const Call& call : calls) {
    Ran ran = run_engram(cluster, 0, call.words);
    INFO(call.words.back() << ": " << ran.output << ran.errors);
    CHECK(ran.exit_code == call.exit_code);
    CHECK_THAT(ran.errors, Contains(call.names) && Contains("has been away for "));
  }
}

TEST_CASE("an expansion that comes upon a node that is away answers in time with what it has") {
  ClusterProcesses cluster(3);
  cluster.start_all();
  auto client = cluster.connect(cluster.server(0));
  std::string here = key_on(client, 0), there = key_on(client, 2);
  client::EdgeOptions create{.create_missing = true};
  REQUIRE(client.submit(client::Batch().link(here, "KNOWS", there, create).link(there, "KNOWS", "far", create)).committed());
  cluster.engine(2).kill_now();
  client::ExpandQuery query{.seeds = {here}, .hops = {{}, {}}, .result = client::ResultKind::ids};
  auto found = client.expand(query, 1000);
  INFO(found.status().message());
  REQUIRE(found.ok());
  CHECK(found->exceeded == client::Limit::time);
  CHECK(found->ids.size() == 1);
  auto path = client.path(here, "far", {}, 1000);
  INFO(path.status().message());
  REQUIRE(path.ok());
  CHECK_FALSE(path->found);
  CHECK(path->exceeded == client::Limit::time);
}

TEST_CASE("the counts of spaces are those of all partitions, or an error that names what is missing") {
  ClusterProcesses cluster(3);
  cluster.start_all();
  auto client = cluster.connect(cluster.server(0));
  client::Batch batch;
  for (int i = 0; i < 60; ++i) batch.put_vertex("v" + std::to_string(i));
  REQUIRE(client.submit(batch).committed());
  auto vertices = [&] {
    auto spaces = client.list_spaces();
    REQUIRE(spaces.ok());
    return spaces->at(0).vertices;
  };
  CHECK(vertices() == 60);
  cluster.engine(1).kill_now();
  Status listed = client.list_spaces().status();
  CHECK(listed.code() == Code::unavailable);
  CHECK_THAT(listed.message(), Contains("engram-1"));
  cluster.start(1);
  cluster.require_ready(1);
  CHECK(vertices() == 60);
}

TEST_CASE("spaces that need no node but those that are there are administered while another one is away") {
  ClusterProcesses cluster(3);
  cluster.start_all();
  auto client = cluster.connect(cluster.server(1));
  std::string space = space_on(client, 2);
  REQUIRE(client.create_space(space, client::Placement::together).committed());
  cluster.engine(0).kill_now();
  CHECK(client.set_quota(space, {.vertices = 10}).committed());
  REQUIRE(client.use_space(space).ok());
  CHECK(client.declare_index({"Person", "age"}).committed());
  CHECK(client.drop_space(space).committed());
}
