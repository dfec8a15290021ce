// Who owns a partition changes with its epoch: what is said under an older one counts for nothing.

#include "tests/cluster/peers/link_script.h"

using namespace engram;
using namespace engram::test;

TEST_CASE("a sender with an old map is told so, and changes nothing") {
  LinkPair pair;
  pair.right.map.set_epoch(2);
  pair.connect(1);
  auto question = pair.left.ask(1);
  auto submitted = pair.left.submit(2, 0);
  pair.left.link->send({1}, command(3));
  pair.left.link->send({1}, notice(4));
  pair.run();
  CHECK(pair.right.mail.empty());
  CHECK(pair.right.link->gauges().stale_epochs == 4);
  for (const AskingPortPtr& port : {question, submitted}) {
    REQUIRE(port->answers() == 1);
    CHECK(port->status().code() == Code::unavailable);
    CHECK(port->status().message().find("map of partitions is old") != std::string::npos);
  }
  CHECK(submitted->is_outcome());
  pair.left.map.set_epoch(2);
  auto again = pair.left.ask(5);
  pair.run();
  CHECK(pair.right.ids() == std::vector<std::uint64_t>{5});
}

TEST_CASE("an answer of a former owner counts for nothing") {
  LinkPair pair;
  pair.connect(1);
  auto question = pair.left.ask(1);
  auto submitted = pair.left.submit(2, 0);
  pair.run();
  pair.left.map.set_epoch(2);  // the partition moved while the other node was at it, which does not know yet
  pair.right.mail.at(0).port->reply(answer_frame(1));
  pair.right.mail.at(1).port->reply(Frame::build<schema::Answer>([](auto answer) { answer.initOutcome().setVersion(7); }));
  pair.run();
  for (const AskingPortPtr& port : {question, submitted}) {
    REQUIRE(port->answers() == 1);
    CHECK(port->status().code() == Code::unavailable);
    CHECK(port->status().message().find("former owner") != std::string::npos);
  }
  CHECK_FALSE(question->is_outcome());
  CHECK(submitted->is_outcome());
  CHECK(submitted->status().message().find("same sequence number") != std::string::npos);
  CHECK(pair.left.link->gauges().stale_epochs == 2);
}
