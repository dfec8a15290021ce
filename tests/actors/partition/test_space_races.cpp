// Changes of spaces and indexes at the same time as batches in them, with crashes at any step, a log that is full now and
// then, and clean stops: what comes out is what some order, one after the other, would have given.

#include "tests/actors/partition/space_script.h"
#include "tests/support/temporary_directory.h"

using namespace engram;
using namespace engram::test;

namespace {

struct Racer {
  SpaceCommand command;
  Submission submission;
  std::shared_ptr<Answered> port;
  std::optional<Outcome> outcome;
};

/// What partitions hold, by the id of the space. That they agree with each other is checked by `check_invariants`.
std::map<SpaceId, ModelSpace> spaces_of(SimulatedCluster& node) {
  std::map<SpaceId, ModelSpace> spaces;
  for (PartitionCore* core : cores_of(node)) {
    for (SpaceId id : core->graph().spaces().all()) {
      const Space& space = *core->graph().spaces().find_even_dropped(id);
      INFO("a space " << space.name << " in partition " << core->graph().self().value);
      CHECK(!space.dropped);
      CHECK((space.route.placement == Placement::spread || space.route.home == core->graph().self()));
      if (space.route.home != core->graph().self()) continue;
      ModelSpace is{space.name, space.route, space.quota, {}, CommandModel(owner_in(space.route, node.partitions()))};
      for (const DeclaredIndex& index : space.indexes)
        is.indexes.insert({std::string(core->graph().dictionary().name(index.label)),
                           std::string(core->graph().dictionary().name(index.property))});
      is.commands.graph = GraphReader(node, id).read();
      spaces.emplace(id, std::move(is));
    }
  }
  return spaces;
}

bool equal(const std::map<SpaceId, ModelSpace>& some, const std::map<SpaceId, ModelSpace>& others) {
  return std::equal(some.begin(), some.end(), others.begin(), others.end(), [](const auto& one, const auto& other) {
    auto quota = [](const SpaceQuota& of) { return std::tuple(of.vertices, of.edges, of.bytes); };
    return one.first == other.first && one.second.name == other.second.name &&
           one.second.indexes == other.second.indexes && quota(one.second.quota) == quota(other.second.quota) &&
           equal(one.second.commands.graph, other.second.commands.graph);
  });
}

/// Orders in which every racer ends as it did.
std::optional<SpaceModel> order_that_explains(const std::vector<Racer>& racers, const SpaceModel& before,
                                              const std::map<SpaceId, ModelSpace>& after) {
  std::vector<std::size_t> order(racers.size());
  for (std::size_t i = 0; i < order.size(); ++i) order[i] = i;
  do {
    SpaceModel model = before;
    bool explains = true;
    for (std::size_t i : order)
      explains = explains && racers[i].outcome->status.ok() == (model.apply(racers[i].command).code == Code::none);
    if (explains && equal(model.spaces, after)) return model;
  } while (std::next_permutation(order.begin(), order.end()));
  return std::nullopt;
}

std::string describe(const std::vector<Racer>& racers) {
  std::string text;
  for (const Racer& racer : racers) {
    CommandView view(racer.submission.command);
    text += kj::str(view.root()).cStr();
    text += " -> " + std::string(code_name(racer.outcome->status.code())) + " " + racer.outcome->status.message() + "\n";
  }
  return text;
}

class Race {
 public:
  Race(const SimulationOptions& options, std::uint64_t seed)
      : options_(options),
        node_(options, seed),
        random_(seed),
        commands_(random_, options.partitions),
        session_(1, options.partitions),
        model_(options.partitions) {}

  enum class About { anything, one_space };

  void run(int crashes, About about) {
    prepare();
    std::vector<Racer> racers(2 + random_() % 4);
    for (std::size_t i = 0; i < racers.size(); ++i) racers[i] = some_racer(10 + i, about);
    race(racers, crashes);
    if (with_stores() && random_() % 2 == 0) stop_and_start(node_);  // with what the racers left behind
    node_.settle();
    auto after = spaces_of(node_);
    INFO(describe(racers));
    auto explained = order_that_explains(racers, model_, after);
    CHECK(explained.has_value());
    if (explained) check_node(node_, *explained, with_stores());
    for (std::uint16_t i = 0; i < options_.partitions; ++i) {
      CHECK(!node_.core({i}).undecided());
      CHECK(node_.core({i}).decisions().empty());
      CHECK(!node_.core({i}).locked());
      CHECK(node_.state_of({i}) == node_.replayed_state_of({i}));
    }
    if (!with_stores() || !explained) return;
    stop_and_start(node_);
    check_nothing_left(node_, *explained);
  }

 private:
  [[nodiscard]] bool with_stores() const { return !options_.warm_directory.empty(); }

  void must(const SpaceCommand& command) {
    Submission submission = submission_of(session_, command);
    while (!test::run(node_, submission).status.ok()) {}  // the log may be full
    REQUIRE(model_.apply(command).code == Code::none);
  }

  /// A space of either placement with some vertices, edges and an index.
  void prepare() {
    for (Placement placement : {Placement::spread, Placement::together}) {
      SpaceCommand create;
      create.kind = SpaceCommand::Kind::create;
      create.name = placement == Placement::spread ? "spread" : "together";
      create.space = {new_space_id(create.name, session_.id(), session_.next_sequence()), placement,
                      home_of_space(create.name, options_.partitions)};
      must(create);
      SpaceCommand index;
      index.kind = SpaceCommand::Kind::declare_index;
      index.space = create.space;
      index.index = {"", "age"};
      must(index);
      for (int i = 0; i < 3; ++i) {
        SpaceCommand put;
        put.space = create.space;
        put.batch.operations.emplace_back();
        put.batch.operations[0].kind = ModelOperation::Kind::put_edge;
        put.batch.operations[0].edge = commands_.batches().edge();
        put.batch.operations[0].create_missing = true;
        put.batch.operations.emplace_back();
        put.batch.operations[1].key = commands_.batches().key();
        put.batch.operations[1].properties["age"] = i;
        must(put);
      }
    }
    node_.settle();
  }

  Racer some_racer(std::uint64_t session, About about) {
    Session own(session, options_.partitions);
    for (;;) {
      Racer racer;
      racer.command = commands_.next(model_, session, 1);
      // A limit holds for each batch alone: of two at the same time, each may be the last that fits.
      for (std::uint64_t* limit : {&racer.command.quota.vertices, &racer.command.quota.edges})
        if (*limit != 0) *limit += 1000;
      bool change = racer.command.kind > SpaceCommand::Kind::drop && racer.command.space.id.value == 0;
      if (about == About::one_space && !change) continue;
      racer.submission = submission_of(own, racer.command);
      return racer;
    }
  }

  void ask(unsigned number, Racer& racer) {
    racer.port = std::make_shared<Answered>();
    node_.submit(number, racer.submission.to, racer.submission.command, racer.port, 2000);
  }

  /// False: one still has no answer.
  bool look_at_answers(std::vector<Racer>& racers) {
    bool done = true;
    for (unsigned i = 0; i < racers.size(); ++i) {
      Racer& racer = racers[i];
      if (racer.outcome) continue;
      done = false;
      if (!racer.port->frame) continue;
      Outcome outcome = racer.port->outcome();
      if (!may_be_asked_again(outcome.status.code())) {
        racer.outcome = outcome;
        continue;
      }
      node_.tick(20);  // clients pause, else what is in the way may never go
      ask(i, racer);
    }
    return done;
  }

  void race(std::vector<Racer>& racers, int crashes) {
    for (unsigned i = 0; i < racers.size(); ++i) ask(i, racers[i]);
    std::size_t until_crash = random_() % 80;
    for (int ticks = 0; ticks < 400;) {
      if (look_at_answers(racers)) return;
      if (crashes > 0 && until_crash-- == 0) {
        node_.crash();
        node_.restart();
        node_.recover();
        until_crash = random_() % 80;
        --crashes;
        for (unsigned i = 0; i < racers.size(); ++i)
          if (!racers[i].outcome) ask(i, racers[i]);
      }
      if (!node_.step()) node_.tick(100), ++ticks;
    }
    FAIL("commands are not answered");
  }

  SimulationOptions options_;
  SimulatedCluster node_;
  std::mt19937_64 random_;
  RandomSpaceCommands commands_;
  Session session_;
  SpaceModel model_;
};

void run_race(SimulationOptions options, std::uint64_t seed, int crashes, Race::About about = Race::About::anything) {
  options.partitions = 1 + static_cast<std::uint32_t>(seed % 4);
  INFO("seed " << seed << ", " << options.partitions << " partitions, " << crashes << " crashes");
  options.refused_groups_in_100 = seed % 3 == 0 ? 10 : 0;
  Race(options, seed).run(crashes, about);
}

}  // namespace

TEST_CASE("a change of a space begins once the one before holds in all partitions, or its time is over") {
  std::size_t late = 0;
  for (std::uint64_t seed = 1; seed <= 20; ++seed) {
    INFO("seed " << seed);
    SimulatedCluster node(SimulationOptions(), seed);
    Session session(1, node.partitions());
    std::vector<std::shared_ptr<Answered>> ports;
    for (std::uint64_t vertices = 1; vertices <= 3; ++vertices) {
      SpaceCommand quota{SpaceCommand::Kind::set_quota, default_space(node.partitions()), {}, {}, {vertices, 0, 0}, {}};
      Submission submission = submission_of(session, quota);
      ports.push_back(std::make_shared<Answered>());
      node.submit(0, submission.to, submission.command, ports.back(), vertices == 2 ? 50 : 60'000);
    }
    for (int steps = 0; !ports[2]->frame; ++steps) {
      if (!node.step() || steps == 10) node.tick(100);
      for (PartitionCore* core : cores_of(node)) CHECK(core->prepared() <= 1);
    }
    CHECK(ports[0]->outcome().status.ok());
    if (ports[1]->outcome().status.code() == Code::deadline_exceeded) ++late;
    CHECK(ports[2]->outcome().status.ok());
    for (PartitionCore* core : cores_of(node)) CHECK(core->graph().spaces().find(SpaceId{0})->quota.vertices == 3);
  }
  CHECK(late > 5);
}

TEST_CASE("changes of spaces at the same time as batches are as if one came after the other") {
  for (std::uint64_t seed = 1; seed <= 3000; ++seed) run_race({}, seed, static_cast<int>(seed % 3));
}

TEST_CASE("changes of one space at the same time have the same order in all partitions") {
  for (std::uint64_t seed = 5001; seed <= 8000; ++seed)
    run_race({}, seed, static_cast<int>(seed % 2), Race::About::one_space);
}

TEST_CASE("changes of spaces and indexes at the same time, with look-ups afterwards and clean stops") {
  TemporaryDirectory directory(fast_directory());
  for (std::uint64_t seed = 10'001; seed <= 10'800; ++seed) {
    SimulationOptions options;
    options.warm_directory = directory / std::to_string(seed);
    std::filesystem::create_directory(options.warm_directory);
    if (seed % 2 == 0) options.write_back_bytes = 2000;
    run_race(options, seed, static_cast<int>(seed % 3));
    std::filesystem::remove_all(options.warm_directory);
  }
}
