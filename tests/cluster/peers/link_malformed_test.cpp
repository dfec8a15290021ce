// Whatever comes from a peer: it ends the connection or is taken for what it is, and never the process.

#include <random>

#include "tests/cluster/peers/link_script.h"

using namespace engram;
using namespace engram::test;

namespace {

/// A packet with one part, which the test makes wrong.
PacketBytes part_packet(const std::function<void(schema::PeerPart::Builder)>& change) {
  capnp::MallocMessageBuilder message;
  auto part = message.initRoot<schema::PeerPacket>().initPart();
  auto words = question_frame(1).bytes<schema::Request>();
  part.setMessage(1);
  part.setBytes(words.asBytes());
  part.setSize(static_cast<std::uint32_t>(words.asBytes().size()));
  part.setTo(1);
  part.setEpoch(1);
  change(part);
  auto flat = capnp::messageToFlatArray(message);
  return {flat.asChars().begin(), flat.asChars().end()};
}

struct Received {
  std::size_t dropped = 0;
  std::size_t delivered = 0;
};

Received receive_alone(const PacketBytes& packet, const PeerLinkOptions& options = {}) {
  LinkPair pair(options);
  pair.connect(1);
  auto open = pair.right.ask(1);
  pair.right.link->receive(1, packet);
  for (const Status& status : pair.right.dropped) CHECK(status.message().find("compare the versions") != std::string::npos);
  return {pair.right.dropped.size(), pair.right.mail.size()};
}
Received receive_part(const std::function<void(schema::PeerPart::Builder)>& change, const PeerLinkOptions& options = {}) {
  return receive_alone(part_packet(change), options);
}

void set_payload(schema::PeerPart::Builder part, kj::ArrayPtr<const kj::byte> bytes) {
  part.setBytes(bytes);
  part.setSize(static_cast<std::uint32_t>(bytes.size()));
}

void set_payload(schema::PeerPart::Builder part, const CommandBytes& command) {
  set_payload(part, kj::arrayPtr(reinterpret_cast<const kj::byte*>(command.bytes().data()), command.bytes().size()));
}

/// Everything that links say to each other in a little conversation.
std::vector<PacketBytes> conversation() {
  PeerLinkOptions options;
  options.part_bytes = 300;
  LinkPair pair(options);
  std::vector<PacketBytes> packets;
  auto move = [&] {
    while (!pair.left.sent.empty() || !pair.right.sent.empty()) {
      for (const LinkNode::Packet& packet : pair.left.sent) packets.push_back(packet.bytes);
      while (LinkPair::move_one(pair.left, pair.right)) {}
      while (LinkPair::move_one(pair.right, pair.left)) {}
    }
  };
  pair.connect(1);
  auto asked = pair.right.ask(7);
  auto cancelled = pair.left.ask(1, 1'000, pair.clock.monotonic_ns() + 1'000'000'000);
  pair.left.submit(2, 5, 400);
  pair.left.link->send({3}, command(3, 700));
  pair.left.link->send({5}, notice(4));
  move();
  pair.left.mail[0].port->reply(answer_frame(7, 500));
  cancelled->cancel();
  pair.left.link->tick();
  pair.left.link->drain();
  move();
  return packets;
}

}  // namespace

TEST_CASE("the packet that the others are made of is fine") {
  Received fine = receive_part([](schema::PeerPart::Builder) {});
  CHECK(fine.dropped == 0);
  CHECK(fine.delivered == 1);
}

TEST_CASE("a packet that must not be ends its connection, and is told to the host once") {
  auto ends = [](const Received& result) { return result.dropped == 1 && result.delivered == 0; };
  CHECK(ends(receive_alone({})));
  CHECK(ends(receive_alone(PacketBytes(8))));
  CHECK(ends(receive_alone(PacketBytes(63))));
  CHECK(ends(receive_alone(PacketBytes(64, '\xff'))));
  CHECK(ends(receive_part([](auto part) { part.setMessage(2); })));  // without a beginning
  CHECK(ends(receive_part([](auto part) { part.setMessage(0); })));
  CHECK(ends(receive_part([](auto part) { part.setSize(0); })));
  CHECK(ends(receive_part([](auto part) { part.setSize(part.getSize() - 8); })));
  CHECK(ends(receive_part([](auto part) { part.setSize(part.getSize() + 8); })));
  CHECK(ends(receive_part([](auto part) { part.setMore(true); })));
  CHECK(ends(receive_part([](auto part) { part.setTo(8); })));
  CHECK(ends(receive_part([](auto part) { part.setFrom(8); })));
  CHECK(ends(receive_part([](auto part) { part.setAnswer(2); })));     // to what was not asked
  CHECK(ends(receive_part([](auto part) { part.setNotice(); })));      // a partition would have nobody to answer
  CHECK(ends(receive_part([](auto part) { part.setCommand(); })));     // a request is no command to be logged
  CHECK(ends(receive_part([](auto part) { part.initBytes(0); })));
  auto too_large = [](schema::PeerPart::Builder part) {
    part.setMore(true);
    part.setSize(0xffff'fff8);
  };
  CHECK(ends(receive_part(too_large, {.max_message_bytes = 1 << 20})));
}

TEST_CASE("a message whose inside is wrong ends its connection") {
  CHECK(receive_part([](auto part) {
          std::vector<kj::byte> noise(64, 0xff);
          set_payload(part, {noise.data(), noise.size()});
        }).dropped == 1);
  CHECK(receive_part([](auto part) {  // a pointer that leads out of it
          auto words = question_frame(1, 100).bytes<schema::Request>();
          words.asBytes()[8 + 7] = 0x7f;
          set_payload(part, words.asBytes());
        }).dropped == 1);
  CHECK(receive_part([](auto part) {  // a prepare is not for clients to submit
          set_payload(part, command(1).command);
          part.setSubmission();
        }).dropped == 1);
  CHECK(receive_part([](auto part) {  // and a submission not for partitions to log as it is
          set_payload(part, submission_bytes(1, 0, 1));
          part.setCommand();
        }).dropped == 1);
}

TEST_CASE("an account of bytes that cannot be ends its connection") {
  for (std::uint64_t taken : {1'000'000ULL, ~0ULL}) {
    capnp::MallocMessageBuilder message;
    message.initRoot<schema::PeerPacket>().setTaken(taken);
    auto flat = capnp::messageToFlatArray(message);
    CHECK(receive_alone({flat.asChars().begin(), flat.asChars().end()}).dropped == 1);
  }
}

TEST_CASE("after a malformed packet nothing on that connection is looked at, and the next one starts afresh") {
  LinkPair pair;
  pair.connect(1);
  auto port = pair.left.ask(1);
  pair.right.link->receive(1, PacketBytes(8));
  pair.run();
  CHECK(pair.right.mail.empty());
  CHECK(pair.right.dropped.size() == 1);
  pair.cut(1);
  pair.connect(2);
  pair.run();
  CHECK(pair.right.ids() == std::vector<std::uint64_t>{1});
}

TEST_CASE("an answer to a question that is over is dropped, and the connection stays") {
  LinkPair pair;
  pair.connect(1);
  auto port = pair.left.ask(1);
  pair.run();
  port->cancel();
  pair.left.link->tick();                           // the cancel is under way
  pair.right.mail[0].port->reply(answer_frame(1));  // and so is the answer
  pair.run();
  CHECK(port->answers() == 0);
  CHECK(pair.left.dropped.empty());
}

TEST_CASE("a claimed size takes no memory") {
  LinkPair pair;
  pair.connect(1);
  // Each claims 256 MB: a thousand of them at once only fit if nothing is taken for what did not come.
  for (std::uint64_t number = 1; number <= 1'000; ++number)
    pair.right.link->receive(1, part_packet([&](auto part) {
                               part.setMessage(number);
                               part.setSize(256 << 20);
                               part.setMore(true);
                             }));
  CHECK(pair.right.dropped.empty());
  pair.cut(1);
}

TEST_CASE("mutated packets never do harm") {
  std::vector<PacketBytes> packets = conversation();
  REQUIRE(packets.size() > 12);
  std::uint64_t seed = 20'260'131;
  INFO("seed " << seed);
  std::mt19937_64 random(seed);
  LinkPair pair;
  pair.right.keep_packets = false;
  pair.right.read_mail = false;  // a wrong byte in a text is for the partition to see
  std::uint64_t connection = 0, taken = 0, dropped = 0;
  for (int round = 0; round < 15'000; ++round) {
    pair.right.link->up(++connection);
    pair.right.ask(7);
    for (const PacketBytes& packet : packets) {
      PacketBytes mutated = packet;
      for (std::uint64_t changes = random() % 4 == 0 ? 1 + random() % 4 : 0; changes > 0; --changes) {
        char& byte = mutated[random() % mutated.size()];
        byte = random() % 2 == 0 ? static_cast<char>(random()) : static_cast<char>(byte ^ 1 << random() % 8);
      }
      if (random() % 50 == 0) mutated.resize(random() % (mutated.size() + 1));
      pair.right.link->receive(connection, mutated);
      ++taken;
    }
    if (round % 100 == 0) {
      pair.clock.advance_ms(10'000);
      pair.right.link->tick();
    }
    dropped += pair.right.dropped.size();
    pair.right.dropped.clear();
  }
  CHECK(taken > 200'000);
  CHECK(dropped > 1'000);
  CHECK(dropped < 15'000);  // not all are unlucky
}
