// A transaction over two nodes whose messages are lost with a connection or a node goes on as soon as these are back: no
// time has to pass.

#include "tests/actors/partition/partition_script.h"

using namespace engram;
using namespace engram::test;

namespace {

constexpr std::int64_t patience_ms = 10'000;

SimulationOptions two_nodes() {
  SimulationOptions options;
  options.partitions = 2;
  options.nodes = 2;
  return options;
}

/// An edge between a vertex of either partition, with both of them.
Submission link_over_nodes(Session& session) {
  ModelBatch batch;
  ModelOperation put;
  put.kind = ModelOperation::Kind::put_edge;
  put.create_missing = true;
  auto owner = owner_in_default(2);
  for (int i = 0; put.edge.source.empty() || put.edge.target.empty(); ++i) {
    std::string key = "v" + std::to_string(i);
    (owner(key) == PartitionId{0} ? put.edge.source : put.edge.target) = key;
  }
  put.edge.type = "knows";
  batch.operations.push_back(put);
  return session.batch(batch);
}

void take_steps(SimulatedCluster& cluster, std::uint64_t steps) {
  for (; steps > 0 && cluster.step(); --steps) {}
}

/// So many steps after it was submitted.
struct LinkUnderWay {
  LinkUnderWay(std::uint64_t seed, std::uint64_t steps) : cluster(two_nodes(), seed) {
    cluster.recover();
    cluster.submit(0, link.to, link.command, port, patience_ms);
    take_steps(cluster, steps);
  }
  SimulatedCluster cluster;
  Session session{1, 2};
  Submission link = link_over_nodes(session);
  std::shared_ptr<Answered> port = std::make_shared<Answered>();
};

void check_nothing_is_left(SimulatedCluster& cluster) {
  while (cluster.step()) {}  // the clock stands still
  for (PartitionCore* core : cores_of(cluster)) CHECK(!core->undecided());
}

}  // namespace

TEST_CASE("what was lost with a connection is said again on the next one") {
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    INFO("seed " << seed);
    LinkUnderWay one(seed, seed % 25);
    one.cluster.cut(0, 1);
    check_nothing_is_left(one.cluster);
    REQUIRE(one.port->frame);
    CHECK(one.port->outcome().created == 3);
  }
}

TEST_CASE("a participant that was restarted is asked once more, and its coordinator's end is heard of at once") {
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    INFO("seed " << seed);
    LinkUnderWay one(seed, seed / 2 % 25);
    bool coordinator = seed % 2 == 0;
    std::uint32_t node = coordinator ? one.link.to.value : 1 - one.link.to.value;
    one.cluster.crash_node(node);
    one.cluster.restart_node(node);
    check_nothing_is_left(one.cluster);
    if (!coordinator) REQUIRE(one.port->frame);
    if (!coordinator) CHECK(one.port->outcome().created == 3);
  }
}

TEST_CASE("what is asked for again while the log still has the first asking is not logged twice") {
  SimulatedCluster cluster(two_nodes(), 1);
  cluster.recover();
  Session session(1, 2);
  auto port = std::make_shared<Answered>();
  Submission link = link_over_nodes(session);
  PartitionId participant{static_cast<std::uint16_t>(1 - link.to.value)};
  std::size_t before = cluster.log_records(participant);
  cluster.hold_log(participant.value);
  cluster.submit(0, link.to, link.command, port, patience_ms);
  for (int again = 0; again < 5; ++again) {
    while (cluster.step()) {}
    cluster.cut(0, 1);
  }
  while (cluster.step()) {}
  cluster.release_log(participant.value);
  check_nothing_is_left(cluster);
  REQUIRE(port->frame);
  CHECK(port->outcome().created == 3);
  CHECK(cluster.log_records(participant) - before == 2);  // it was prepared and decided
}

TEST_CASE("what waits for a node that is away is bounded in memory: more is refused before anything is logged") {
  SimulatedCluster cluster(two_nodes(), 1);
  cluster.recover();
  Session session(1, 2);
  PartitionId home = link_over_nodes(session).to;
  cluster.crash_node(1 - home.value);
  constexpr std::size_t text_bytes = std::size_t{1} << 19, limit_bytes = PartitionLimits().max_pending_bytes;
  const std::string text(text_bytes, 'x');
  std::vector<std::shared_ptr<Answered>> ports;
  for (std::size_t i = 0; i < limit_bytes / text_bytes + 10; ++i) {
    Submission large = session.command(default_space(2), [&](schema::Command::Builder command) {
      auto operations = command.initBatch().initOperations(2);
      for (unsigned end : {0u, 1u}) {  // one vertex on each node, so that it is a transaction
        auto put = operations[end].initPutVertex();
        std::string key;
        for (int n = 0; key.empty() || owner_in_default(2)(key).value != end; ++n) key = std::to_string(i) + "-" + std::to_string(n);
        put.setKey(key.c_str());
        auto property = put.initProperties(1)[0];
        property.setName("text");
        property.getValue().setText(text.c_str());
      }
    });
    if (large.to != home) continue;
    ports.push_back(std::make_shared<Answered>());
    cluster.submit(0, large.to, large.command, ports.back(), 600'000);
  }
  while (cluster.step()) {}
  std::size_t waiting = 0;
  for (const auto& port : ports) {
    if (!port->frame) ++waiting;
    if (port->frame) CHECK(port->outcome().status.code() == Code::overloaded);
  }
  CHECK(waiting <= limit_bytes / (2 * text_bytes) + 1);
  CHECK(waiting < ports.size());
  cluster.restart_node(1 - home.value);
  check_nothing_is_left(cluster);
  for (const auto& port : ports) CHECK(port->frame);
}
