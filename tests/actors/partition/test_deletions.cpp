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
  explicit Linked(const SimulationOptions& options = {}, std::uint64_t seed = 1) : node(options, seed), session(1, partitions) {
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

TEST_CASE("vertices with edges elsewhere are deleted among other steps, if what is expected elsewhere holds") {
  Linked on;
  std::uint64_t version = on.version_of(on.far);
  ModelBatch batch{{link(on.beside, on.further), remove(on.hub), put(on.beside), remove(on.further)},
                   {version_is(on.far, version + 1)}};
  Outcome late = run(on.node, on.session.batch(batch));
  CHECK(late.status.code() == Code::precondition_failed);
  CHECK(late.status.field() == "preconditions[0]");
  CHECK(on.graph().edges.size() == 3);

  batch.conditions[0].version = version;
  Submission submission = on.session.batch(batch);
  Outcome deleted = run(on.node, submission);
  CHECK(deleted.status.message() == "");
  CHECK(deleted.created == 1);
  CHECK(deleted.updated == 1);
  CHECK(deleted.deleted == 6);  // two vertices, three edges that were there, and the one of this batch
  CHECK(run(on.node, submission).duplicate);
  ReferenceGraph graph = on.graph();
  CHECK(graph.edges.empty());
  CHECK(graph.vertices.size() == 2);
}

TEST_CASE("who hears that a batch has deleted a vertex finds its edges gone in every partition") {
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    Linked on({}, seed);
    Outcome deleted = run(on.node, on.session.batch({{remove(on.hub), put(on.beside)}, {}}));
    REQUIRE(deleted.status.message() == "");
    for (const auto& [key, partition] : {std::pair(on.far, PartitionId{1}), std::pair(on.further, PartitionId{2})}) {
      Frame answer = run_read(on.node, partition, [&, wanted = key](schema::Request::Builder request) {
        request.initDegree().initVertex().setKey(wanted);
      });
      CHECK(answer.read<schema::Answer>().getDegree().getOut() + answer.read<schema::Answer>().getDegree().getIn() == 0);
    }
  }
}

TEST_CASE("a vertex that gets edges all the time is deleted in a batch between them, with those that were there") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    INFO("seed " << seed);
    SimulationOptions options;
    SimulatedCluster node(options, seed);
    Session session(1, partitions);
    std::string hub = key_in(0, "hub"), other = key_in(static_cast<std::uint16_t>(seed % 3), "other");
    std::vector<std::string> friends;
    ModelBatch vertices{{put(hub), put(other)}, {}};
    for (std::uint16_t i = 0; i < 24; ++i)
      vertices.operations.push_back(put(friends.emplace_back(key_in(i % 3, "friend" + std::to_string(i) + "-"))));
    REQUIRE(run(node, session.batch(vertices)).status.ok());
    std::vector<std::shared_ptr<Answered>> linked;
    auto deleted = std::make_shared<Answered>();
    for (std::size_t i = 0; i < friends.size(); ++i) {
      Session own(10 + i, partitions);
      Submission edge = own.batch({{link(friends[i], hub)}, {}});
      node.submit(static_cast<unsigned>(i), edge.to, edge.command, linked.emplace_back(std::make_shared<Answered>()), 60'000);
      if (i != friends.size() / 2) continue;
      Submission deletion = session.batch({{put(other), remove(hub)}, {}});
      node.submit(99, deletion.to, deletion.command, deleted, 60'000);
    }
    node.settle();
    REQUIRE(deleted->frame);
    CHECK(deleted->outcome().status.message() == "");
    std::uint64_t linked_before = 0;
    for (const auto& one : linked) {
      REQUIRE(one->frame);
      if (one->outcome().status.ok()) ++linked_before;
      if (!one->outcome().status.ok()) CHECK(one->outcome().status.code() == Code::unknown_vertex);
    }
    CHECK(deleted->outcome().deleted == 1 + linked_before);
    CHECK(GraphReader(node, SpaceId{0}).read().edges.empty());
  }
}

TEST_CASE("while a node of the version before may take part, a batch leaves edges elsewhere alone, and says what to do") {
  SimulationOptions options;
  options.all_know_deletions = false;
  Linked on(options);
  Outcome among_others = run(on.node, on.session.batch({{remove(on.hub), put(on.beside)}, {}}));
  CHECK(among_others.status.code() == Code::invalid_argument);
  CHECK_THAT(among_others.status.message(), Contains("with a command of its own"));
  CHECK(among_others.status.field() == "operations[0].deleteVertex.key");
  Outcome conditions_elsewhere =
      run(on.node, on.session.batch({{remove(on.hub)}, {version_is(on.far, on.version_of(on.far))}}));
  CHECK(conditions_elsewhere.status.code() == Code::invalid_argument);
  Outcome made_again = run(on.node, on.session.batch({{remove(on.beside), put(on.beside), link(on.far, on.beside)}, {}}));
  CHECK(made_again.status.code() == Code::invalid_argument);
  CHECK_THAT(made_again.status.message(), Contains("in a batch of its own"));
  CHECK(on.graph().edges.size() == 3);
  CHECK(run(on.node, on.session.batch({{remove(on.hub)}, {}})).status.ok());
  CHECK(on.graph().edges.empty());
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

TEST_CASE("what the vertices of one batch have elsewhere may be 32 MiB") {
  constexpr std::uint64_t batch_edges = (std::uint64_t{32} << 20) / (64 + 256);
  for (std::uint64_t more : {0, 1}) {
    SimulatedCluster node({}, 1);
    Session session(1, partitions);
    std::string one = key_in(0, "one"), other = key_in(0, "other");
    REQUIRE(run(node, session.batch({{put(one), put(other)}, {}})).status.ok());
    node.settle();
    add_edges(node.core({0}), one, 1, batch_edges / 2);
    add_edges(node.core({0}), other, 2, batch_edges - batch_edges / 2 + more);
    Outcome outcome = run(node, session.batch({{remove(one), remove(other)}, {}}));
    CHECK(std::string(code_name(outcome.status.code())) == code_name(more == 0 ? Code::none : Code::too_large));
    if (more == 1) CHECK(outcome.status.limit() == std::uint64_t{32} << 20);
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

TEST_CASE("a vertex that is deleted and made again in one batch gets its edges from elsewhere again") {
  for (std::uint16_t other : {1, 2}) {
    SimulatedCluster node({}, 1);
    Session session(1, partitions);
    std::string home = key_in(0, "home"), away = key_in(other, "away");
    for (bool from_home : {true, false}) {
      INFO("from home " << from_home);
      REQUIRE(run(node, session.batch({{put(home), put(away)}, {}})).status.ok());
      std::string source = from_home ? home : away, target = from_home ? away : home;
      REQUIRE(run(node, session.batch({{link(source, target)}, {}})).status.ok());
      ModelOperation unlink = link(source, target);
      unlink.kind = ModelOperation::Kind::delete_edge;
      Outcome outcome = run(node, session.batch({{put(home), unlink, remove(home), put(home), link(source, target)}, {}}));
      CHECK(outcome.status.message() == "");
      node.settle();
      CHECK(GraphReader(node, SpaceId{0}).read().edges.size() == 1);
      REQUIRE(run(node, session.batch({{unlink}, {}})).status.ok());
    }
  }
}
