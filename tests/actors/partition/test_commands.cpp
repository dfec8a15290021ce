// Random commands, one after the other, against the plain model: the same outcomes and the same graph on any number of
// partitions, also after a replay, and with next to no memory.

#include "tests/actors/partition/partition_script.h"
#include "tests/support/temporary_directory.h"

using namespace engram;
using namespace engram::test;

namespace {

std::uint64_t current_version(SimulatedCluster& node, const ModelCondition& condition) {
  std::uint32_t partitions = node.partitions();
  const std::string& key = condition.key.empty() ? condition.edge.source : condition.key;
  PartitionCore& core = node.core(owner_of_key(default_space(partitions), key, partitions));
  LocalId id;
  if (core.graph().find_key(SpaceId{0}, key, id) != Presence::present) return 0;
  if (!condition.key.empty()) return parse_head(core.graph().vertex(id)->head.bytes())->version;
  PartitionId owner = owner_of_key(default_space(partitions), condition.edge.target, partitions);
  LocalId target;
  auto type = core.graph().dictionary().find(condition.edge.type);
  if (!type || node.core(owner).graph().find_key(SpaceId{0}, condition.edge.target, target) != Presence::present)
    return 0;
  auto entry = core.graph().vertex_with(id, Side::out)->out.find(
      {*type, VertexId::of(owner, target), condition.edge.rank});
  return entry ? entry->version : 0;
}

void add_version_condition(SimulatedCluster& node, RandomBatches& random, ModelBatch& batch) {
  while (node.step()) {}  // the last command is answered, but perhaps not applied everywhere
  ModelCondition condition;
  condition.kind = ModelCondition::Kind::version_equals;
  if (random.one_in(2)) {
    condition.key = random.key();
  } else {
    condition.edge = random.edge();
  }
  condition.version = current_version(node, condition);
  condition.version_is_current = !random.one_in(4);
  if (!condition.version_is_current) condition.version += 1;
  batch.conditions.push_back(condition);
}

void run_sequence(const SimulationOptions& options, std::uint64_t seed, int commands, bool restarts) {
  INFO("seed " << seed << ", " << options.partitions << " partitions");
  SimulatedCluster node(options, seed);
  std::mt19937_64 random(seed);
  RandomBatches batches(random, "v", 4 + random() % 12);
  Session session(1 + seed, options.partitions);
  CommandModel model(owner_in_default(options.partitions));
  std::vector<Submission> sent;
  for (int i = 0; i < commands; ++i) {
    INFO("command " << i);
    ModelBatch batch = batches.next(20);
    if (batches.one_in(6)) add_version_condition(node, batches, batch);
    sent.push_back(session.batch(batch));
    Outcome outcome = run(node, sent.back());
    check_outcome(outcome, model.apply(batch), options.partitions == 1);
    if (batches.one_in(5)) {  // a retry changes nothing
      Outcome again = run(node, sent.back());
      // What a transaction failed with is not remembered: nothing happened, and a retry may have more luck.
      CHECK((again.duplicate || (options.partitions > 1 && !outcome.status.ok())));
      CHECK(again.created == outcome.created);
      CHECK(again.status.ok() == outcome.status.ok());
    }
    if (batches.one_in(8)) node.tick(31'000);  // old enough to be written back
    if (restarts && batches.one_in(12)) {
      if (!options.warm_directory.empty() && batches.one_in(2)) {
        stop_and_start(node);
      } else {
        node.crash();
        node.restart();
      }
      node.settle();  // as the engine does before it lets anybody in
    }
  }
  if (!options.warm_directory.empty()) stop_and_start(node);
  node.settle();
  check_graph(GraphReader(node, SpaceId{0}).read(), model.graph);
  for (std::uint16_t i = 0; i < options.partitions; ++i) CHECK(node.state_of({i}) == node.replayed_state_of({i}));
}

}  // namespace

TEST_CASE("commands do what the model says, on any number of partitions") {
  for (std::uint64_t seed = 1; seed <= 300; ++seed)
    for (std::uint32_t partitions : {1u, 2u, 3u}) {
      SimulationOptions options;
      options.partitions = partitions;
      run_sequence(options, seed, 30, false);
    }
}

TEST_CASE("thousands of short histories do what the model says, half of them with crashes") {
  for (std::uint64_t seed = 1001; seed <= 13000; ++seed) {
    SimulationOptions options;
    options.partitions = 1 + seed % 4;
    run_sequence(options, seed, 2 + static_cast<int>(seed % 9), seed % 8 >= 4);
  }
}

namespace {

void run_with_little_memory(std::uint64_t seed, bool restarts) {
  TemporaryDirectory directory;
  SimulationOptions options;
  options.partitions = 1 + seed % 3;
  options.hot_bytes = 4096;
  options.write_back_bytes = 2000;
  options.full_write_backs_in_100 = seed % 4 == 0 ? 30 : 0;
  options.warm_directory = directory.path();
  run_sequence(options, seed, 60, restarts);
}

}  // namespace

TEST_CASE("commands do what the model says when nearly nothing fits into memory") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) run_with_little_memory(seed, false);
}

TEST_CASE("commands do what the model says with little memory and crashes") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) run_with_little_memory(seed, true);
}

TEST_CASE("an error names the operation or precondition as the client counted it, whichever partition found it") {
  std::uint32_t partitions = GENERATE(1u, 2u, 5u);
  SimulationOptions options;
  options.partitions = partitions;
  SimulatedCluster node(options, 1);
  Session session(1, partitions);
  ModelBatch vertices;
  for (int i = 0; i < 12; ++i) {
    vertices.operations.emplace_back();
    vertices.operations.back().key = "v" + std::to_string(i);
  }
  REQUIRE(run(node, session.batch(vertices)).status.ok());
  for (std::size_t bad = 0; bad < 12; ++bad) {
    INFO(partitions << " partitions, row " << bad);
    ModelBatch edges;
    for (int i = 0; i < 12; ++i) {
      edges.operations.emplace_back();
      edges.operations.back().kind = ModelOperation::Kind::put_edge;
      edges.operations.back().edge = {"v" + std::to_string(i), "T", "v" + std::to_string((i * 5 + 1) % 12)};
      edges.conditions.emplace_back();
      edges.conditions.back().key = "v" + std::to_string(i);
    }
    ModelBatch conditions = edges;
    edges.operations[bad].edge.target = "nobody" + std::to_string(bad);
    Outcome refused = run(node, session.batch(edges));
    CHECK(refused.status.code() == Code::unknown_vertex);
    CHECK(refused.status.field() == "operations[" + std::to_string(bad) + "].putEdge.edge.target");
    CHECK_THAT(refused.status.message(), Catch::Contains("\"nobody" + std::to_string(bad) + "\""));

    conditions.conditions[bad].kind = ModelCondition::Kind::absent;
    Submission submission = session.batch(conditions);
    Outcome not_met = run(node, submission);
    CHECK(not_met.status.field() == "preconditions[" + std::to_string(bad) + "]");
    CHECK(run(node, submission).status.field() == not_met.status.field());
  }
}

TEST_CASE("a deletion with nothing in its way never ends as a conflict, also when the log is full now and then") {
  std::size_t full = 0;
  for (std::uint64_t seed = 1; seed <= 200; ++seed) {
    INFO("seed " << seed);
    SimulationOptions options;
    options.refused_groups_in_100 = 40;
    SimulatedCluster node(options, seed);
    Session session(seed, options.partitions);
    ModelBatch edges;
    for (int i = 0; i < 6; ++i) {
      edges.operations.emplace_back();
      edges.operations.back().kind = ModelOperation::Kind::put_edge;
      edges.operations.back().edge = {"hub", "T", "v" + std::to_string(i)};
      edges.operations.back().create_missing = true;
    }
    while (!run(node, session.batch(edges)).status.ok()) {}
    ModelBatch deletion;
    deletion.operations.emplace_back();
    deletion.operations.back().kind = ModelOperation::Kind::delete_vertex;
    deletion.operations.back().key = "hub";
    Outcome outcome = run(node, session.batch(deletion));
    for (; !outcome.status.ok(); outcome = run(node, session.batch(deletion))) {
      REQUIRE(std::string(code_name(outcome.status.code())) == code_name(Code::disk_full));
      ++full;
    }
    CHECK(outcome.deleted == 7);
  }
  CHECK(full > 20);
}
