// Who may be part of a cluster: volumes and processes that are not who they say are refused, with a message for the operator.

#include <algorithm>
#include <filesystem>

#include "tests/support/cluster_processes.h"
#include "tests/support/run_program.h"

using namespace engram;
using namespace engram::test;

namespace {

std::string& flag_of(EngineSetup& setup, const std::string& name) {
  return *std::next(std::find(setup.flags.begin(), setup.flags.end(), name));
}

void set_flag(EngineSetup& setup, const std::string& name, const std::string& value) { flag_of(setup, name) = value; }

bool says(const EngineProcess& engine, const std::string& text) { return engine.output().find(text) != std::string::npos; }

void put(ClusterProcesses& cluster, const std::string& key) {
  client::Batch batch;
  batch.put_vertex(key);
  REQUIRE(cluster.connect(cluster.server(0)).submit(batch).committed());
}

}  // namespace

void make_certificates(const std::string& directory) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"init", directory}, {"node", directory, "--nodes", "2"}}) {
    std::vector<std::string> command{engine_binary(), "certs"};
    command.insert(command.end(), words.begin(), words.end());
    Ran ran = run_program(command);
    INFO(ran.output << ran.errors);
    REQUIRE(ran.exit_code == 0);
  }
}

void use_certificate(EngineSetup& setup, const std::string& directory, const std::string& name) {
  setup.flags.insert(setup.flags.end(), {"--cluster-certificate", directory + "/" + name + ".pem", "--cluster-key",
                                         directory + "/" + name + ".key", "--cluster-ca", directory + "/ca.pem"});
}

TEST_CASE("nodes with certificates of one authority are a cluster; another node's certificate is refused") {
  TemporaryDirectory directory;
  std::string certificates = directory / "certs";
  make_certificates(certificates);
  ClusterProcesses cluster(2);
  EngineSetup plain = cluster.setup(1);
  for (unsigned node : {0u, 1u}) use_certificate(cluster.setup(node), certificates, node_name(node));
  cluster.start_all();
  put(cluster, "ada");
  auto there = cluster.connect(cluster.server(1)).get("ada");
  CHECK(there.ok());

  cluster.stop(1);
  EngineSetup other = plain;
  use_certificate(other, certificates, node_name(0));
  for (const EngineSetup& wrong : {plain, other}) {
    EngineProcess engine(wrong);
    bool ready = engine.wait_ready();  // of itself it may be ready: the other node may be away
    INFO(engine.output() << cluster.outputs());
    CHECK(comes_true([&] {  // its log may come a little behind what the other one sees
      return says(cluster.engine(0), "no peer let in") || says(cluster.engine(0), "peer cannot be reached");
    }));
    CHECK_THAT(engine.output(), !Catch::Contains("peer connected"));
    if (ready) CHECK(engine.terminate()->code == 0);
  }
  cluster.start(1);
  cluster.require_ready(1);
  put(cluster, "charles");
}

TEST_CASE("an empty volume is not taken for the one that the cluster knows") {
  ClusterProcesses cluster(3);
  cluster.start_all();
  put(cluster, "ada");
  cluster.stop(2);
  std::filesystem::remove_all(cluster.setup(2).data_dir);
  std::string refused = refused_start(cluster.setup(2));
  CHECK_THAT(refused, Catch::Contains("forget-volume"));
  CHECK(!std::filesystem::exists(cluster.setup(2).data_dir + "/NODE"));

  // The way out that the message names.
  for (unsigned node : {0u, 1u}) {
    auto client = cluster.connect(cluster.server(node));
    CHECK(client.forget_volume(2).ok());
    CHECK(client.forget_volume(7).code() == Code::invalid_argument);
  }
  cluster.start(2);
  cluster.require_ready(2);
  put(cluster, "charles");
}

TEST_CASE("a lost volume of node 0 does not become a new cluster beside the old one") {
  ClusterProcesses cluster(3);
  cluster.start_all();
  cluster.stop(0);
  std::filesystem::remove_all(cluster.setup(0).data_dir);
  std::string refused = refused_start(cluster.setup(0));
  CHECK_THAT(refused, Catch::Contains("volume"));
  CHECK(!std::filesystem::exists(cluster.setup(0).data_dir + "/NODE"));
}

namespace {

/// Loses the volume of a node, and does what docs/operations.md says.
void lose_volume(ClusterProcesses& cluster, unsigned lost) {
  cluster.stop(lost);
  std::filesystem::remove_all(cluster.setup(lost).data_dir);
  for (unsigned node = 0; node < cluster.nodes(); ++node)
    if (node != lost) CHECK(cluster.connect(cluster.server(node)).forget_volume(lost).ok());
  cluster.start(lost);
  cluster.require_ready(lost);
}

client::Batch people() {
  client::Batch batch;
  for (int i = 0; i < 20; ++i)
    batch.put_vertex("p" + std::to_string(i), {.labels = {"Person"}, .properties = {{"age", std::int64_t{i}}}});
  return batch;
}

void make_space(ClusterProcesses& cluster, const std::string& name) {
  auto client = cluster.connect(cluster.server(0));
  client::Quota quota;
  quota.vertices = 1000;
  if (name != "default") REQUIRE(client.create_space(name, client::Placement::spread, quota).committed());
  REQUIRE(client.use_space(name).ok());
  REQUIRE(client.declare_index({"Person", "age"}).committed());
  REQUIRE(client.submit(people()).committed());
}

/// What was on the lost volume can be put again, and is found.
void check_space(client::Client& client, const std::string& name) {
  INFO(name);
  Status used = client.use_space(name);
  INFO(used.message());
  REQUIRE(used.ok());
  auto outcome = client.submit(people());
  INFO(outcome.status.message());
  REQUIRE(outcome.committed());
  auto statistics = client.statistics();
  INFO(statistics.status().message());
  REQUIRE(statistics.ok());
  CHECK(statistics->space.vertices == 20);
  CHECK(statistics->space.quota.vertices == (name == "default" ? 0 : 1000));
  CHECK(statistics->indexes.size() == 1);
  client::LookupQuery query;
  query.index = {"Person", "age"};
  query.min = client::Value(std::int64_t{0});
  auto found = client.lookup(query);
  INFO(found.status().message());
  REQUIRE(found.ok());
  CHECK(found->vertices.size() == 20);
}

}  // namespace

TEST_CASE("behind the loss of any volume the cluster has the same spaces, quotas and indexes, and goes on with them") {
  unsigned lost = GENERATE(0u, 1u, 2u);
  ClusterProcesses cluster(3);
  cluster.start_all();
  // Homes on every node: among these there are some on the lost one.
  std::vector<std::string> spaces{"default"};
  for (int i = 0; i < 8; ++i) spaces.push_back("space-" + std::to_string(i));
  for (const std::string& space : spaces) make_space(cluster, space);
  lose_volume(cluster, lost);
  for (unsigned node : {lost, (lost + 1) % 3}) {
    auto client = cluster.connect(cluster.server(node));
    for (const std::string& space : spaces) check_space(client, space);
  }
  auto client = cluster.connect(cluster.server(lost));
  CHECK(client.create_space("space-0").status.code() == Code::space_exists);
  CHECK(client.drop_space("space-0").committed());
  CHECK(client.create_space("space-0").committed());

  // It knows them of itself from now on.
  cluster.stop(lost);
  cluster.start(lost);
  cluster.require_ready(lost);
  auto again = cluster.connect(cluster.server(lost));
  check_space(again, "space-1");
}

TEST_CASE("two volumes are lost: the third node tells both new ones of the spaces") {
  ClusterProcesses cluster(3);
  cluster.start_all();
  make_space(cluster, "kept");
  for (unsigned lost : {0u, 2u}) cluster.stop(lost);
  for (unsigned lost : {0u, 2u}) {
    std::filesystem::remove_all(cluster.setup(lost).data_dir);
    CHECK(cluster.connect(cluster.server(1)).forget_volume(lost).ok());
  }
  for (unsigned lost : {0u, 2u}) cluster.start(lost);
  for (unsigned lost : {0u, 2u}) cluster.require_ready(lost);
  for (unsigned node = 0; node < 3; ++node) {
    auto client = cluster.connect(cluster.server(node));
    check_space(client, "kept");
  }
}

TEST_CASE("a node with another number of nodes or partitions, or of another cluster, is refused") {
  ClusterProcesses cluster(2);
  cluster.start_all();
  cluster.stop(1);
  EngineSetup finer = cluster.setup(1);
  set_flag(finer, "--cluster-partitions", "8");
  CHECK_THAT(refused_start(finer), Catch::Contains("was made with partitions 6"));

  EngineSetup more = cluster.setup(1);
  set_flag(more, "--cluster-nodes", "3");
  set_flag(more, "--cluster-peers", flag_of(more, "--cluster-peers") + "," + loopback_address(2) + ":9472");
  CHECK_THAT(refused_start(more), Catch::Contains("was made with nodes 2"));

  // A volume of a cluster that was made at other addresses.
  ClusterProcesses other(2);
  for (unsigned node : {0u, 1u}) {
    set_flag(other.setup(node), "--cluster-address", loopback_address(50 + node) + ":9472");
    set_flag(other.setup(node), "--cluster-peers", loopback_address(50) + ":9472," + loopback_address(51) + ":9472");
  }
  other.start_all();
  other.stop(1);
  EngineSetup foreign = cluster.setup(1);
  foreign.data_dir = other.setup(1).data_dir;
  CHECK_THAT(refused_start(foreign), Catch::Contains("cluster"));
}

TEST_CASE("of two processes with copies of one volume the newer is let in, and the older one ends") {
  ClusterProcesses cluster(2);
  cluster.start_all();
  cluster.stop(1);
  EngineSetup copy = cluster.setup(1);
  copy.data_dir += "-copy";
  copy.socket += "-copy";
  copy.output += "-copy";
  std::filesystem::copy(cluster.setup(1).data_dir, copy.data_dir, std::filesystem::copy_options::recursive);
  cluster.start(1);
  cluster.require_ready(1);
  // Twice more than the original: once where nobody hears of it.
  EngineSetup alone = copy;
  set_flag(alone, "--cluster-address", loopback_address(101) + ":9472");
  set_flag(alone, "--cluster-peers", loopback_address(100) + ":9472," + loopback_address(101) + ":9472");
  {
    EngineProcess first(alone);
    require_ready(first);
    CHECK(first.terminate()->code == 0);
  }
  set_flag(copy, "--cluster-address", loopback_address(101) + ":9472");
  EngineProcess newer(copy);
  bool ready = newer.wait_ready();
  INFO(newer.output() << cluster.outputs());
  REQUIRE(ready);
  auto ended = cluster.engine(1).wait_end(longest_wait_ms);
  REQUIRE(ended);
  CHECK(ended->code == 70);
  CHECK(newer.running());
}
