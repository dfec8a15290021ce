// Commands at the same time, over several partitions and nodes, with crashes of all or of one, connections that break, and
// a log that is full now and then: what comes out is what some order, one after the other, would have given.

#include <functional>

#include "tests/actors/partition/partition_script.h"

using namespace engram;
using namespace engram::test;

namespace {

// Longer than what partitions wait before they ask each other again.
constexpr std::int64_t patience_ms = 10'000;

struct Racer {
  ModelBatch batch;
  Submission submission;
  std::shared_ptr<Answered> port;
  std::optional<Outcome> outcome;
};

/// A short script that makes what the racers are about.
void prepare(SimulatedCluster& node, RandomBatches& batches, Session& session, CommandModel& model) {
  for (int i = 0; i < 8; ++i) {
    ModelBatch batch;
    ModelOperation put;
    put.kind = i < 3 ? ModelOperation::Kind::put_vertex : ModelOperation::Kind::put_edge;
    put.key = batches.key();
    put.edge = batches.edge();
    put.create_missing = true;
    if (put.kind == ModelOperation::Kind::put_edge) put.key.clear();
    batch.operations.push_back(put);
    Submission submission = session.batch(batch);
    while (!run(node, submission).status.ok()) {}  // the log may be full
    REQUIRE(model.apply(batch).code == Code::none);
  }
}

void ask(SimulatedCluster& node, unsigned number, Racer& racer) {
  racer.port = std::make_shared<Answered>();
  node.submit(number, racer.submission.to, racer.submission.command, racer.port, patience_ms);
}

/// What befalls the nodes while the racers run.
using Fault = std::function<void(SimulatedCluster&, std::mt19937_64&)>;

void crash_all(SimulatedCluster& cluster, std::mt19937_64&) {
  cluster.crash();
  cluster.restart();
}

void trouble_one(SimulatedCluster& cluster, std::mt19937_64& random) {
  std::uint32_t node = random() % cluster.nodes();
  if (!cluster.is_up(node)) return cluster.restart_node(node);
  if (random() % 3 == 0) return cluster.cut(node, (node + 1) % cluster.nodes());
  cluster.crash_node(node);
  if (random() % 2 == 0) cluster.restart_node(node);  // else it stays away for a while
}

/// Until all have their answer: what was not executed is sent again, and so is what a fault left unanswered.
void race(SimulatedCluster& cluster, std::mt19937_64& random, std::vector<Racer>& racers, int faults, const Fault& fault) {
  auto ask_all = [&] {
    for (unsigned i = 0; i < racers.size(); ++i)
      if (!racers[i].outcome) ask(cluster, i, racers[i]);
  };
  ask_all();
  std::size_t until_fault = random() % 60;
  for (int ticks = 0; ticks < 400;) {
    bool done = true;
    for (unsigned i = 0; i < racers.size(); ++i) {
      Racer& racer = racers[i];
      if (racer.outcome) continue;
      done = false;
      if (!racer.port->frame) continue;
      Outcome outcome = racer.port->outcome();
      if (may_be_asked_again(outcome.status.code())) {
        cluster.tick(20);  // clients pause, else what is in the way may never go
        ask(cluster, i, racer);
      } else {
        racer.outcome = outcome;
      }
    }
    if (done) return;
    if (faults > 0 && until_fault-- == 0) {
      fault(cluster, random);
      until_fault = random() % 60;
      if (--faults == 0) cluster.restart();  // those that are still away
      ask_all();
    }
    if (!cluster.step()) cluster.tick(100), ++ticks;
  }
  FAIL("commands are not answered");
}

bool some_order_explains(const std::vector<Racer>& racers, const CommandModel& before, const ReferenceGraph& after) {
  std::vector<std::size_t> order;
  for (std::size_t i = 0; i < racers.size(); ++i) order.push_back(i);
  do {
    CommandModel model = before;
    bool explains = true;
    for (std::size_t i : order) {
      ModelOutcome wanted = model.apply(racers[i].batch);
      explains = explains && racers[i].outcome->status.ok() == (wanted.code == Code::none);
    }
    if (explains && equal(model.graph, after)) return true;
  } while (std::next_permutation(order.begin(), order.end()));
  return false;
}

std::string describe(const std::vector<Racer>& racers) {
  std::string text;
  for (const Racer& racer : racers) {
    capnp::MallocMessageBuilder message;
    write(racer.batch, message.initRoot<schema::Batch>());
    text += kj::str(message.getRoot<schema::Batch>().asReader()).cStr();
    text += " -> " + std::string(code_name(racer.outcome->status.code())) + " " + racer.outcome->status.message() + "\n";
  }
  return text;
}

void run_race(const SimulationOptions& options, std::uint64_t seed, int faults, const Fault& fault) {
  INFO("seed " << seed << ", " << options.partitions << " partitions on " << options.nodes << " nodes, " << faults
               << " faults");
  std::mt19937_64 random(seed);
  SimulatedCluster node(options, seed);
  RandomBatches batches(random, "v", 2 + random() % 4);
  Session session(1, options.partitions);
  CommandModel model(owner_in_default(options.partitions));
  prepare(node, batches, session, model);
  std::vector<Racer> racers(2 + random() % 3);
  for (std::size_t i = 0; i < racers.size(); ++i) {
    Session own(10 + i, options.partitions);
    racers[i].batch = batches.next(3);
    for (ModelCondition& condition : racers[i].batch.conditions)
      if (condition.kind == ModelCondition::Kind::version_equals) condition.kind = ModelCondition::Kind::exists;
    racers[i].submission = own.batch(racers[i].batch);
  }
  if (std::getenv("ENGRAM_SEED") != nullptr) std::fprintf(stderr, "seed %llu\n", static_cast<unsigned long long>(seed));
  race(node, random, racers, faults, fault);
  node.restart();
  node.settle();
  ReferenceGraph after = GraphReader(node, SpaceId{0}).read();
  INFO(describe(racers));
  CHECK(some_order_explains(racers, model, after));
  for (std::uint16_t i = 0; i < options.partitions; ++i) {
    CHECK(node.core({i}).in_doubt().empty());
    CHECK(node.core({i}).decisions().empty());
    CHECK(node.core({i}).pending_deletes().empty());
    CHECK(node.core({i}).waiting() == 0);
    CHECK(!node.core({i}).locked());
    CHECK(node.state_of({i}) == node.replayed_state_of({i}));
  }
}

std::uint64_t first_seed() {
  const char* from = std::getenv("ENGRAM_SEED");
  return from == nullptr ? 1 : std::strtoull(from, nullptr, 10);
}

}  // namespace

TEST_CASE("commands at the same time are as if one came after the other") {
  SimulationOptions options;
  for (std::uint64_t seed = first_seed(); seed < first_seed() + 800; ++seed) {
    options.partitions = 2 + seed % 3;
    run_race(options, seed, 0, crash_all);
  }
}

TEST_CASE("commands at the same time are as if one came after the other, also with crashes and a full log") {
  SimulationOptions options;
  for (std::uint64_t seed = first_seed(); seed < first_seed() + 800; ++seed) {
    options.partitions = 2 + seed % 3;
    options.refused_groups_in_100 = seed % 4 == 0 ? 10 : 0;
    run_race(options, seed, static_cast<int>(seed % 3), crash_all);
  }
}

TEST_CASE("nodes that crash or lose their connections while the others go on change nothing of that") {
  SimulationOptions options;
  for (std::uint64_t seed = first_seed(); seed < first_seed() + 1200; ++seed) {
    options.nodes = 2 + seed % 2;
    options.partitions = options.nodes + seed % 3;
    options.refused_groups_in_100 = seed % 5 == 0 ? 10 : 0;
    run_race(options, seed, 1 + static_cast<int>(seed % 5), trouble_one);
  }
}

TEST_CASE("a vote that was lost with its connection is cast again, with the ids that were reserved for it") {
  auto owner = owner_in_default(2);
  auto key_on = [&](std::uint16_t partition, int number) {
    while (owner("v" + std::to_string(number)).value != partition) number += 100;
    return "v" + std::to_string(number);
  };
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    INFO("seed " << seed);
    SimulationOptions options;
    options.nodes = options.partitions = 2;
    SimulatedCluster cluster(options, seed);
    std::mt19937_64 random(seed);
    CommandModel model(owner);
    Session session(1, options.partitions);
    ModelBatch batch;  // all of its vertices are made by it, on both nodes
    for (int i = 0; i < 3; ++i) {
      batch.operations.emplace_back();
      batch.operations.back().kind = ModelOperation::Kind::put_edge;
      batch.operations.back().edge = {key_on(0, i), "T", key_on(1, 10 + i)};
      batch.operations.back().create_missing = true;
    }
    REQUIRE(model.apply(batch).code == Code::none);
    Racer racer{batch, session.batch(batch), nullptr, std::nullopt};
    ask(cluster, 0, racer);
    for (std::size_t steps = random() % 24; steps > 0; --steps) cluster.step();
    cluster.cut(0, 1);
    for (int ticks = 0; !racer.port->frame && ticks < 200;)
      if (!cluster.step()) cluster.tick(100), ++ticks;
    REQUIRE(racer.port->frame);
    REQUIRE(racer.port->outcome().status.ok());
    cluster.settle();
    check_graph(GraphReader(cluster, SpaceId{0}).read(), model.graph);
  }
}
