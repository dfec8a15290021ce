// What a link promises to partitions and gateways: one script a promise.

#include "tests/cluster/peers/link_script.h"

using namespace engram;
using namespace engram::test;

namespace {

constexpr std::int64_t second_ns = 1'000'000'000;

std::vector<std::uint64_t> numbers(std::initializer_list<std::uint64_t> ids) { return ids; }

}  // namespace

TEST_CASE("a question reaches the partition that it is for, and its answer who asked") {
  LinkPair pair;
  pair.connect(7);
  auto port = std::make_shared<AskingPort>();
  pair.left.link->send({3}, RequestMail{question_frame(11), port, PartitionId{6}});
  pair.run();
  REQUIRE(pair.right.mail.size() == 1);
  Delivered& asked = pair.right.mail.front();
  CHECK(asked.kind == Kind::question);
  CHECK(asked.id == 11);
  CHECK(asked.to == PartitionId{3});
  CHECK(asked.from == PartitionId{6});
  CHECK(asked.deadline_ns == 0);
  asked.port->reply(answer_frame(12));
  pair.run();
  REQUIRE(port->answers() == 1);
  CHECK(sound_id_of(port->body()) == 12);
  CHECK(pair.left.kept_bytes() == 0);
  CHECK(pair.right.kept_bytes() == 0);
  CHECK(pair.left.link->gauges().sent_messages == 1);
  CHECK(pair.left.link->gauges().received_messages == 1);
}

TEST_CASE("a submission, a command and a notice arrive as what they are") {
  LinkPair pair;
  pair.connect(7);
  auto port = pair.left.submit(1, 44);
  pair.left.link->send({5}, command(2));
  pair.left.link->send({3}, notice(3));
  pair.run();
  REQUIRE(pair.right.ids() == numbers({1, 2, 3}));
  CHECK(pair.right.mail[0].kind == Kind::submission);
  CHECK(pair.right.mail[1].kind == Kind::command);
  CHECK(pair.right.mail[1].to == PartitionId{5});
  CHECK(pair.right.mail[2].kind == Kind::notice);
  CHECK(pair.right.mail[2].port == nullptr);
  pair.right.mail[0].port->reply(answer_frame(1));
  pair.run();
  CHECK(port->answers() == 1);
}

TEST_CASE("large messages arrive whole, both ways") {
  PeerLinkOptions options;
  options.window_bytes = 200'000;
  LinkPair pair(options);
  pair.connect(1);
  auto port = pair.left.ask(1, 1'000'000);
  pair.left.link->send({1}, command(2, 700'001));
  pair.run();
  REQUIRE(pair.right.ids() == numbers({2, 1}));  // the command went before the rest of the question
  CHECK(pair.right.mail[1].size == 1'000'000);
  pair.right.mail[1].port->reply(answer_frame(5, 3'000'000));
  pair.run();
  REQUIRE(port->answers() == 1);
  CHECK(port->body() == body_of(5, 3'000'000));
}

TEST_CASE("questions wait while the peer is away, and arrive in their order") {
  LinkPair pair;
  auto first = pair.left.ask(1);
  auto second = pair.left.submit(2, 0);
  auto third = pair.left.ask(3);
  CHECK(pair.left.kept_bytes() > 0);
  pair.connect(1);
  pair.run();
  REQUIRE(pair.right.ids() == numbers({1, 2, 3}));
  CHECK(pair.left.link->gauges().resent_messages == 0);
}

TEST_CASE("questions that were not answered are asked again on the next connection, before later ones") {
  LinkPair pair;
  pair.connect(1);
  auto first = pair.left.ask(1);
  auto second = pair.left.submit(2, 9);
  pair.run();
  REQUIRE(pair.right.ids() == numbers({1, 2}));
  pair.cut(1);
  auto third = pair.left.ask(3);
  pair.connect(2);
  pair.run();
  REQUIRE(pair.right.ids() == numbers({1, 2, 1, 2, 3}));
  CHECK(pair.left.link->gauges().resent_messages == 2);
  // Answers to the questions of the lost connection lead nowhere; the questions came again, and are answered there.
  CHECK(pair.right.mail[0].port->cancelled());
  pair.right.mail[0].port->reply(answer_frame(100));
  pair.run();
  CHECK(first->answers() == 0);
  pair.right.mail[2].port->reply(answer_frame(101));
  pair.run();
  REQUIRE(first->answers() == 1);
  CHECK(sound_id_of(first->body()) == 101);
}

TEST_CASE("a connection that replaces one that is up ends that one, and what still comes on it is not looked at") {
  LinkPair pair;
  pair.connect(1);
  auto port = pair.left.ask(1);
  pair.left.link->send({1}, command(2));
  std::deque<LinkNode::Packet> late = std::exchange(pair.left.sent, {});
  pair.connect(2);
  for (const LinkNode::Packet& packet : late) pair.right.link->receive(packet.connection, packet.bytes);
  CHECK(pair.right.mail.empty());
  pair.right.link->down(1);
  CHECK(pair.right.link->gauges().connected);
  pair.run();
  CHECK(pair.right.ids() == numbers({1}));
  CHECK(pair.right.dropped.empty());
}

TEST_CASE("a command without a session that was under way has an unknown outcome") {
  PeerLinkOptions options;
  options.part_bytes = 1'000;
  options.window_bytes = 1;  // one packet at a time
  LinkPair pair(options);
  pair.connect(1);
  auto half = pair.left.submit(1, 0, 5'000);
  auto unsent = pair.left.submit(2, 0);
  auto with_session = pair.left.submit(3, 8);
  pair.cut(1);
  REQUIRE(half->answers() == 1);
  CHECK(half->is_outcome());
  CHECK(half->status().code() == Code::unavailable);
  CHECK(half->status().message().find("outcome is unknown") != std::string::npos);
  CHECK(unsent->answers() == 0);
  pair.connect(2);
  pair.run();
  pair.tick();
  CHECK(pair.right.ids() == numbers({2, 3}));
}

TEST_CASE("commands and notices that were not sent are lost with the connection") {
  PeerLinkOptions options;
  options.window_bytes = 1;
  LinkPair pair(options);
  pair.connect(1);
  for (std::uint64_t id = 1; id <= 3; ++id) pair.left.link->send({1}, command(id));
  pair.left.link->send({1}, notice(4));
  REQUIRE(pair.left.sent.size() == 1);
  pair.cut(1);
  CHECK(pair.left.link->gauges().lost_notices == 3);
  pair.left.link->send({1}, notice(5));  // what it says will no longer hold when the peer is back
  CHECK(pair.left.link->gauges().lost_notices == 4);
  CHECK(pair.left.kept_bytes() == 0);
  pair.connect(2);
  pair.run();
  CHECK(pair.right.mail.empty());
}

TEST_CASE("deadlines travel as time left, and what is past its own is let go") {
  LinkPair pair;
  pair.clock.advance_ms(5'000);
  std::int64_t now = pair.clock.monotonic_ns();
  auto waits = pair.left.ask(1, 0, now + second_ns);
  auto too_late = pair.left.ask(2, 0, now + 2'000'000);
  auto command_port = pair.left.submit(3, 1, 0, now + 2 * second_ns);
  pair.clock.advance_ms(10);
  pair.connect(1);
  pair.clock.advance_ms(3);  // under way
  pair.run();
  REQUIRE(pair.right.ids() == numbers({1, 3}));
  now = pair.clock.monotonic_ns();
  CHECK(pair.right.mail[0].deadline_ns == now + second_ns - 10'000'000);
  CHECK(pair.right.mail[1].deadline_ns == now + 2 * second_ns - 10'000'000);
  CHECK(too_late.use_count() == 1);
  pair.clock.advance_ms(1'000);
  pair.tick();
  CHECK(waits.use_count() == 1);
  CHECK(waits->answers() == 0);
  CHECK(pair.right.mail[0].port->cancelled());
  pair.clock.advance_ms(2'000);
  pair.tick();
  CHECK(pair.left.kept_bytes() == 0);
}

TEST_CASE("mail from a third node keeps the deadline that it came with") {
  LinkPair pair;
  pair.connect(1);
  RequestMail mail{question_frame(1, 0, 1), std::make_shared<AskingPort>(), PartitionId{0}};  // that node's time
  mail.deadline_ns = pair.clock.monotonic_ns() + second_ns;
  pair.left.link->send({1}, std::move(mail));
  pair.run();
  REQUIRE(pair.right.mail.size() == 1);
  CHECK(pair.right.mail[0].deadline_ns == pair.clock.monotonic_ns() + second_ns);
}

TEST_CASE("what has no deadline is answered when it has waited too long") {
  LinkPair pair;
  auto waiting = pair.left.ask(1);
  auto command_port = pair.left.submit(2, 0);
  pair.clock.advance_ms(59'000);
  pair.tick();
  CHECK(waiting->answers() == 0);
  pair.clock.advance_ms(1'000);
  pair.tick();
  REQUIRE(waiting->answers() == 1);
  CHECK(waiting->status().code() == Code::unavailable);
  REQUIRE(command_port->answers() == 1);
  CHECK(command_port->is_outcome());
  CHECK(command_port->status().code() == Code::unavailable);
  CHECK(command_port->status().message().find("unknown") == std::string::npos);  // it was never sent
  CHECK(pair.left.kept_bytes() == 0);
}

TEST_CASE("what nobody waits for is not sent, and stopped where it was sent") {
  LinkPair pair;
  auto unsent = pair.left.ask(1);
  unsent->cancel();
  pair.tick();
  CHECK(unsent.use_count() == 1);
  pair.connect(1);
  auto sent = pair.left.ask(2);
  auto other = pair.left.ask(3);
  pair.run();
  REQUIRE(pair.right.ids() == numbers({2, 3}));
  sent->cancel();
  pair.tick();
  CHECK(pair.right.mail[0].port->cancelled());
  CHECK_FALSE(pair.right.mail[1].port->cancelled());
  pair.right.mail[0].port->reply(answer_frame(2));  // too late
  pair.right.mail[1].port->reply(answer_frame(3));
  pair.run();
  CHECK(sent->answers() == 0);
  CHECK(other->answers() == 1);
}

TEST_CASE("a question that is given up half-way is not delivered") {
  PeerLinkOptions options;
  options.part_bytes = 100;
  options.window_bytes = 300;
  LinkPair pair(options);
  pair.connect(1);
  auto large = pair.left.ask(1, 5'000);
  auto behind = pair.left.ask(2);
  REQUIRE(LinkPair::move_one(pair.left, pair.right));
  large->cancel();
  pair.left.link->tick();
  pair.run();
  pair.tick();
  CHECK(pair.right.ids() == numbers({2}));
  CHECK(pair.right.dropped.empty());
}

TEST_CASE("ten thousand open questions are looked through in a few ticks") {
  PeerLinkOptions options;
  options.max_waiting = 10'000;
  LinkPair pair(options);
  std::vector<AskingPortPtr> ports;
  for (std::uint64_t id = 1; id <= 10'000; ++id) ports.push_back(pair.left.ask(id));
  for (std::size_t i = 0; i < ports.size(); i += 100) ports[i]->cancel();
  for (int i = 0; i < 5; ++i) pair.left.link->tick();
  CHECK(pair.left.link->gauges().kept_messages == 9'900);
}

TEST_CASE("a peer that is about to stop gets no new questions, but commands, notices and answers") {
  LinkPair pair;
  pair.connect(1);
  auto before = pair.left.ask(1);
  pair.right.ask(50);
  pair.run();
  pair.right.link->drain();
  pair.run();
  CHECK(pair.left.link->gauges().draining);
  auto after = pair.left.ask(2);
  auto submitted = pair.left.submit(3, 0);
  pair.left.link->send({1}, command(4));
  pair.left.link->send({1}, notice(5));
  pair.left.mail[0].port->reply(answer_frame(50));
  pair.right.mail[0].port->reply(answer_frame(1));
  pair.run();
  CHECK(pair.right.ids() == numbers({1, 4, 5}));
  CHECK(before->answers() == 1);
  pair.cut(1);
  CHECK_FALSE(pair.left.link->gauges().draining);
  // Still the same process: it says so again. What waited may go before that is heard, and is then answered.
  pair.right.link->up(2);
  pair.left.link->up(2);
  while (LinkPair::move_one(pair.right, pair.left)) {}
  CHECK(pair.left.link->gauges().draining);
  auto later = pair.left.ask(6);
  pair.run();
  CHECK(pair.right.ids() == numbers({1, 4, 5, 2, 3}));
}

TEST_CASE("answers and mail that are sent from within a delivery or an answer do not block") {
  LinkPair pair;
  pair.connect(1);
  class Chain final : public ReplyPort {
   public:
    Chain(LinkNode& node, int left, int& count) : node_(node), left_(left), count_(count) {}
    void reply(Frame) override {
      ++count_;
      if (left_ == 0) return;
      auto next = std::make_shared<Chain>(node_, left_ - 1, count_);
      node_.link->send({1}, RequestMail{question_frame(1), std::move(next), {}});
    }

   private:
    LinkNode& node_;
    int left_;
    int& count_;
  };
  pair.right.on_mail = [&](Delivered& one) {
    if (one.port == nullptr) return;
    pair.right.link->send({0}, notice(9));
    one.port->reply(answer_frame(one.id));
  };
  int answered = 0;
  pair.left.link->send({1}, RequestMail{question_frame(1), std::make_shared<Chain>(pair.left, 20, answered), {}});
  pair.run();
  CHECK(answered == 21);
  CHECK(pair.left.mail.size() == 21);
}

TEST_CASE("a question that the partition lets go is forgotten on its side, and ends with the asker's deadline") {
  LinkPair pair;
  pair.connect(1);
  auto port = pair.left.ask(1, 0, pair.clock.monotonic_ns() + second_ns);
  pair.run();
  pair.right.mail.clear();
  pair.run();
  CHECK(port->answers() == 0);
  pair.clock.advance_ms(1'000);
  pair.tick();  // its cancel names what is forgotten
  CHECK(pair.left.kept_bytes() == 0);
  CHECK(pair.right.dropped.empty());
}

TEST_CASE("when a link goes, what is open is answered, and ports that outlive it are harmless") {
  LinkPair pair;
  pair.connect(1);
  auto sent = pair.left.ask(1);
  auto submitted = pair.left.submit(2, 5);
  auto without_session = pair.left.submit(3, 0);
  pair.run();
  auto unsent = pair.left.ask(4);
  pair.left.link.reset();
  for (const AskingPortPtr& port : {sent, submitted, without_session, unsent}) {
    REQUIRE(port->answers() == 1);
    CHECK(port->status().code() == Code::unavailable);
  }
  CHECK(sent.use_count() == 1);
  CHECK(unsent.use_count() == 1);
  CHECK(submitted->status().message().find("outcome is unknown") != std::string::npos);
  pair.right.link.reset();
  for (Delivered& one : pair.right.mail) {
    CHECK(one.port->cancelled());
    one.port->reply(answer_frame(one.id));
  }
}
