#include <catch2/catch.hpp>

#include <future>
#include <random>

#include "tests/cluster/peers/wire_ends.h"

using namespace engram;
using namespace engram::test;

namespace {

constexpr std::uint64_t connection = 7;

struct Kind {
  static constexpr int server_handshake = 0, client_handshake = 1, direct = 2, routed = 3, monitor = 4, down = 5;
  static constexpr int heartbeat = 6;
};

/// A header of BASP as CAF writes it.
std::string header(int kind, std::uint32_t payload_bytes, int flags = 0, std::uint64_t data = 0, std::uint64_t source = 0,
                   std::uint64_t destination = 0) {
  std::string bytes = {static_cast<char>(kind), 0, 0, static_cast<char>(flags)};
  auto add = [&](std::uint64_t number, int size) {
    for (int i = size - 1; i >= 0; --i) bytes += static_cast<char>(number >> 8 * i);
  };
  add(payload_bytes, 4);
  for (std::uint64_t number : {data, source, destination}) add(number, 8);
  return bytes;
}

void write_all(int fd, const std::string& bytes) {
  REQUIRE(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size()));
}

/// Two ends with a connection that shows that the rest works.
struct Healthy {
  WireEnd a{{.heartbeat_ms = 50}};
  WireEnd b{{.heartbeat_ms = 50}};

  Healthy() {
    connect(a, b, 1, unix_pair());
    REQUIRE(a.comes_up(1));
    REQUIRE(b.comes_up(1));
  }
  void still_works() {
    const std::size_t before = b.packets(1);
    a->send(1, packet_of("hello"));
    CHECK(b.gets(1, before + 1));
    CHECK(a.disorder().empty());
    CHECK(b.disorder().empty());
  }
};

}  // namespace

TEST_CASE("a peer that says nothing from the start is given up once the set-up has taken too long") {
  const bool called = GENERATE(true, false);
  WireEnd a({.heartbeat_ms = 100, .setup_ms = 150});
  auto [ours, theirs] = unix_pair();
  a->adopt(ours, connection, called);
  CHECK(a.goes_down(connection)->code() == Code::deadline_exceeded);
  ::close(theirs);
}

TEST_CASE("a peer that stops to say anything is given up, and when it goes on it sees that") {
  std::promise<void> release;
  std::shared_future<void> released = release.get_future().share();
  WireEnd a({.heartbeat_ms = 20, .silence_ms = 2'000});
  WireEnd b({.heartbeat_ms = 20, .silence_ms = 60'000});
  b.on_packet = [&](std::uint64_t, const PacketBytes&) { released.wait(); };  // its thread stands still
  connect(a, b, connection, unix_pair());
  REQUIRE(a.comes_up(connection));
  a->send(connection, packet_of("stop"));
  auto why = a.goes_down(connection);
  release.set_value();
  REQUIRE(why.has_value());
  CHECK(why->code() == Code::unavailable);
  CHECK(why->message().find("2000 ms") != std::string::npos);
  CHECK(b.goes_down(connection).has_value());
}

TEST_CASE("a node that stood still does not take its own silence for that of its peers") {
  std::promise<void> stopped;
  WireEnd a({.heartbeat_ms = 20, .silence_ms = 60'000});
  WireEnd b({.heartbeat_ms = 20, .silence_ms = 2'000});
  b.on_packet = [&](std::uint64_t from, const PacketBytes&) {
    if (from != 2) return;
    stopped.set_value();
    pause_ms(4'000);
  };
  for (std::uint64_t number : {1, 2}) {
    connect(a, b, number, unix_pair());
    REQUIRE(a.comes_up(number));
  }
  a->send(2, packet_of("stop"));
  stopped.get_future().wait();
  pause_ms(200);  // its clock has ticked: it looks at that before the socket
  a->send(1, packet_of("go on"));
  CHECK(comes_true([&] { return b.packets(1) == 1 || b.downs() > 0; }));
  CHECK(b.packets(1) == 1);
}

TEST_CASE("a peer that does not read is given up, and what was to be sent to it with its socket") {
  const bool by_silence = GENERATE(true, false);
  WireEnd a({.heartbeat_ms = 20, .silence_ms = by_silence ? 2'000 : 60'000});
  WireEnd b;
  const std::size_t files = open_files();
  {
    Relay relay;
    a->adopt(relay.first, connection, true);
    b->adopt(relay.second, connection, false);
    REQUIRE(a.comes_up(connection));
    REQUIRE(b.comes_up(connection));
    relay.cut();
    for (int i = 0; i < 500; ++i) a->send(connection, PacketBytes(64 << 10, 'x'));
    if (!by_silence) a->close(connection);
    CHECK(a.goes_down(connection)->code() == (by_silence ? Code::unavailable : Code::cancelled));
  }
  CHECK(b.goes_down(connection).has_value());
  CHECK(comes_true([&] { return open_files() == files; }));
}

TEST_CASE("what is no BASP ends its connection, and nothing else") {
  const std::string garbage = GENERATE(
      std::string("GET / HTTP/1.1\r\nHost: localhost\r\n\r\n"), std::string(100, '\0'), std::string(100, '\xff'),
      header(Kind::client_handshake, 0xffff'ffff),                                // as large as can be
      header(Kind::client_handshake, 0), header(Kind::server_handshake, 0, 0, 1),  // CAF follows a null pointer
      header(Kind::client_handshake, 4, 2) + std::string(4, 'x'), header(Kind::client_handshake, 4) + std::string(4, 'x'),
      header(Kind::direct, 100, 0, 0, 0, 1), header(Kind::direct, 100, 1, 0, 0, 1), header(Kind::routed, 100, 0, 0, 0, 1),
      header(Kind::monitor, 10, 0, 0, 0, 1), header(Kind::down, 10, 0, 0, 1), header(Kind::heartbeat, 0),
      header(Kind::heartbeat, 9), header(77, 0));
  const bool called = GENERATE(true, false);
  Healthy healthy;
  auto [ours, theirs] = unix_pair();
  healthy.b->adopt(ours, connection, called);
  write_all(theirs, garbage);
  CHECK(healthy.b.goes_down(connection).has_value());
  healthy.still_works();
  ::close(theirs);
}

TEST_CASE("garbage behind a good beginning ends the connection") {
  const std::string garbage = GENERATE(
      std::string(40, '\xff'), header(Kind::client_handshake, 10, 2) + std::string(10, 'x'),
      header(Kind::direct, 0xffff'ff00, 0, 0, 0, 1), header(Kind::direct, 100, 0, 0, 0, 1),
      header(Kind::direct, 100, 1, 0, 0, 0x53f4'89a9'9cd8), header(Kind::heartbeat, 1),
      header(Kind::monitor, 10, 0, 0, 0, 1), header(Kind::routed, 200, 0, 0, 0, 9));
  const bool called = GENERATE(true, false);
  Healthy healthy;
  Relay relay;
  healthy.a->adopt(relay.first, connection, !called);
  healthy.b->adopt(relay.second, connection, called);
  REQUIRE(healthy.a.comes_up(connection));
  REQUIRE(healthy.b.comes_up(connection));
  relay.cut();
  relay.write_to_second(garbage);
  CHECK(healthy.b.goes_down(connection)->code() == Code::corrupt);
  healthy.still_works();
}

TEST_CASE("bytes that change on their way end the connection at most") {
  const auto first_seed = std::uint32_t{20'260'101};
  Healthy healthy;
  std::size_t ended = 0;
  for (std::uint32_t seed = first_seed; seed < first_seed + 200; ++seed) {
    CAPTURE(seed);
    std::mt19937 random(seed);
    const std::size_t at = random() % 1'000;  // of the bytes that the caller sends; the handshakes are some 300 of them
    const char flipped = static_cast<char>(1U << random() % 8);
    Relay relay([at, flipped, passed = std::size_t{0}](char* bytes, std::size_t size) mutable {
      if (passed <= at && at < passed + size) bytes[at - passed] = static_cast<char>(bytes[at - passed] ^ flipped);
      passed += size;
    });
    const bool forth = random() % 2 == 0;
    WireEnd& caller = forth ? healthy.a : healthy.b;
    WireEnd& called = forth ? healthy.b : healthy.a;
    caller->adopt(relay.first, seed, true);
    called->adopt(relay.second, seed, false);
    REQUIRE(comes_true([&] { return caller.is_up(seed) || caller.downs() + called.downs() > 2 * ended; }));
    for (int i = 0; i < 10; ++i) caller->send(seed, packet_of("some bytes that are a packet"));
    (void)comes_true([&] { return called.packets(seed) == 10 || !caller.is_up(seed) || !called.is_up(seed); });
    caller->close(seed);
    REQUIRE(caller.goes_down(seed).has_value());
    REQUIRE(called.goes_down(seed).has_value());
    ++ended;
  }
  healthy.still_works();
}

TEST_CASE("a packet over the limit ends the connection at whoever gets it") {
  WireEnd a({.max_packet_bytes = 1 << 20});
  WireEnd b({.max_packet_bytes = 80 << 10});
  const std::size_t size = GENERATE(std::size_t{80 << 10} + 1, std::size_t{1 << 20});
  connect(a, b, connection, unix_pair());
  REQUIRE(a.comes_up(connection));
  a->send(connection, packet_of("fits"));
  a->send(connection, PacketBytes(size, 'x'));
  auto why = b.goes_down(connection);
  REQUIRE(why.has_value());
  CHECK(why->code() == Code::too_large);
  CHECK(why->message().find("81920") != std::string::npos);
  CHECK(b.packets(connection) == 1);
  CHECK(a.goes_down(connection)->code() == Code::unavailable);
}

TEST_CASE("a packet over one's own limit is not sent: the connection ends") {
  WireEnd a({.max_packet_bytes = 100});
  WireEnd b;
  connect(a, b, connection, unix_pair());
  REQUIRE(a.comes_up(connection));
  a->send(connection, PacketBytes(101, 'x'));
  CHECK(a.goes_down(connection)->code() == Code::internal);
  CHECK(b.goes_down(connection).has_value());
  CHECK(b.packets(connection) == 0);
}

TEST_CASE("what is no stream socket goes down at once, and a number that is in use is refused") {
  Healthy healthy;
  int pipe[2];
  REQUIRE(::pipe(pipe) == 0);
  healthy.a->adopt(pipe[0], connection, true);
  CHECK(healthy.a.goes_down(connection)->code() == Code::internal);
  ::close(pipe[1]);
  healthy.a->adopt(-1, connection + 1, true);
  CHECK(healthy.a.goes_down(connection + 1)->code() == Code::internal);

  auto [ours, theirs] = unix_pair();
  healthy.a->adopt(ours, 1, true);
  char byte = 0;
  CHECK(comes_true([&, fd = theirs] { return ::recv(fd, &byte, 1, 0) == 0; }));
  ::close(theirs);
  healthy.still_works();
}
