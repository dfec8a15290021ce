// Deletions of vertices with edges into other partitions, each of which is a transaction of its own.

#include "tests/actors/partition/partition_script.h"
#include "tests/support/core_cluster.h"
#include "tests/support/temporary_directory.h"

using namespace engram;
using namespace engram::test;
using Catch::Contains;

namespace {

const std::uint32_t partitions = SimulationOptions().partitions;

/// A key of its own in that partition.
std::string key_in(std::uint16_t partition, const std::string& prefix) {
  for (int i = 0;; ++i)
    if (std::string key = prefix + std::to_string(i);
        owner_of_key(default_space(partitions), key, partitions) == PartitionId{partition})
      return key;
}

ModelOperation put(const std::string& key) {
  ModelOperation operation;
  operation.key = key;
  return operation;
}
ModelOperation remove(const std::string& key) {
  ModelOperation operation = put(key);
  operation.kind = ModelOperation::Kind::delete_vertex;
  return operation;
}
ModelOperation link(const std::string& source, const std::string& target) {
  ModelOperation operation;
  operation.kind = ModelOperation::Kind::put_edge;
  operation.edge = {source, "T", target};
  return operation;
}
ModelCondition version_is(const std::string& key, std::uint64_t version) {
  ModelCondition condition;
  condition.kind = ModelCondition::Kind::version_equals;
  condition.key = key;
  condition.version = version;
  return condition;
}

/// A vertex with edges from and to both other partitions, and one beside it.
struct Linked {
  explicit Linked(const SimulationOptions& options = {}) : node(options, 1), session(1, partitions) {
    ModelBatch vertices, edges;
    for (const std::string& key : {hub, beside, far, further}) vertices.operations.push_back(put(key));
    edges.operations = {link(hub, far), link(further, hub), link(hub, beside)};
    REQUIRE(run(node, session.batch(vertices)).status.ok());
    REQUIRE(run(node, session.batch(edges)).status.ok());
    node.settle();
  }
  std::uint64_t version_of(const std::string& key) {
    PartitionCore& core = node.core(owner_of_key(default_space(partitions), key, partitions));
    LocalId id;
    REQUIRE(core.graph().find_key(SpaceId{0}, key, id) == Presence::present);
    return parse_head(core.graph().vertex(id)->head.bytes())->version;
  }
  ReferenceGraph graph() {
    node.settle();
    return GraphReader(node, SpaceId{0}).read();
  }

  std::string hub = key_in(0, "hub"), beside = key_in(0, "beside"), far = key_in(1, "far"), further = key_in(2, "further");
  SimulatedCluster node;
  Session session;
};

}  // namespace

TEST_CASE("a vertex with edges elsewhere is deleted if its version is the expected one") {
  Linked on;
  std::uint64_t version = on.version_of(on.hub);
  Outcome late = run(on.node, on.session.batch({{remove(on.hub)}, {version_is(on.hub, version + 1)}}));
  CHECK(late.status.code() == Code::precondition_failed);
  CHECK(late.status.field() == "preconditions[0]");
  CHECK(on.graph().edges.size() == 3);

  Submission submission = on.session.batch(
      {{remove(on.hub)}, {version_is(on.beside, on.version_of(on.beside)), version_is(on.hub, version)}});
  Outcome deleted = run(on.node, submission);
  CHECK(deleted.status.message() == "");
  CHECK(deleted.deleted == 4);
  CHECK(run(on.node, submission).duplicate);
  CHECK(on.graph().edges.empty());
  CHECK(on.graph().vertices.size() == 3);
}

TEST_CASE("what the preconditions of a deletion found stays so until the vertex is gone") {
  Linked on;
  std::uint64_t version = on.version_of(on.beside);
  auto deletion = std::make_shared<Answered>();
  Submission submission = on.session.batch({{remove(on.hub)}, {version_is(on.beside, version)}});
  on.node.submit(0, submission.to, submission.command, deletion, 60'000);
  while (on.node.core({0}).pending_deletes().empty()) REQUIRE(on.node.step());
  Submission change = on.session.batch({{put(on.beside)}, {}});
  auto changed = std::make_shared<Answered>();
  on.node.submit(1, change.to, change.command, changed, 60'000);
  while (!changed->frame) {
    if (!on.node.core({0}).pending_deletes().empty()) REQUIRE(on.version_of(on.beside) == version);
    if (!on.node.step()) on.node.tick(100);
  }
  CHECK(changed->outcome().status.ok());
  REQUIRE(deletion->frame);
  CHECK(deletion->outcome().status.ok());
}

TEST_CASE("a deletion that cannot be one step says what it has to be") {
  Linked on;
  Outcome among_others = run(on.node, on.session.batch({{remove(on.hub), put(on.beside)}, {}}));
  CHECK(among_others.status.code() == Code::invalid_argument);
  CHECK_THAT(among_others.status.message(), Contains("with a command of its own"));
  Outcome conditions_elsewhere =
      run(on.node, on.session.batch({{remove(on.hub)}, {version_is(on.far, on.version_of(on.far))}}));
  CHECK(conditions_elsewhere.status.code() == Code::invalid_argument);
  CHECK(conditions_elsewhere.status.field() == "operations[0].deleteVertex.key");
  CHECK_THAT(conditions_elsewhere.status.message(),
             Contains("preconditions may only be about what its own partition holds"));
  CHECK(on.graph().edges.size() == 3);
}

namespace {

/// Gives a vertex of partition 0 so many edges into another one, at its own end only.
void add_edges(PartitionCore& core, const std::string& key, std::uint16_t to, std::uint64_t count) {
  Graph& graph = core.graph();
  LocalId id;
  REQUIRE(graph.find_key(SpaceId{0}, key, id) == Presence::present);
  EdgeEntry entry;
  entry.slot.type = graph.dictionary().intern(std::string(256, 't'));
  for (std::uint64_t i = 0; i < count; ++i) {
    entry.slot.neighbour = VertexId::of({to}, {i});
    graph.put_edge(id, Side::out, *graph.spaces().find(SpaceId{0}), entry, std::nullopt);
  }
}

}  // namespace

TEST_CASE("what a deletion unlinks may be as large as a record of the log in each other partition") {
  constexpr std::uint64_t record_edges = (std::uint64_t{48} << 20) / (56 + 256);
  CoreCluster cluster(partitions);
  std::string key = key_in(0, "hub");
  cluster.batch([&](schema::Batch::Builder batch) { batch.initOperations(1)[0].initPutVertex().setKey(key.c_str()); });
  auto begin_deletion = [&] {
    return cluster.apply({0}, [&](schema::Command::Builder command) {
      command.initBatch().initOperations(1)[0].initDeleteVertex().setKey(key.c_str());
    }).at(0);
  };
  SECTION("each fits") {
    add_edges(cluster.core({0}), key, 1, record_edges);
    add_edges(cluster.core({0}), key, 2, record_edges);
    CHECK((begin_deletion().kind == Effect::Kind::delete_edges));
  }
  SECTION("one does not") {
    add_edges(cluster.core({0}), key, 1, record_edges + 1);
    Effect refused = begin_deletion();
    CHECK((refused.kind == Effect::Kind::reply));
    CHECK(refused.outcome.status.code() == Code::too_large);
  }
}

TEST_CASE("a node that stops logs nothing for what it refuses, and the others try again with pauses") {
  TemporaryDirectory directory;
  SimulationOptions options;
  options.nodes = 3;
  options.warm_directory = directory / "warm";
  std::filesystem::create_directory(options.warm_directory);
  Linked linked(options);
  SimulatedCluster& node = linked.node;
  node.begin_stop(1);
  node.settle();
  const std::size_t there = node.log_records({1}), here = node.log_records({0});

  Session other(2, partitions);
  ModelBatch deletion, edge;
  deletion.operations = {remove(linked.hub)};
  edge.operations = {link(linked.beside, linked.far)};
  auto deleted = std::make_shared<Answered>(), put_there = std::make_shared<Answered>();
  Submission first = linked.session.batch(deletion), second = other.batch(edge);
  node.submit(0, first.to, first.command, deleted, 60'000);
  node.submit(1, second.to, second.command, put_there, 60'000);
  for (int ms = 0; ms < 1'500; ms += 10) {
    node.tick(10);
    while (node.step()) {}
  }
  CHECK(node.log_records({1}) == there);
  CHECK(node.log_records({0}) > here);       // it is tried
  CHECK(node.log_records({0}) < here + 60);  // and not every millisecond
  CHECK_FALSE(deleted->frame);
  CHECK_FALSE(put_there->frame);

  node.crash_node(1);
  node.restart_node(1);
  node.settle();
  REQUIRE(deleted->frame);
  REQUIRE(put_there->frame);
  CHECK(deleted->outcome().status.ok());
  CHECK(put_there->outcome().status.ok());
  ReferenceGraph graph = linked.graph();
  CHECK_FALSE(graph.vertices.contains(linked.hub));
}
