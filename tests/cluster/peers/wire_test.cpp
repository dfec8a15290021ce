#include <catch2/catch.hpp>

#include <cstring>

#include "tests/cluster/peers/wire_ends.h"

using namespace engram;
using namespace engram::test;

namespace {

constexpr std::uint64_t connection = 7;

PacketBytes numbered(std::uint32_t number, std::size_t size) {
  PacketBytes packet(size, static_cast<char>(number));
  std::memcpy(packet.data(), &number, sizeof number);
  return packet;
}

/// Whether the packets are 0, 1, 2 ... and whole.
struct InOrder {
  std::uint32_t next = 0;
  std::atomic<bool> broken = false;
  std::size_t size;

  explicit InOrder(std::size_t packet_size) : size(packet_size) {}
  void operator()(const PacketBytes& packet) {
    if (packet != numbered(next++, size)) broken = true;
  }
};

void exchange(SocketPair sockets, std::uint32_t count, std::size_t size, const PeerWireOptions& options = {}) {
  InOrder forth(size);
  InOrder back(size);
  WireEnd a(options);
  WireEnd b(options);
  a.on_packet = [&](std::uint64_t, const PacketBytes& packet) { back(packet); };
  b.on_packet = [&](std::uint64_t, const PacketBytes& packet) { forth(packet); };
  connect(a, b, connection, sockets);
  REQUIRE(a.comes_up(connection));
  REQUIRE(b.comes_up(connection));
  std::thread answers([&] {
    for (std::uint32_t i = 0; i < count; ++i) b->send(connection, numbered(i, size));
  });
  for (std::uint32_t i = 0; i < count; ++i) a->send(connection, numbered(i, size));
  answers.join();
  CHECK(a.gets(connection, count));
  CHECK(b.gets(connection, count));
  CHECK_FALSE(forth.broken);
  CHECK_FALSE(back.broken);
}

}  // namespace

TEST_CASE("small packets go both ways at once, whole and in order") {
  SECTION("over TCP") { exchange(tcp_pair(), 100'000, 96); }
  SECTION("over Unix sockets") { exchange(unix_pair(), 100'000, 96); }
  SECTION("between ends that stay awake") { exchange(tcp_pair(), 100'000, 96, {.busy_poll_us = 400}); }
}

TEST_CASE("packets of 64 KiB go both ways at once, whole and in order") {
  SECTION("over TCP") { exchange(tcp_pair(), 1'000, 64 << 10); }
  SECTION("over Unix sockets") { exchange(unix_pair(), 1'000, 64 << 10); }
}

TEST_CASE("a packet may be empty, and as large as the limit") {
  const PeerWireOptions options{.max_packet_bytes = 1000};
  WireEnd a(options);
  WireEnd b(options);
  connect(a, b, connection, unix_pair());
  REQUIRE(a.comes_up(connection));
  a->send(connection, {});
  a->send(connection, PacketBytes(1000, 'x'));
  REQUIRE(b.gets(connection, 2));
  CHECK(b.last_packet(connection).size() == 1000);
}

TEST_CASE("handlers may answer, and the answers go to the connection that asked") {
  WireEnd a;
  WireEnd b;
  b.on_packet = [&](std::uint64_t from, const PacketBytes& packet) { b->send(from, packet); };
  b.on_up = [&](std::uint64_t up) { b->send(up, packet_of("welcome")); };
  for (std::uint64_t number = 1; number <= 3; ++number) connect(a, b, number, unix_pair());
  for (std::uint64_t number = 1; number <= 3; ++number) {
    REQUIRE(a.gets(number, 1));
    CHECK(a.last_packet(number) == packet_of("welcome"));
    a->send(number, packet_of(std::to_string(number)));
    REQUIRE(a.gets(number, 2));
    CHECK(a.last_packet(number) == packet_of(std::to_string(number)));
  }
}

TEST_CASE("several threads send on one connection, each in its order") {
  constexpr std::uint32_t senders = 4;
  constexpr std::uint32_t each = 5'000;
  std::vector<std::uint32_t> next(senders, 0);
  std::atomic<bool> broken = false;
  WireEnd a;
  WireEnd b;
  b.on_packet = [&](std::uint64_t, const PacketBytes& packet) {
    std::uint32_t sender = 0;
    std::uint32_t number = 0;
    std::memcpy(&sender, packet.data(), sizeof sender);
    std::memcpy(&number, packet.data() + sizeof sender, sizeof number);
    if (next[sender]++ != number) broken = true;
  };
  connect(a, b, connection, unix_pair());
  REQUIRE(a.comes_up(connection));
  std::vector<std::thread> threads;
  for (std::uint32_t sender = 0; sender < senders; ++sender) {
    threads.emplace_back([&a, sender] {
      for (std::uint32_t number = 0; number < each; ++number) {
        PacketBytes packet(sizeof sender + sizeof number);
        std::memcpy(packet.data(), &sender, sizeof sender);
        std::memcpy(packet.data() + sizeof sender, &number, sizeof number);
        a->send(connection, std::move(packet));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(b.gets(connection, senders * each));
  CHECK_FALSE(broken);
}

TEST_CASE("a connection that either end closes goes down at both, once, and the process keeps nothing open") {
  WireEnd a;
  WireEnd b;
  const std::size_t files = open_files();
  connect(a, b, connection, GENERATE(unix_pair, tcp_pair)());
  REQUIRE(a.comes_up(connection));
  REQUIRE(b.comes_up(connection));
  WireEnd& closing = GENERATE(true, false) ? a : b;
  WireEnd& other = &closing == &a ? b : a;
  closing->close(connection);
  closing->close(connection);

  CHECK(closing.goes_down(connection)->code() == Code::cancelled);
  auto why = other.goes_down(connection);
  REQUIRE(why.has_value());
  CHECK(why->code() == Code::unavailable);
  CHECK(why->message().find("closed the connection") != std::string::npos);
  a->send(connection, packet_of("too late"));
  b->send(connection, packet_of("too late"));
  a->close(connection);
  CHECK(comes_true([&] { return open_files() == files; }));
  CHECK(a.packets(connection) + b.packets(connection) == 0);
  CHECK(a.disorder().empty());
  CHECK(b.disorder().empty());
}

TEST_CASE("a connection can be closed before it is up, also by the handler that is told of it") {
  WireEnd a;
  WireEnd b;
  SECTION("at once") {
    connect(a, b, connection, unix_pair());
    a->close(connection);
  }
  SECTION("in the handler") {
    a.on_up = [&](std::uint64_t up) { a->close(up); };
    connect(a, b, connection, unix_pair());
  }
  CHECK(a.goes_down(connection)->code() == Code::cancelled);
  CHECK(b.goes_down(connection).has_value());
  CHECK(a.disorder().empty());
  CHECK(b.disorder().empty());
}

TEST_CASE("a connection with nothing to say stays up") {
  const PeerWireOptions options{.heartbeat_ms = 50, .silence_ms = 3'000};  // so that a slow machine does not seem silent
  WireEnd a(options);
  WireEnd b(options);
  connect(a, b, connection, unix_pair());
  REQUIRE(a.comes_up(connection));
  pause_ms(5'000);  // heartbeats only
  CHECK(a.is_up(connection));
  CHECK(b.is_up(connection));
}

TEST_CASE("both ends have to mean the same connection, and one of them has to have called") {
  WireEnd a({.heartbeat_ms = 20, .setup_ms = 2'000});
  WireEnd b({.heartbeat_ms = 20, .setup_ms = 2'000});
  SocketPair sockets = unix_pair();
  SECTION("another number") {
    a->adopt(sockets.first, 1, true);
    b->adopt(sockets.second, 2, false);
    CHECK(b.goes_down(2)->code() == Code::corrupt);
  }
  SECTION("both called") {
    a->adopt(sockets.first, 1, true);
    b->adopt(sockets.second, 2, true);
    CHECK(b.goes_down(2).has_value());
  }
  SECTION("nobody called") {
    a->adopt(sockets.first, 1, false);
    b->adopt(sockets.second, 2, false);
    CHECK(b.goes_down(2).has_value());
  }
  SECTION("both ends in one wire") {
    a->adopt(sockets.first, 1, true);
    a->adopt(sockets.second, 2, false);
    CHECK(a.goes_down(2).has_value());
  }
  CHECK(a.goes_down(1).has_value());
  CHECK(a.disorder().empty());
  CHECK(b.disorder().empty());
}
