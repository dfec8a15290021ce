// Nodes that find each other, without encryption.

#include <catch2/catch.hpp>

#include <atomic>
#include <thread>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

#include "tests/cluster/peers/network_node.h"
#include "tests/support/cluster_flags.h"

using namespace engram;
using test::Node;

namespace {

/// Where nobody listens until the test does: not of the ports that the system gives to whoever connects.
std::string unused_address() { return test::loopback_address(0) + ":9472"; }

int option(int fd, int level, int name) {
  int value = 0;
  socklen_t size = sizeof value;
  ::getsockopt(fd, level, name, &value, &size);
  return value;
}

}  // namespace

TEST_CASE("both ends of a connection know whom they have, and by which number it goes") {
  Node first(0, {}, [](PeerNetworkOptions&, Introduction& self) { self.newest_level = 5; });
  Node second(1, {first.address()}, [](PeerNetworkOptions&, Introduction& self) {
    self.version = "0.2.0";
    self.feature_level = 4;
    self.newest_level = 6;
    self.client_address = "10.0.0.7:9470";
    self.incarnation = {17, 0xFFFF'0000'1234'5678};
  });
  auto pair = test::connect(second, 0, first);
  CHECK(pair.calling_end.called);
  CHECK_FALSE(pair.answering_end.called);
  CHECK(pair.calling_end.connection == pair.answering_end.connection);
  CHECK(pair.calling_end.peer.ordinal == 0);
  const Introduction& caller = pair.answering_end.peer;
  CHECK(caller.ordinal == 1);
  CHECK(caller.cluster_id == test::id_of(1));
  CHECK(caller.disk_id == test::id_of(11));
  CHECK(caller.name == "engram");
  CHECK(caller.nodes == 3);
  CHECK(caller.partitions == 16);
  CHECK(caller.version == "0.2.0");
  CHECK(caller.feature_level == 4);
  CHECK(caller.knows_level() == 6);
  CHECK(caller.client_address == "10.0.0.7:9470");
  CHECK(caller.incarnation == Incarnation{17, 0xFFFF'0000'1234'5678});
  CHECK(second.network().last_failure(0).ok());
}

TEST_CASE("a socket that was handed over is the plain connection, non-blocking, and closed on exec") {
  Node first(0), second(1, {first.address()});
  auto pair = test::connect(second, 0, first);
  for (int fd : {pair.calling.fd(), pair.answering.fd()}) {
    CHECK((::fcntl(fd, F_GETFL) & O_NONBLOCK) != 0);
    CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    CHECK(option(fd, IPPROTO_TCP, TCP_NODELAY) != 0);
    CHECK(option(fd, SOL_SOCKET, SO_KEEPALIVE) != 0);
  }
}

TEST_CASE("what is sent at once behind the handshake arrives whole, both ways, and then the end") {
  Node first(0), second(1, {first.address()});
  auto pair = test::connect(second, 0, first);
  std::string there = test::pattern(1 << 20, 1), back = test::pattern(1 << 20, 2);
  auto passes = [](test::Socket& from, test::Socket& to, const std::string& bytes) {
    std::thread sender([&] { from.send(bytes); });
    bool same = to.receive(bytes.size()) == bytes;
    sender.join();
    return same;
  };
  CHECK(passes(pair.calling, pair.answering, there));
  CHECK(passes(pair.answering, pair.calling, back));
  pair.answering.close();
  CHECK(pair.calling.at_end());
}

TEST_CASE("three nodes connect each with each, by one connection a pair") {
  Node first(0), second(1, {first.address()}), third(2, {first.address(), second.address()});
  auto pair = test::connect(third, 1, second);
  second.network().call(0);
  third.network().call(0);
  std::vector<std::uint32_t> callers;
  for (int i = 0; i < 2; ++i) {
    PeerSocket socket = first.connection();
    callers.push_back(socket.peer.ordinal);
    ::close(socket.fd);
  }
  CHECK_THAT(callers, Catch::UnorderedEquals(std::vector<std::uint32_t>{1, 2}));
}

TEST_CASE("a call that is repeated makes one connection") {
  Node first(0), second(1, {first.address()});
  for (int i = 0; i < 20; ++i) second.network().call(0);
  ::close(second.connection().fd);
  ::close(first.connection().fd);
  // Were there others they would come before one that was asked for later.
  second.network().call(0);
  auto again = second.connection();
  CHECK(first.connection().connection == again.connection);
  ::close(again.fd);
  CHECK_FALSE(first.has_connection());
}

TEST_CASE("a node that appears later is connected, and what went wrong before is forgotten") {
  std::string address = unused_address();
  Node second(1, {address});
  second.network().call(0);
  CHECK(second.failure(0, "refused") == address + ": connection refused");
  Node first(0, {}, [&](PeerNetworkOptions& options, Introduction&) { options.listen = address; });
  CHECK(second.connection().peer.ordinal == 0);
  CHECK(second.forgets_failure(0));
}

TEST_CASE("an address that leads nowhere is like a node that is away") {
  Node second(3, {"nowhere.invalid:9472", "no port", "127.0.0.1:1"}, [](PeerNetworkOptions& options, Introduction&) {
    options.connect_timeout_ms = 300;  // a name server that does not answer
  });
  for (std::uint32_t ordinal : {0u, 1u, 2u, 3u, 4u, 70'000u}) second.network().call(ordinal);
  CHECK_THAT(second.failure(0), Catch::StartsWith("nowhere.invalid:9472: "));
  CHECK_THAT(second.failure(1, "no port"), Catch::Contains("write host:port"));
  CHECK(second.failure(2, "refused") == "127.0.0.1:1: connection refused");
  CHECK_THAT(second.failure(3, "itself"), Catch::Contains("node 3"));
  CHECK_THAT(second.failure(4, "no address"), Catch::Contains("cluster.peers"));
  CHECK_THAT(second.failure(70'000, "no address"), Catch::Contains("node 70000"));
}

TEST_CASE("nobody is called any more who is not to be called") {
  std::string address = unused_address();
  Node second(1, {address});
  second.network().call(0);
  second.failure(0);
  second.network().stop_calling(0);
  Node first(0, {}, [&](PeerNetworkOptions& options, Introduction&) { options.listen = address; });
  // Whoever is called behind it was handled later.
  Node other(2);
  Node caller(1, {address, "", other.address()});
  ::close(test::connect(caller, 2, other).calling_end.fd);
  CHECK_FALSE(first.has_connection());
  second.network().call(0);
  CHECK(second.connection().peer.ordinal == 0);
}

TEST_CASE("pauses between calls double, and calling again does not shorten them") {
  std::string address = unused_address();
  struct CountingRandom final : Random {
    std::atomic<int>& calls;
    explicit CountingRandom(std::atomic<int>& counter) : calls(counter) {}
    void fill(std::span<std::byte> out) override {
      ++calls;  // one for the jitter of each pause
      for (std::byte& byte : out) byte = std::byte{0};
    }
  };
  std::atomic<int> pauses{0};
  CountingRandom random(pauses);
  SystemClock clock;
  PeerNetworkOptions options;
  options.ordinal = 1;
  options.listen = "127.0.0.1:0";
  options.addresses = {address};
  options.introduce = [] { return Introduction{}; };
  options.judge = [](const Introduction&) { return Status(); };
  options.connected = [](const PeerSocket& socket) { ::close(socket.fd); };
  options.refused = [](std::uint32_t, bool, const Status&) {};
  options.shortest_pause_ms = 20;
  options.longest_pause_ms = 160;
  auto network = PeerNetwork::start(options, clock, random);
  REQUIRE(network.ok());
  // With no jitter to be added, a pause is three quarters: 15, 30, 60, 120, 120 ... ms.
  // Its owner is impatient, and sometimes changes its mind.
  auto begin = std::chrono::steady_clock::now();
  for (int seen = 0; pauses < 6 && std::chrono::steady_clock::now() - begin < test::longest_wait;) {
    if (seen != pauses) network.value()->stop_calling(0);
    seen = pauses;
    network.value()->call(0);
    test::pause_ms(1);
  }
  CHECK(pauses >= 6);
  CHECK(std::chrono::steady_clock::now() - begin >= std::chrono::milliseconds(15 + 30 + 60 + 120 + 120));
}

TEST_CASE("a port that is taken, and an address that is none, are said at the start") {
  Node first(0);
  auto listen_on = [](const std::string& address) { return [address](PeerNetworkOptions& options, Introduction&) {
    options.listen = address;
  }; };
  CHECK_THROWS_WITH(Node(1, {}, listen_on(first.address())), Catch::Contains("the port is in use"));
  CHECK_THROWS_WITH(Node(1, {}, listen_on("engram-1")), Catch::Contains("has no port"));
}

TEST_CASE("a network that is calling, connecting or shaking hands ends at once") {
  test::Socket silent(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));  // takes connections, and says nothing
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(::bind(silent.fd(), reinterpret_cast<sockaddr*>(&address), size) == 0);
  REQUIRE(::listen(silent.fd(), 8) == 0);
  REQUIRE(::getsockname(silent.fd(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  auto slowly = [](PeerNetworkOptions& options, Introduction&) {
    options.connect_timeout_ms = options.handshake_timeout_ms = 60'000;
    options.longest_pause_ms = options.shortest_pause_ms = 60'000;
  };
  auto node = std::make_unique<Node>(3, std::vector<std::string>{"127.0.0.1:" + std::to_string(ntohs(address.sin_port)),
                                                                 unused_address(), "nowhere.invalid:9472"}, slowly);
  for (std::uint32_t ordinal = 0; ordinal < 3; ++ordinal) node->network().call(ordinal);
  test::Socket arrived(::accept(silent.fd(), nullptr, nullptr));  // it is in the handshake now
  node->failure(1);                                               // and in a pause
  auto begin = std::chrono::steady_clock::now();
  node.reset();
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(30));  // and not when it gives them up
}
