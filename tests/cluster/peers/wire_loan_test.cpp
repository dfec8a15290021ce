// The wire's loop, run by other threads for a while.

#include <catch2/catch.hpp>

#include <cstring>

#include "tests/cluster/peers/wire_ends.h"

using namespace engram;
using namespace engram::test;

namespace {

constexpr std::uint64_t connection = 7;

PacketBytes numbered(std::uint32_t number) {
  PacketBytes packet(96);
  std::memcpy(packet.data(), &number, sizeof number);
  return packet;
}

/// Runs a loop on this thread until a packet more has come, and answers where it was handled.
std::thread::id next_packet(WireEnd& end, SharedLoop& loop, const std::atomic<std::thread::id>& handled_by) {
  const std::size_t before = end.packets(connection);
  auto came = [&] {
    loop.run_some();
    return end.packets(connection) > before;
  };
  REQUIRE(comes_true(came, 0));
  return handled_by;
}

}  // namespace

TEST_CASE("who borrows the wire's loop sends and hears on its own thread, until it gives the loop back") {
  std::atomic<std::thread::id> handled_by;
  WireEnd a;
  WireEnd b;
  a.on_packet = [&](std::uint64_t, const PacketBytes&) { handled_by = std::this_thread::get_id(); };
  b.on_packet = [&](std::uint64_t from, const PacketBytes& packet) { b->send(from, packet); };
  connect(a, b, connection, GENERATE(unix_pair, tcp_pair)());
  REQUIRE(a.comes_up(connection));
  auto loop = a->loop();

  loop->borrow();
  // The wire's own thread may be in the middle of something. From the first packet on that it leaves to us, it rests.
  std::thread::id thread;
  for (std::uint32_t i = 0; i < 1'000 && thread != std::this_thread::get_id(); ++i) {
    a->send(connection, numbered(i));
    thread = next_packet(a, *loop, handled_by);
  }
  for (std::uint32_t i = 0; i < 200; ++i) {
    a->send(connection, numbered(i));
    REQUIRE(next_packet(a, *loop, handled_by) == std::this_thread::get_id());
  }

  loop->give_back();
  const std::size_t before = a.packets(connection);
  a->send(connection, numbered(0));
  CHECK(a.gets(connection, before + 1));
  CHECK(handled_by.load() != std::this_thread::get_id());
}

TEST_CASE("packets stay whole and in order while threads borrow both loops and give them back") {
  constexpr std::uint32_t count = 20'000;
  WireEnd a;
  WireEnd b;
  std::uint32_t next_at_a = 0;
  std::uint32_t next_at_b = 0;
  std::atomic<bool> broken = false;
  a.on_packet = [&](std::uint64_t, const PacketBytes& packet) { if (packet != numbered(next_at_a++)) broken = true; };
  b.on_packet = [&](std::uint64_t, const PacketBytes& packet) { if (packet != numbered(next_at_b++)) broken = true; };
  connect(a, b, connection, unix_pair());
  REQUIRE(a.comes_up(connection));
  REQUIRE(b.comes_up(connection));

  std::atomic<bool> over = false;
  auto borrow_again_and_again = [&over](std::shared_ptr<SharedLoop> loop, int rounds) {
    while (!over) {
      loop->borrow();
      for (int i = 0; i < rounds; ++i) loop->run_some();
      loop->give_back();
      std::this_thread::yield();
    }
  };
  std::vector<std::thread> threads;
  threads.emplace_back(borrow_again_and_again, a->loop(), 50);
  threads.emplace_back(borrow_again_and_again, a->loop(), 3);
  threads.emplace_back(borrow_again_and_again, b->loop(), 20);
  threads.emplace_back([&] { for (std::uint32_t i = 0; i < count; ++i) a->send(connection, numbered(i)); });
  for (std::uint32_t i = 0; i < count; ++i) b->send(connection, numbered(i));
  CHECK(a.gets(connection, count));
  CHECK(b.gets(connection, count));
  over = true;
  for (std::thread& thread : threads) thread.join();
  CHECK_FALSE(broken);
}

TEST_CASE("a wire ends also while its loop is borrowed: then its connections go down, and the loan is void") {
  WireEnd a;
  WireEnd b;
  connect(a, b, connection, unix_pair());
  REQUIRE(a.comes_up(connection));
  auto loop = a->loop();
  loop->borrow();
  std::thread stop([&] { a.stop(); });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));  // so that the end has begun, most likely
  for (int i = 0; i < 10; ++i) loop->run_some();
  loop->give_back();
  stop.join();

  CHECK(a.downs() == 1);
  CHECK(b.goes_down(connection).has_value());
  loop->borrow();
  CHECK_FALSE(loop->run_some());
  loop->give_back();
}
