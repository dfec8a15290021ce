#include <catch2/catch.hpp>

#include "tests/cluster/peers/wire_ends.h"

using namespace engram;
using namespace engram::test;

namespace {

void say_hello_both_ways(WireEnd& a, WireEnd& b, std::uint64_t connection) {
  REQUIRE(a.comes_up(connection));
  REQUIRE(b.comes_up(connection));
  const std::size_t at_a = a.packets(connection);
  const std::size_t at_b = b.packets(connection);
  a->send(connection, packet_of("forth"));
  b->send(connection, packet_of("back"));
  CHECK(a.gets(connection, at_a + 1));
  CHECK(b.gets(connection, at_b + 1));
}

}  // namespace

TEST_CASE("two nodes connect again while one of them has not noticed that the old connection is lost") {
  const bool caller_notices = GENERATE(true, false);
  const bool same_caller = GENERATE(true, false);
  constexpr std::int64_t unaware_ms = 4'000;  // enough to connect again on a slow machine
  WireEnd a({.heartbeat_ms = 20, .silence_ms = caller_notices ? 60'000 : unaware_ms});
  WireEnd b({.heartbeat_ms = 20, .silence_ms = caller_notices ? unaware_ms : 60'000});
  Relay relay;
  a->adopt(relay.first, 1, true);
  b->adopt(relay.second, 1, false);
  say_hello_both_ways(a, b, 1);
  relay.cut();
  WireEnd& notices = caller_notices ? a : b;
  WireEnd& unaware = caller_notices ? b : a;
  notices->close(1);
  REQUIRE(notices.goes_down(1).has_value());
  REQUIRE(unaware.is_up(1));

  connect(same_caller ? a : b, same_caller ? b : a, 2, unix_pair());
  say_hello_both_ways(a, b, 2);
  CHECK(unaware.is_up(1));

  // The end of the old one does not touch the new one.
  CHECK(unaware.goes_down(1).has_value());
  say_hello_both_ways(a, b, 2);
  CHECK(a.disorder().empty());
  CHECK(b.disorder().empty());
}

TEST_CASE("two connections of one pair of nodes are apart from each other, also when both nodes called") {
  WireEnd a;
  WireEnd b;
  connect(a, b, 1, unix_pair());
  connect(b, a, 2, unix_pair());
  connect(a, b, 3, unix_pair());
  for (std::uint64_t connection : {1, 2, 3}) say_hello_both_ways(a, b, connection);
  a->close(1);
  REQUIRE(b.goes_down(1).has_value());
  b->close(3);
  REQUIRE(a.goes_down(3).has_value());
  say_hello_both_ways(a, b, 2);
}

TEST_CASE("two nodes connect again and again, and nothing is left of it") {
  WireEnd a;
  WireEnd b;
  std::size_t files = 0;
  for (std::uint64_t connection = 1; connection <= 200; ++connection) {
    CAPTURE(connection);
    connect(a, b, connection, connection % 2 == 0 ? unix_pair() : tcp_pair());
    say_hello_both_ways(a, b, connection);
    (connection % 3 == 0 ? a : b)->close(connection);
    REQUIRE(a.goes_down(connection).has_value());
    REQUIRE(b.goes_down(connection).has_value());
    if (connection == 1) REQUIRE(comes_true([&] { return (files = open_files()) > 0; }));
  }
  CHECK(comes_true([&] { return open_files() <= files; }));
  CHECK(a.disorder().empty());
  CHECK(b.disorder().empty());
}

TEST_CASE("a node comes again as another process") {
  WireEnd a;
  for (std::uint64_t connection = 1; connection <= 20; ++connection) {
    WireEnd b;
    connect(a, b, connection, unix_pair());
    say_hello_both_ways(a, b, connection);
    b.stop();
    REQUIRE(a.goes_down(connection).has_value());
  }
}

TEST_CASE("a wire stops at once in the middle of traffic, also with peers that do not answer") {
  std::atomic<bool> stopping = false;
  WireEnd a({.silence_ms = 60'000, .setup_ms = 60'000});
  WireEnd b;
  b.on_packet = [&](std::uint64_t from, const PacketBytes& packet) { b->send(from, packet); };
  for (std::uint64_t connection = 1; connection <= 5; ++connection) connect(a, b, connection, unix_pair());
  for (std::uint64_t connection = 1; connection <= 5; ++connection) REQUIRE(a.comes_up(connection));
  auto [never_up, silent] = unix_pair();
  a->adopt(never_up, 6, true);
  Relay relay;
  a->adopt(relay.first, 7, true);
  b->adopt(relay.second, 7, false);
  REQUIRE(a.comes_up(7));
  relay.cut();
  std::thread traffic([&] {
    for (std::uint64_t i = 0; !stopping && i < 20'000; ++i) a->send(1 + i % 5, PacketBytes(1'000, 'x'));
  });
  for (int i = 0; i < 100; ++i) a->send(7, PacketBytes(64 << 10, 'x'));
  REQUIRE(comes_true([&] { return b.packets(1) > 0; }));
  stopping = true;
  traffic.join();

  const auto before = std::chrono::steady_clock::now();
  a.stop();
  CHECK(std::chrono::steady_clock::now() - before < std::chrono::seconds(30));  // and not when it gives them up
  CHECK(a.downs() == 7);
  for (std::uint64_t connection = 1; connection <= 5; ++connection) CHECK(b.goes_down(connection).has_value());
  CHECK(a.disorder().empty());
  CHECK(b.disorder().empty());
  ::close(silent);
}

TEST_CASE("a wire may be started and stopped without anything between, and with connections that just came") {
  for (std::uint64_t round = 0; round < 30; ++round) {
    WireEnd a;
    WireEnd b;
    for (std::uint64_t connection = 1; connection <= round % 4; ++connection) connect(a, b, connection, unix_pair());
    a.stop();
    CHECK(a.downs() == round % 4);
    b.stop();
    CHECK(b.downs() == round % 4);
  }
}
