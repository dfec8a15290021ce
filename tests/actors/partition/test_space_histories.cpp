// Random commands about spaces and what is in them, one after the other, against the plain model: creating and dropping,
// quotas, indexes and look-ups, with crashes also between a command and its answer, and with clean stops.

#include "tests/actors/partition/space_script.h"
#include "tests/support/temporary_directory.h"

using namespace engram;
using namespace engram::test;

namespace {

class History {
 public:
  History(const SimulationOptions& options, std::uint64_t seed)
      : options_(options),
        node_(options, seed),
        random_(seed),
        commands_(random_, options.partitions),
        session_(1 + seed, options.partitions),
        model_(options.partitions) {}

  void run(int commands) {
    for (int i = 0; i < commands; ++i) {
      INFO("command " << i);
      run_one();
      if (one_in(8)) node_.tick(31'000);  // old enough to be written back
      if (with_stores() && one_in(3)) look_up();
      if (one_in(10)) end_and_start();
    }
    node_.settle();
    check();
    if (!with_stores()) return;
    stop_and_start(node_);
    check_nothing_left(node_, model_);
    std::size_t records = node_.log_records();
    node_.settle();
    CHECK(node_.log_records() == records);
    check();
  }

 private:
  [[nodiscard]] bool with_stores() const { return !options_.warm_directory.empty(); }
  bool one_in(std::uint64_t chances) { return commands_.one_in(chances); }

  void run_one() {
    SpaceCommand command = commands_.next(model_, session_.id(), session_.next_sequence());
    bool batch = command.kind == SpaceCommand::Kind::batch;
    Submission submission = submission_of(session_, command);
    Outcome outcome = one_in(6) ? run_over_a_crash(submission) : run_until_taken(submission);
    ModelOutcome wanted = model_.apply(command);
    last_ = command.space.id;
    INFO("kind " << static_cast<int>(command.kind));
    // Of a batch over several partitions each names the first error of its share.
    bool one_error = !batch || options_.partitions == 1 || wanted.code == Code::unknown_space;
    check_outcome(outcome, wanted, one_error);
    if (command.kind == SpaceCommand::Kind::create && outcome.status.ok()) CHECK(outcome.space == command.space.id);
    if (one_in(6)) check_retry(submission, outcome);
  }

  Outcome run_until_taken(const Submission& submission) {
    Outcome outcome = test::run(node_, submission);
    while (outcome.status.code() == Code::disk_full) outcome = test::run(node_, submission);
    return outcome;
  }

  /// Somewhere on the way of the command; the client then asks again.
  Outcome run_over_a_crash(const Submission& submission) {
    node_.submit(0, submission.to, submission.command, std::make_shared<Answered>(), 60'000);
    for (std::uint64_t steps = commands_.below(30); steps > 0; --steps) node_.step();
    node_.crash();
    node_.restart();
    node_.recover();
    return run_until_taken(submission);
  }

  void check_retry(const Submission& submission, const Outcome& outcome) {
    Outcome again = run_until_taken(submission);
    CHECK(again.created == outcome.created);
    CHECK(again.status.ok() == outcome.status.ok());
    CHECK((again.duplicate || !outcome.status.ok()));
    CHECK(again.space == outcome.space);
  }

  /// Also while what changed is on its way into the warm store.
  void look_up() {
    if (one_in(2)) node_.tick(31'000);
    auto found = model_.spaces.find(one_in(2) ? last_ : commands_.some_space(model_).id);
    if (found == model_.spaces.end()) return;
    const ModelSpace& space = found->second;
    std::set<ModelIndex> indexes = space.indexes;
    indexes.insert(commands_.index());  // declared or not
    for (const ModelIndex& index : indexes) {
      auto least = static_cast<std::int64_t>(commands_.below(3));
      check_index(node_, space, index, least, least + static_cast<std::int64_t>(commands_.below(3)));
    }
  }

  void end_and_start() {
    if (with_stores() && one_in(2)) {
      stop_and_start(node_);
    } else {
      node_.crash();
      node_.restart();
    }
    node_.recover();
    if (one_in(2)) return;  // a purge or the building of an index may be cut again
    node_.settle();
    check();
  }

  void check() {
    check_node(node_, model_, with_stores());
    for (std::uint16_t i = 0; i < options_.partitions; ++i) CHECK(node_.state_of({i}) == node_.replayed_state_of({i}));
  }

  SimulationOptions options_;
  SimulatedCluster node_;
  std::mt19937_64 random_;
  RandomSpaceCommands commands_;
  Session session_;
  SpaceModel model_;
  SpaceId last_;  // that a command was about
};

void run_history(SimulationOptions options, std::uint64_t seed, int commands) {
  INFO("seed " << seed << ", " << options.partitions << " partitions");
  History(options, seed).run(commands);
}

}  // namespace

TEST_CASE("thousands of short histories of spaces do what the model says") {
  for (std::uint64_t seed = 1; seed <= 4000; ++seed) {
    SimulationOptions options;
    options.partitions = 1 + seed % 4;
    options.refused_groups_in_100 = seed % 5 == 0 ? 10 : 0;
    run_history(options, seed, 5 + static_cast<int>(seed % 15));
  }
}

TEST_CASE("indexes find what the model says, and a clean stop leaves nothing to replay") {
  TemporaryDirectory directory(fast_directory());
  for (std::uint64_t seed = 10'001; seed <= 11'000; ++seed) {
    SimulationOptions options;
    options.partitions = 1 + seed % 3;
    options.warm_directory = directory / std::to_string(seed);
    std::filesystem::create_directory(options.warm_directory);
    options.refused_groups_in_100 = seed % 5 == 0 ? 10 : 0;
    if (seed % 2 == 0) {  // nearly nothing fits into memory
      options.hot_bytes = 4096;
      options.write_back_bytes = 2000;
      options.full_write_backs_in_100 = seed % 8 == 0 ? 30 : 0;
    }
    run_history(options, seed, 5 + static_cast<int>(seed % 20));
    std::filesystem::remove_all(options.warm_directory);
  }
}
