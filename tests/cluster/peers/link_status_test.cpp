// What nodes tell each other of themselves, beside the mail.

#include "tests/cluster/peers/link_script.h"

using namespace engram;
using namespace engram::test;

namespace {

NodeStatus some_status(std::uint32_t partitions = 3) {
  NodeStatus status;
  status.phase = "ready";
  status.feature_level = 2;
  status.uptime_ms = 12'345;
  status.log_position = 1ULL << 40;
  status.log_queue = 7;
  status.hot_hits = 990;
  status.warm_hits = 10;
  status.calls_in_flight = 5;
  for (std::uint16_t i = 0; i < partitions; ++i) status.partitions.push_back({{i}, 1, 100ULL * i, 1, i, 2});
  return status;
}

std::shared_ptr<const NodeStatus> shared(const NodeStatus& status) { return std::make_shared<const NodeStatus>(status); }

}  // namespace

TEST_CASE("a status arrives as it was told, with as many partitions as a node can have") {
  LinkPair pair;
  pair.connect(1);
  for (std::uint32_t partitions : {0U, 3U, 1024U}) {
    pair.left.link->tell(shared(some_status(partitions)));
    pair.run();
    REQUIRE_FALSE(pair.right.statuses.empty());
    CHECK(pair.right.statuses.back() == some_status(partitions));
  }
  CHECK(pair.right.dropped.empty());
}

TEST_CASE("a status sums up what its partitions have") {
  NodeStatus status = some_status();
  CHECK(status.in_doubt() == 0 + 1 + 2);
  CHECK(status.queue() == 7 + 3);
  CHECK(status.hit_rate() == Approx(0.99));
  CHECK(NodeStatus().hit_rate() == 1.0);
}

TEST_CASE("a peer that stands still is not told again and again: nothing piles up for it") {
  LinkPair pair;
  pair.connect(1);
  for (int i = 0; i < 1000; ++i) pair.left.link->tell(shared(some_status()));
  CHECK(pair.left.sent.size() <= 8);
  pair.run();
  pair.right.link->tell(shared(some_status()));  // it lives
  pair.run();
  std::size_t before = pair.right.statuses.size();
  pair.left.link->tell(shared(some_status()));
  pair.run();
  CHECK(pair.right.statuses.size() == before + 1);
}

TEST_CASE("nobody is told while there is no connection, nor what was to be told before") {
  LinkPair pair;
  pair.left.link->tell(shared(some_status()));
  pair.connect(1);
  pair.run();
  CHECK(pair.right.statuses.empty());
}

TEST_CASE("a call's number goes with each of its messages") {
  LinkPair pair;
  pair.connect(1);
  auto port = std::make_shared<AskingPort>();
  pair.left.link->send({1}, RequestMail{question_frame(1), port, PartitionId{2}, 0, nullptr, RequestNumber{0xabcdef}});
  PeerCommandMail prepare = command(2);
  prepare.request_number = {0x1234567890};
  pair.left.link->send({1}, std::move(prepare));
  pair.left.submit(3, 9);
  pair.run();
  std::vector<std::uint64_t> numbers;
  for (const Delivered& one : pair.right.mail) numbers.push_back(one.request);
  std::sort(numbers.begin(), numbers.end());
  CHECK(numbers == std::vector<std::uint64_t>{0, 0xabcdef, 0x1234567890});
}
