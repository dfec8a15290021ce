// How long a packet takes. Not part of the test run: build/<preset>/tests/cluster/peers/test_peer_wire "[.measure]"
#include <catch2/catch.hpp>

#include <sys/wait.h>

#include <algorithm>
#include <cstdio>

#include "tests/cluster/peers/wire_ends.h"

using namespace engram;
using namespace engram::test;
using Clock = std::chrono::steady_clock;

namespace {

constexpr std::uint64_t connection = 1;
constexpr std::size_t packet_bytes = 96;
constexpr std::size_t round_trips = 20'000;

/// A process that runs `work` and ends. Made before there are threads.
class Child {
 public:
  template <typename Work>
  explicit Child(Work work) : pid_(::fork()) {
    if (pid_ != 0) return;
    work();
    ::_exit(0);
  }
  ~Child() { ::waitpid(pid_, nullptr, 0); }

 private:
  pid_t pid_;
};

void print(const char* what, std::vector<double> microseconds) {
  std::sort(microseconds.begin(), microseconds.end());
  const std::size_t count = microseconds.size();
  std::printf("%-40s p50 %6.1f us, p99 %6.1f us, %zu round trips of %zu bytes\n", what, microseconds[count / 2],
              microseconds[count * 99 / 100], count, packet_bytes);
}

double microseconds_since(Clock::time_point begin) {
  return std::chrono::duration<double, std::micro>(Clock::now() - begin).count();
}

std::vector<double> bare_socket(int fd) {
  std::vector<double> times;
  char bytes[packet_bytes] = {};
  for (std::size_t i = 0; i < round_trips; ++i) {
    const auto begin = Clock::now();
    (void)::send(fd, bytes, sizeof bytes, MSG_NOSIGNAL);
    (void)::recv(fd, bytes, sizeof bytes, MSG_WAITALL);
    times.push_back(microseconds_since(begin));
  }
  return times;
}

}  // namespace

TEST_CASE("the round trip of a packet between two processes over TCP", "[.measure]") {
  {
    auto [ours, theirs] = tcp_pair();
    Child echo([fd = theirs] {
      char bytes[packet_bytes];
      while (::recv(fd, bytes, sizeof bytes, MSG_WAITALL) > 0) (void)::send(fd, bytes, sizeof bytes, MSG_NOSIGNAL);
    });
    print("a bare socket", bare_socket(ours));
    ::shutdown(ours, SHUT_RDWR);
    ::close(ours);
    ::close(theirs);
  }
  auto [ours, theirs] = tcp_pair();
  Child echo([ours_too = ours, fd = theirs] {
    ::close(ours_too);
    WireEnd end;
    end.on_packet = [&](std::uint64_t from, const PacketBytes& packet) { end->send(from, packet); };
    end->adopt(fd, connection, false);
    while (!end.goes_down(connection)) continue;
  });
  ::close(theirs);
  std::vector<double> times;
  Clock::time_point begin;
  WireEnd end;
  end.on_packet = [&](std::uint64_t from, const PacketBytes& packet) {  // each from the handler of the one before
    times.push_back(microseconds_since(begin));
    begin = Clock::now();
    if (times.size() < round_trips) end->send(from, packet);
  };
  end->adopt(ours, connection, true);
  REQUIRE(end.comes_up(connection));
  begin = Clock::now();
  end->send(connection, PacketBytes(packet_bytes, 'x'));
  REQUIRE(end.gets(connection, round_trips));
  print("a packet, from handler to handler", times);
  end->close(connection);
}
