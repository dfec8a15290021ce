// The log may hold a decision back, to share the sync of the record behind it. Whoever meets the locks that it ends must not
// wait for that.

#include "tests/actors/partition/partition_script.h"

using namespace engram;
using namespace engram::test;

namespace {

constexpr PartitionId participant{1};

std::string key_in(PartitionId partition) {
  auto owner = owner_in_default(2);
  int i = 0;
  while (owner("v" + std::to_string(i)) != partition) ++i;
  return "v" + std::to_string(i);
}

ModelBatch put_both() {
  ModelBatch batch;
  for (PartitionId partition : {PartitionId{0}, participant}) batch.operations.emplace_back().key = key_in(partition);
  return batch;
}

std::shared_ptr<Answered> read_at_participant(SimulatedCluster& nodes) {
  auto port = std::make_shared<Answered>();
  nodes.request(1, participant, Frame::build<schema::Request>([&](schema::Request::Builder request) {
                  request.initGet().initVertices(1)[0].setKey(key_in(participant));
                }),
                port);
  return port;
}

}  // namespace

TEST_CASE("a read that waits for a decision presses the log, and so does the decision when it comes") {
  SimulatedCluster nodes({.partitions = 2, .nodes = 2}, 1);
  Session session(7, 2);
  REQUIRE(run(nodes, session.batch(put_both())).status.ok());
  nodes.settle();
  Submission changed = session.batch(put_both());
  nodes.submit(0, changed.to, changed.command, std::make_shared<Answered>(), 60'000);
  while (nodes.core(participant).prepared() == 0) REQUIRE(nodes.step());
  nodes.crash_node(0);  // the coordinator's
  REQUIRE(nodes.presses() == 0);

  auto read = read_at_participant(nodes);
  while (nodes.step()) {
  }
  CHECK_FALSE(read->frame);
  CHECK(nodes.presses() == 1);

  nodes.restart_node(0);
  for (int ticks = 0; !read->frame && ticks < 200; ++ticks) {
    nodes.tick(100);
    while (nodes.step()) {
    }
  }
  CHECK(read->frame);
  CHECK(nodes.presses() > 1);
}
