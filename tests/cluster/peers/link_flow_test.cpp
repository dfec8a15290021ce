// Parts, turns, the window and the budget.

#include "tests/cluster/peers/link_script.h"

using namespace engram;
using namespace engram::test;

namespace {

PeerLinkOptions small_parts(std::size_t part_bytes, std::size_t window_bytes) {
  PeerLinkOptions options;
  options.part_bytes = part_bytes;
  options.window_bytes = window_bytes;
  return options;
}

std::vector<std::uint64_t> message_numbers(const std::deque<LinkNode::Packet>& packets) {
  std::vector<std::uint64_t> numbers;
  for (const LinkNode::Packet& packet : packets)
    if (PacketView view(packet.bytes); view.root().isPart()) numbers.push_back(view.root().getPart().getMessage());
  return numbers;
}

}  // namespace

TEST_CASE("a small question does not wait for the end of a large one") {
  LinkPair pair(small_parts(1'000, 100));
  pair.connect(1);
  auto large = pair.left.ask(1, 100'000);
  auto small = pair.left.ask(2);
  auto small_too = pair.left.ask(3);
  pair.run();
  pair.tick();
  CHECK(pair.right.ids() == std::vector<std::uint64_t>{2, 3, 1});
}

TEST_CASE("parts of questions and answers take turns; commands go before them, in their own order") {
  PeerLinkOptions options = small_parts(1'000, 1);
  LinkPair pair(options);
  pair.connect(1);
  auto asked_by_right = pair.right.ask(90);
  pair.run();
  auto first = pair.left.ask(1, 3'000);
  auto second = pair.left.ask(2, 2'500);
  pair.left.mail[0].port->reply(answer_frame(90, 2'500));
  std::deque<LinkNode::Packet> packets;
  auto step = [&] {
    packets.push_back(pair.left.sent.front());
    LinkPair::move_one(pair.left, pair.right);
    while (LinkPair::move_one(pair.right, pair.left)) {}
  };
  for (int i = 0; i < 4; ++i) step();
  pair.left.link->send({1}, command(3, 2'500));
  pair.left.link->send({1}, notice(4));
  while (!pair.left.sent.empty()) step();
  // Questions 1 and 2 and the answer (3) in turn, then the command (4) and the notice (5), then the turns go on. The first
  // part of 1 was alone, and its third was under way already when the command came.
  auto order = message_numbers(packets);
  CHECK(std::vector(order.begin(), order.begin() + 9) == std::vector<std::uint64_t>{1, 1, 2, 3, 1, 4, 4, 4, 5});
  CHECK(std::vector(order.begin() + 9, order.end()) == std::vector<std::uint64_t>{2, 3, 1, 2, 3});
  CHECK(pair.right.ids() == std::vector<std::uint64_t>{3, 4, 1, 2});
  CHECK(asked_by_right->body() == body_of(90, 2'500));
}

TEST_CASE("no more is under way than the window and one part") {
  LinkPair pair(small_parts(1'000, 8'000));
  pair.connect(1);
  auto large = pair.left.ask(1, 100'000);
  CHECK(pair.left.sent.size() == 8);
  CHECK(pair.left.in_flight_bytes() == 8'000);
  auto second = pair.left.ask(2);
  CHECK(pair.left.sent.size() == 8);
  // An eighth of the window is told at once, alone if nothing else goes that way.
  LinkPair::move_one(pair.left, pair.right);
  REQUIRE(pair.right.sent.size() == 1);
  PacketView told(pair.right.sent[0].bytes);
  CHECK(told.root().isNone());
  CHECK(told.root().getTaken() == 1'000);
  LinkPair::move_one(pair.right, pair.left);
  CHECK(pair.left.sent.size() == 8);
  pair.run();
  CHECK(pair.right.ids() == std::vector<std::uint64_t>{2, 1});
}

TEST_CASE("little is told with the next tick, or with whatever goes next") {
  LinkPair pair;
  pair.connect(1);
  pair.left.link->send({1}, notice(1, 2'000));
  pair.run();
  std::uint64_t under_way = pair.left.in_flight_bytes();
  CHECK(under_way >= 2'000);
  pair.right.link->send({0}, notice(2));
  pair.run();
  CHECK(pair.left.in_flight_bytes() == 0);
  CHECK(pair.right.in_flight_bytes() > 0);
  pair.left.link->tick();
  CHECK(pair.left.sent.size() == 1);
  pair.run();
  CHECK(pair.right.in_flight_bytes() == 0);
  pair.left.link->tick();
  CHECK(pair.left.sent.empty());
}

TEST_CASE("a part larger than the window goes when nothing is under way") {
  LinkPair pair(small_parts(5'000, 10));
  pair.connect(1);
  auto large = pair.left.ask(1, 20'000);
  pair.run();
  CHECK(pair.right.ids() == std::vector<std::uint64_t>{1});
}

TEST_CASE("answers that pile up for a slow peer are bounded, and in nobody's way") {
  PeerLinkOptions options = small_parts(1'000, 1'000);
  options.budget_bytes = 40'000;
  options.reserve_bytes = 5'000;
  LinkPair pair(options);
  pair.connect(1);
  std::vector<AskingPortPtr> asked;
  for (std::uint64_t id = 1; id <= 4; ++id) asked.push_back(pair.right.ask(id));
  pair.run();
  REQUIRE(pair.left.mail.size() == 4);
  for (std::uint64_t id = 1; id <= 3; ++id) pair.left.mail[id - 1].port->reply(answer_frame(id, 30'000));
  CHECK(pair.left.kept_bytes() < options.budget_bytes);
  CHECK(pair.left.link->gauges().overloaded == 2);
  pair.left.mail[3].port->reply(answer_frame(4, 15'000));  // a small one is owed

  auto question = pair.left.ask(5, 30'000);
  CHECK(question->answers() == 0);
  pair.left.link->send({1}, command(6, 14'000));
  CHECK(pair.left.link->gauges().lost_notices == 0);

  pair.run();
  CHECK(asked[0]->body() == body_of(1, 30'000));
  for (int refused : {1, 2}) {
    REQUIRE(asked[refused]->answers() == 1);
    CHECK(asked[refused]->status().code() == Code::overloaded);
  }
  CHECK(asked[3]->body() == body_of(4, 15'000));
  CHECK(pair.left.kept_bytes() > 0);  // its own question, until it is answered
  CHECK(pair.left.kept_bytes() < 31'000);
}

TEST_CASE("over its budget a link refuses questions at once, and still takes what ends transactions") {
  PeerLinkOptions options = small_parts(1'000, 1'000);
  options.budget_bytes = 10'000;
  options.reserve_bytes = 5'000;
  LinkPair pair(options);
  pair.connect(1);
  auto fits = pair.left.ask(1, 7'000);
  auto question = pair.left.ask(2, 7'000);
  auto submitted = pair.left.submit(3, 5, 7'000);
  for (const AskingPortPtr& port : {question, submitted}) {
    REQUIRE(port->answers() == 1);
    CHECK(port->status().code() == Code::overloaded);
    CHECK(port->status().message().find("retry") != std::string::npos);
  }
  CHECK(submitted->is_outcome());
  CHECK(pair.left.link->gauges().overloaded == 2);
  pair.left.link->send({1}, command(4, 5'000));
  CHECK(pair.left.link->gauges().lost_notices == 0);
  pair.left.link->send({1}, command(5, 5'000));
  CHECK(pair.left.link->gauges().lost_notices == 1);
  CHECK(pair.left.kept_bytes() <= options.budget_bytes + options.reserve_bytes);
  pair.run();
  CHECK(pair.right.ids() == std::vector<std::uint64_t>{4, 1});
  pair.right.mail[1].port->reply(answer_frame(1, 50'000));  // owed: never refused
  pair.run();
  CHECK(fits->body() == body_of(1, 50'000));
  CHECK(pair.left.kept_bytes() + pair.right.kept_bytes() == 0);
}

TEST_CASE("many small questions count with what they take in memory") {
  PeerLinkOptions options;
  options.budget_bytes = 100'000;
  LinkPair pair(options);
  std::size_t refused = 0;
  for (std::uint64_t id = 1; id <= 1'000; ++id) refused += pair.left.ask(id)->answers();
  CHECK(refused > 600);
  CHECK(refused < 1'000);
}

TEST_CASE("what is larger than a message may be is refused where it is sent from") {
  PeerLinkOptions options;
  options.max_message_bytes = 10'000;
  LinkPair pair(options);
  pair.connect(1);
  auto question = pair.left.ask(1, 20'000);
  REQUIRE(question->answers() == 1);
  CHECK(question->status().code() == Code::too_large);
  pair.left.link->send({1}, command(2, 20'000));
  CHECK(pair.left.link->gauges().lost_notices == 1);
  auto small = pair.left.ask(3);
  pair.run();
  REQUIRE(pair.right.ids() == std::vector<std::uint64_t>{3});
  pair.right.mail[0].port->reply(answer_frame(3, 20'000));
  pair.run();
  REQUIRE(small->answers() == 1);
  CHECK(small->status().code() == Code::too_large);
  CHECK(pair.left.dropped.empty());
}

TEST_CASE("a stuck peer does not make its asker keep what nobody waits for") {
  LinkPair pair(small_parts(1'000, 1'000));
  pair.connect(1);
  auto first = pair.left.ask(1, 5'000);
  for (std::uint64_t round = 0; round < 100; ++round) {
    std::vector<AskingPortPtr> ports;
    for (std::uint64_t id = 2; id < 50; ++id) ports.push_back(pair.left.ask(id, 1'000));
    for (const AskingPortPtr& port : ports) port->cancel();
    pair.left.link->tick();
    for (const AskingPortPtr& port : ports) REQUIRE(port.use_count() == 1);
    REQUIRE(pair.left.link->gauges().kept_messages == 1);
  }
  pair.run();
  pair.tick();
  CHECK(pair.right.ids() == std::vector<std::uint64_t>{1});
}

TEST_CASE("a question that was begun is finished although the peer is about to stop") {
  LinkPair pair(small_parts(1'000, 1'000));
  pair.connect(1);
  auto begun = pair.left.ask(1, 5'000);
  auto behind = pair.left.ask(2);
  pair.right.link->drain();
  LinkPair::move_one(pair.right, pair.left);
  pair.run();
  pair.tick();
  CHECK(pair.right.ids() == std::vector<std::uint64_t>{1});
}

TEST_CASE("for a peer that is away only so many calls wait; one that is there is asked as much as there is memory for") {
  PeerLinkOptions options;
  options.max_waiting = 3;
  LinkPair pair(options);
  std::vector<AskingPortPtr> asked;
  for (std::uint64_t id = 1; id <= 5; ++id) asked.push_back(pair.left.ask(id));
  for (int waiting : {0, 1, 2}) CHECK(asked[waiting]->answers() == 0);
  for (int refused : {3, 4}) {
    REQUIRE(asked[refused]->answers() == 1);
    CHECK(asked[refused]->status().code() == Code::overloaded);
    CHECK(asked[refused]->status().limit() == 3);
  }
  pair.connect(1);
  for (std::uint64_t id = 6; id <= 9; ++id) asked.push_back(pair.left.ask(id));
  pair.run();
  CHECK(pair.right.ids() == std::vector<std::uint64_t>{1, 2, 3, 6, 7, 8, 9});
}
