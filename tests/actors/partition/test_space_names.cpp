// Any partition may be asked for a spread space by its name: what it names is there, also while spaces of that name come and
// go, connections break and nodes crash; and what was acknowledged is named by all.

#include "actors/partition/core/reads.h"
#include "tests/actors/partition/space_script.h"
#include "tests/support/temporary_directory.h"

using namespace engram;
using namespace engram::test;

namespace {

constexpr const char* name = "come-and-go";

/// The space that a partition names; nothing if it knows none.
std::optional<SpaceId> named_by(PartitionCore& core) {
  Frame request = Frame::build<schema::Request>([](schema::Request::Builder out) { out.setFindSpace(name); });
  Frame frame = read(core, request.read<schema::Request>(), false).answer;
  auto answer = frame.read<schema::Answer>();
  if (!answer.isFindSpace()) return std::nullopt;
  return SpaceId{answer.getFindSpace().getId()};
}

/// One client creates a space and drops it, again and again, and does not always wait for the answer to a drop.
class NameRace {
 public:
  explicit NameRace(std::uint64_t seed)
      : node_({.partitions = 3, .nodes = 3}, seed), random_(seed), session_(1, node_.partitions()) {}

  void run(int changes) {
    for (int i = 0; i < changes; ++i) {
      make(i % 2 == 0 ? SpaceCommand::Kind::create : SpaceCommand::Kind::drop);
      wait_for_answer(/*or_hurry=*/i % 2 == 1 && random_() % 2 == 0);
    }
    node_.restart();
    node_.settle();
    settled_ = true;
    check_names();
  }

  [[nodiscard]] std::size_t named_before_acknowledged() const { return named_before_acknowledged_; }

 private:
  [[nodiscard]] PartitionId home() const { return home_of_space(name, node_.partitions()); }
  [[nodiscard]] bool is_up(PartitionId partition) const { return node_.is_up(partition.value); }

  void make(SpaceCommand::Kind kind) {
    kind_ = kind;
    acknowledged_ = false;
    if (kind == SpaceCommand::Kind::create) {
      space_ = {new_space_id(name, session_.id(), session_.next_sequence()), Placement::spread, home()};
      created_ = false;
    }
    submission_ = submission_of(session_, {kind, space_, {}, name, {}, {}});
    ask();
  }

  void ask() {
    port_ = std::make_shared<Answered>();
    node_.submit(0, submission_.to, submission_.command, port_, 60'000);
  }

  /// `or_hurry`: no longer than until the home itself has dropped the space, so that the next one of its name comes while
  /// other partitions still have this one.
  void wait_for_answer(bool or_hurry) {
    for (int steps = 0; steps < 100'000; ++steps) {
      disturb();
      if (!node_.step()) {
        node_.tick(500);
        for (std::uint32_t down = 0; down < node_.nodes(); ++down)
          if (!node_.is_up(down)) node_.restart_node(down);
        if (!port_->frame) ask();  // it may have been lost with a node
      }
      if (port_->frame) take_answer(port_->outcome().status.code());
      check_names();
      if (acknowledged_) return;
      if (or_hurry && is_up(home()) && node_.core(home()).graph().spaces().find_name(name) == nullptr) return;
    }
    FAIL("a change of a space is never answered");
  }

  /// A home that crashed repeats what it has answered before all others have applied it. What comes next may then find, in one
  /// of these, that its space is not there yet or still there, and is tried anew.
  void take_answer(Code code) {
    INFO(code_name(code));
    if (code == Code::none) {
      acknowledged_ = true;
      created_ = created_ || kind_ == SpaceCommand::Kind::create;
    } else if (code == Code::unknown_space || code == Code::space_exists) {
      CHECK(home_crashed_);
      make(kind_);
    } else {
      CHECK((may_be_asked_again(code) || code == Code::unavailable));
      ask();
    }
  }

  void disturb() {
    auto one = static_cast<std::uint32_t>(random_() % 3), other = (one + 1) % 3;
    if (random_() % 40 == 0 && node_.is_up(one) && node_.is_up(other)) node_.cut(one, other);
    if (random_() % 150 != 0 || !node_.is_up(one)) return;
    home_crashed_ = home_crashed_ || home().value == one;
    node_.crash_node(one);
    if (random_() % 2 == 0) node_.restart_node(one);
  }

  void check_names() {
    for (std::uint16_t i = 0; i < node_.partitions(); ++i) {
      if (!is_up({i})) continue;
      std::optional<SpaceId> named = named_by(node_.core({i}));
      INFO("partition " << i << ", the home is " << home().value);
      if (named && is_up(home())) CHECK(named == named_by(node_.core(home())));
      bool heard = !home_crashed_ || settled_;
      if (heard && created_ && kind_ == SpaceCommand::Kind::create) CHECK(named == space_.id);
      if (heard && acknowledged_ && kind_ == SpaceCommand::Kind::drop) CHECK(named == std::nullopt);
      if (named && !created_ && PartitionId{i} != home()) ++named_before_acknowledged_;
    }
  }

  SimulatedCluster node_;
  std::mt19937_64 random_;
  Session session_;
  SpaceRoute space_;
  SpaceCommand::Kind kind_ = SpaceCommand::Kind::create;
  Submission submission_;
  std::shared_ptr<Answered> port_;
  bool acknowledged_ = false, created_ = false, home_crashed_ = false, settled_ = false;
  std::size_t named_before_acknowledged_ = 0;
};

}  // namespace

TEST_CASE("what any partition says of a spread space's name is what the name's home says") {
  std::size_t early = 0;
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    INFO("seed " << seed);
    NameRace race(seed);
    race.run(8);
    early += race.named_before_acknowledged();
  }
  CHECK(early > 100);  // creations were looked at while they were under way
}

TEST_CASE("a partition knows the spread spaces of all others after a clean stop, and no dropped one") {
  TemporaryDirectory directory(fast_directory());
  SimulationOptions options;
  options.warm_directory = directory.path();
  SimulatedCluster node(options, 1);
  Session session(1, node.partitions());
  auto change = [&](SpaceCommand::Kind kind, const SpaceRoute& space) {
    REQUIRE(run(node, submission_of(session, {kind, space, {}, name, {}, {}})).status.ok());
  };
  auto next = [&] {
    return SpaceRoute{new_space_id(name, session.id(), session.next_sequence()), Placement::spread,
                      home_of_space(name, node.partitions())};
  };
  SpaceRoute first = next();
  change(SpaceCommand::Kind::create, first);
  change(SpaceCommand::Kind::drop, first);
  SpaceRoute second = next();
  change(SpaceCommand::Kind::create, second);
  stop_and_start(node);
  for (PartitionCore* core : cores_of(node)) CHECK(named_by(*core) == second.id);
  change(SpaceCommand::Kind::drop, second);
  stop_and_start(node);
  for (PartitionCore* core : cores_of(node)) CHECK(named_by(*core) == std::nullopt);
}

TEST_CASE("a space that is kept together is known to its home alone") {
  SimulatedCluster node({}, 1);
  Session session(1, node.partitions());
  PartitionId home = home_of_space(name, node.partitions());
  SpaceRoute space{new_space_id(name, session.id(), session.next_sequence()), Placement::together, home};
  REQUIRE(run(node, submission_of(session, {SpaceCommand::Kind::create, space, {}, name, {}, {}})).status.ok());
  for (PartitionCore* core : cores_of(node)) CHECK(named_by(*core).has_value() == (core->graph().self() == home));
}
