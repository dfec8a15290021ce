// What a partition does beside commands and reads.

#include "tests/actors/partition/partition_script.h"
#include "tests/support/temporary_directory.h"

using namespace engram;
using namespace engram::test;

namespace {

SpaceRoute make_space(SimulatedCluster& node, Session& session, const char* name) {
  Outcome made = run(node, session.command(default_space(1), [&](schema::Command::Builder command) {
    command.initCreateSpace().setName(name);
  }));
  REQUIRE(made.status.ok());
  return {made.space, Placement::spread, home_of_space(name, 1)};
}

void put_vertices(SimulatedCluster& node, Session& session, const SpaceRoute& space, int count) {
  ModelBatch batch;
  for (int i = 0; i < count; ++i) {
    batch.operations.emplace_back();
    batch.operations.back().key = "v" + std::to_string(i);
  }
  REQUIRE(run(node, session.batch(batch, space)).status.ok());
}

void declare_index(SimulatedCluster& node, Session& session, const SpaceRoute& space) {
  REQUIRE(run(node, session.command(space, [](schema::Command::Builder command) {
            command.initDeclareIndex().setProperty("age");
          })).status.ok());
}

}  // namespace

TEST_CASE("the index of a dropped space, never finished, holds up no other") {
  SimulationOptions options;
  options.partitions = 1;
  SimulatedCluster node(options, 1);
  Session session(1, 1);
  SpaceRoute first = make_space(node, session, "one");
  SpaceRoute second = make_space(node, session, "other");
  if (second.id < first.id) std::swap(first, second);  // the one to be dropped comes first
  put_vertices(node, session, first, 10'000);          // purged step by step
  put_vertices(node, session, second, 3);
  declare_index(node, session, first);
  declare_index(node, session, second);
  REQUIRE(run(node, session.command(first, [](schema::Command::Builder command) { command.setDropSpace(); })).status.ok());

  SpaceTable& spaces = node.core({0}).graph().spaces();
  REQUIRE(!spaces.find(second.id)->indexes.at(0).ready);
  node.tick(100);
  for (int steps = 0; !spaces.find(second.id)->indexes.at(0).ready && steps < 100; ++steps) REQUIRE(node.step());
  CHECK(spaces.dropped().contains(first.id));
  CHECK(spaces.find(second.id)->indexes.at(0).ready);
}

TEST_CASE("a clean stop begins no further purge of a dropped space, and the next start goes on with it") {
  TemporaryDirectory directory;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    INFO("seed " << seed);
    SimulationOptions options;
    options.partitions = 1;
    options.warm_directory = directory / std::to_string(seed);
    std::filesystem::create_directory(options.warm_directory);
    SimulatedCluster node(options, seed);
    Session session(1, 1);
    SpaceRoute space = make_space(node, session, "one");
    put_vertices(node, session, space, 5'000);  // purged step by step
    REQUIRE(run(node, session.command(space, [](schema::Command::Builder command) { command.setDropSpace(); })).status.ok());
    node.tick(100);
    for (int steps = 0; steps < 30; ++steps) REQUIRE(node.step());
    std::size_t records = node.log_records();
    stop_and_start(node);
    CHECK(node.log_records() < records + 5);  // those on their way when the stop came, of the 30 that are left
    CHECK(node.core({0}).graph().spaces().dropped().contains(space.id));
    node.settle();
    CHECK(node.core({0}).graph().spaces().dropped().empty());
    CHECK(node.core({0}).graph().hot().vertices() == 0);
  }
}
