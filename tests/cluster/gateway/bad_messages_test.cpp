// Bytes that are no Cap'n Proto, or that claim what they are not: the connection that sent them ends, nobody else notices.

#include <catch2/catch.hpp>

#include <atomic>
#include <random>

#include <capnp/rpc.capnp.h>
#include <capnp/serialize.h>

#include "tests/cluster/gateway/raw_connection.h"
#include "tests/support/rpc_session.h"
#include "tests/support/wait.h"

using namespace engram;
using test::RawConnection;
using test::RpcSession;
using test::RunningEngine;

namespace {

constexpr int patience_ms = test::longest_wait_ms;

std::string framed(capnp::MessageBuilder& message) {
  auto words = capnp::messageToFlatArray(message);
  auto bytes = words.asBytes();
  return {reinterpret_cast<const char*>(bytes.begin()), bytes.size()};
}

std::string header(std::uint32_t segments_less_one, std::uint32_t words) {
  std::uint32_t both[2] = {segments_less_one, words};
  return {reinterpret_cast<const char*>(both), sizeof both};
}

/// The first messages of an honest client: bootstrap, then authenticate on what bootstrap will answer.
std::string honest_start() {
  capnp::MallocMessageBuilder bootstrap;
  bootstrap.initRoot<capnp::rpc::Message>().initBootstrap().setQuestionId(0);
  capnp::MallocMessageBuilder call;
  auto authenticate = call.initRoot<capnp::rpc::Message>().initCall();
  authenticate.setQuestionId(1);
  authenticate.initTarget().initPromisedAnswer().setQuestionId(0);
  authenticate.setInterfaceId(capnp::typeId<schema::Engram>());
  authenticate.initParams().getContent().initAs<schema::Engram::AuthenticateParams>().initToken(8);
  return framed(bootstrap) + framed(call);
}

/// A ping, as a message of the size that the payload makes it.
std::string ping(std::uint32_t question, std::size_t payload_bytes) {
  capnp::MallocMessageBuilder message;
  auto call = message.initRoot<capnp::rpc::Message>().initCall();
  call.setQuestionId(question);
  call.initTarget().initPromisedAnswer().setQuestionId(0);
  call.setInterfaceId(capnp::typeId<schema::Engram>());
  call.setMethodId(1);
  call.initParams().getContent().initAs<schema::Engram::PingParams>().initPayload(static_cast<unsigned>(payload_bytes));
  return framed(message);
}

std::string finish(std::uint32_t question) {
  capnp::MallocMessageBuilder message;
  message.initRoot<capnp::rpc::Message>().initFinish().setQuestionId(question);
  return framed(message);
}

/// Waits for the answer to a question. Throws if the connection ends instead.
void hear_answer(RawConnection& connection, std::uint32_t question) {
  while (true) {
    std::string bytes = connection.hear_message();
    auto words = kj::heapArray<capnp::word>(bytes.size() / sizeof(capnp::word));
    std::memcpy(words.begin(), bytes.data(), bytes.size());
    capnp::FlatArrayMessageReader reader(words);
    auto message = reader.getRoot<capnp::rpc::Message>();
    if (message.isReturn() && message.getReturn().getAnswerId() == question) return;
  }
}

std::string pointers_nested(unsigned depth) {
  // Written by hand: word i holds a pointer to a one-pointer struct in word i + 1.
  std::string words(std::size_t{depth + 1} * 8, '\0');
  for (unsigned i = 0; i < depth; ++i) words[i * 8 + 6] = 1;
  return header(0, depth + 1) + words;
}

struct Honest {
  explicit Honest(RunningEngine& engine) : session(engine) { require_works(); }
  void require_works() {
    std::string key = "witness-" + std::to_string(++count);
    REQUIRE(session.put(key).committed());
    REQUIRE(session.has(key));
  }
  RpcSession session;
  int count = 0;
};

}  // namespace

TEST_CASE("bytes that are no message end their connection, and no other") {
  RunningEngine engine;
  Honest honest(engine);
  struct Bad {
    const char* what;
    std::string bytes;
  };
  std::vector<Bad> all = {
      {"HTTP", "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"},
      {"segment count 2^32 - 1", header(0xFFFFFFFF, 0) + std::string(64, '\0')},
      {"513 segments", header(512, 1) + std::string(64, '\0')},
      {"a gibibyte claimed", header(0, 1u << 27)},
      {"2^32 - 1 words claimed", header(0, 0xFFFFFFFF)},
      {"one word over the limit before authentication", header(0, 8192)},
      {"an honest start, then rubbish", honest_start() + header(0xFFFFFFFF, 0xFFFFFFFF)},
      {"a message without a root", header(0, 0)},
      {"a pointer that leaves its segment", header(0, 1) + std::string("\xfc\xff\xff\x7f\x01\x00\x01\x00", 8)},
      {"a far pointer to a segment that is not there", header(0, 1) + std::string("\x02\x00\x00\x00\x09\x00\x00\x00", 8)},
      {"a call on a capability that was never given", [] {
         capnp::MallocMessageBuilder message;
         auto call = message.initRoot<capnp::rpc::Message>().initCall();
         call.setQuestionId(7);
         call.initTarget().setImportedCap(4711);
         return framed(message);
       }()},
  };
  for (const Bad& bad : all) {
    INFO(bad.what);
    RawConnection connection(engine.port());
    connection.send(bad.bytes);
    connection.finish_sending();
    CHECK(connection.is_closed_within(patience_ms));
    honest.require_works();
  }
}

TEST_CASE("a header that claims too much is refused at once, without waiting for the rest") {
  RunningEngine engine(FlagValues{{"listen.handshake_timeout_ms", "10m"}});
  for (std::uint32_t words : {8192u, 1u << 20, 1u << 27, 0xFFFFFFFFu}) {
    CAPTURE(words);
    RawConnection connection(engine.port());
    connection.send(header(0, words));
    CHECK(connection.is_closed_within(patience_ms));
  }
}

TEST_CASE("after authentication messages up to the limit are taken, and one over it ends the connection") {
  RunningEngine engine;
  RawConnection connection(engine.port());
  connection.send(honest_start());
  connection.send(finish(1) + ping(2, 10));
  hear_answer(connection, 2);  // the engine has come so far
  connection.send(ping(3, 200'000) + ping(4, 100));   // over 64 KiB: an error for the ping, not for the connection
  CHECK_FALSE(connection.is_closed_within(300));
  connection.send(header(0, (8u << 20) / 8));
  CHECK(connection.is_closed_within(patience_ms));
}

TEST_CASE("pointers nested deeper than the limit are an error, not a crash") {
  RunningEngine engine;
  Honest honest(engine);
  for (unsigned depth : {33u, 1000u, 8000u}) {
    CAPTURE(depth);
    RawConnection connection(engine.port());
    connection.send(pointers_nested(depth));
    connection.finish_sending();
    CHECK(connection.is_closed_within(patience_ms));
    honest.require_works();
  }
}

TEST_CASE("connections that are cut anywhere in a conversation leave nothing behind") {
  RunningEngine engine;
  Honest honest(engine);
  std::string whole = honest_start() + ping(2, 5000);
  for (std::size_t cut = 1; cut < whole.size(); cut += cut < 400 ? 7 : 977) {
    RawConnection connection(engine.port());
    connection.send(whole.substr(0, cut));
  }
  honest.require_works();
  const auto& connections = engine.node().gateway_services().connections;
  CHECK(test::comes_true([&] { return connections == 1 && engine.calls_in_flight() == 0; }));
}

TEST_CASE("random bytes and flipped bits are survived") {
  RunningEngine engine;
  Honest honest(engine);
  std::uint64_t seed = 20'261'121;
  CAPTURE(seed);
  std::mt19937_64 random(seed);
  std::string start = honest_start();
  for (int round = 0; round < 300; ++round) {
    std::string bytes = start;
    if (round % 3 == 0) {
      bytes.resize(1 + random() % 3000);
      for (char& c : bytes) c = static_cast<char>(random());
    } else {
      for (auto flips = 1 + random() % 8; flips > 0; --flips)
        bytes[random() % bytes.size()] ^= static_cast<char>(1u << random() % 8);
    }
    RawConnection connection(engine.port());
    connection.send(bytes);
    if (round % 2 == 0) connection.finish_sending();
    if (round % 50 == 0) honest.require_works();
  }
  honest.require_works();
}

TEST_CASE("a client that asks on and on and never reads is not read from any more, and costs little memory") {
  RunningEngine engine(FlagValues{{"listen.unauthenticated_message_bytes", "64KiB"}});
  Honest honest(engine);
  RawConnection connection(engine.port(), 4096);
  connection.send(honest_start());
  std::size_t taken = 0;
  bool stopped = false;
  std::string rest;
  for (std::uint32_t question = 10; !stopped && taken < (std::size_t{200} << 20); ++question) {
    rest = ping(question, 60'000) + finish(question);
    while (!rest.empty() && !stopped) {
      std::size_t sent = connection.send_some(rest, 2000);
      taken += sent;
      rest.erase(0, sent);
      stopped = sent == 0;
    }
  }
  INFO(taken << " bytes were taken");
  CHECK(stopped);
  CHECK(taken < std::size_t{64} << 20);
  honest.require_works();
}

TEST_CASE("questions that are never finished end their connection: soon before authentication, late after it") {
  RunningEngine engine;
  Honest honest(engine);
  auto bootstraps = [](std::uint32_t first, std::uint32_t count) {
    std::string all;
    for (std::uint32_t question = first; question < first + count; ++question) {
      capnp::MallocMessageBuilder message;
      message.initRoot<capnp::rpc::Message>().initBootstrap().setQuestionId(question);
      all += framed(message);
    }
    return all;
  };
  {
    std::atomic<int> said{0};
    SystemClock clock;
    auto count_reasons = [&](std::string_view line) {
      if (line.find("more questions unfinished than it may have") != std::string_view::npos) ++said;
    };
    start_logging({.level = LogLevel::warn, .sink = count_reasons}, clock);
    RawConnection connection(engine.port());
    connection.send(bootstraps(0, 250));
    CHECK_FALSE(connection.is_closed_within(300));
    connection.send(bootstraps(250, 250));
    CHECK(connection.is_closed_within(patience_ms));
    CHECK(test::comes_true([&] { return said > 0; }));
    CHECK(stop_logging());
    CHECK(said == 1);
  }
  {
    // Each finished before the next one is asked: any number of them.
    RawConnection connection(engine.port());
    for (std::uint32_t question = 0; question < 2000; ++question)
      REQUIRE(connection.send(bootstraps(question, 1) + finish(question)));
    CHECK_FALSE(connection.is_closed_within(300));
  }
  // All that it asks is there at once, the calls right behind the one that authenticates.
  RawConnection known(engine.port());
  std::string pings;
  for (std::uint32_t question = 2; question < 5000; ++question) pings += ping(question, 1);
  known.send(honest_start() + pings);
  CHECK_FALSE(known.is_closed_within(1000));
  bool closed = false;
  std::uint32_t asked = 5000;
  for (; !closed && asked < 200'000; asked += 1000)
    closed = !known.send(bootstraps(asked, 1000)) || known.is_closed_within(0);  // which reads the answers
  CHECK((closed || known.is_closed_within(patience_ms)));
  CHECK(asked > 65'536);
  honest.require_works();
}
