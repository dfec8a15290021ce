// Whoever is no node, or no honest one: it gets nothing, and keeps nobody else out.

#include <catch2/catch.hpp>

#include <list>
#include <thread>

#include "cluster/peers/network_hello.h"
#include "tests/cluster/gateway/raw_connection.h"
#include "tests/cluster/peers/network_node.h"
#include "tests/support/no_files_left.h"
#include "tests/support/seeded_random.h"

using namespace engram;
using test::Node;
using test::RawConnection;

namespace {

std::string bytes_of(const kj::Array<capnp::word>& message) {
  auto bytes = message.asBytes();
  return {reinterpret_cast<const char*>(bytes.begin()), bytes.size()};
}

std::string framing(std::initializer_list<std::uint32_t> numbers) {
  std::string bytes;
  for (std::uint32_t number : numbers) bytes.append(reinterpret_cast<const char*>(&number), sizeof number);
  return bytes;
}

PeerGreeting greeting_of(std::uint32_t ordinal) {
  PeerGreeting greeting;
  greeting.self = {test::id_of(1), test::id_of(2), "engram", ordinal, 3, 16, 1, "0.9.0", {1, 1}};
  greeting.connection = 77;
  return greeting;
}

/// What a node says to a hello: its own, and its verdict.
Status hear_verdict(RawConnection& node) {
  (void)node.hear_message();
  std::string said = node.hear_message();
  auto words = kj::heapArray<capnp::word>(said.size() / sizeof(capnp::word));
  std::memcpy(words.begin(), said.data(), words.asBytes().size());
  Status verdict;
  Status parsed = parse_verdict(words, verdict);
  if (!parsed.ok()) throw std::runtime_error(parsed.message());
  return verdict;
}

void check_serves(Node& node) {
  Node caller(1, {node.address()});
  caller.network().call(0);
  CHECK(caller.connection().peer.ordinal == 0);
}

/// Listens, and says `answer` to whoever comes.
class Impostor {
 public:
  explicit Impostor(std::string answer) : listening_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    if (::bind(listening_.fd(), reinterpret_cast<sockaddr*>(&address), size) != 0 || ::listen(listening_.fd(), 16) != 0)
      throw std::runtime_error("no port");
    ::getsockname(listening_.fd(), reinterpret_cast<sockaddr*>(&address), &size);
    address_ = "127.0.0.1:" + std::to_string(ntohs(address.sin_port));
    thread_ = std::thread([this, answer = std::move(answer)] {
      for (int fd = 0; (fd = ::accept(listening_.fd(), nullptr, nullptr)) >= 0;) {
        test::Socket caller(fd);
        (void)!::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
        ::shutdown(fd, SHUT_WR);
        while (!caller.receive(1).empty()) {
        }
      }
    });
  }
  ~Impostor() {
    ::shutdown(listening_.fd(), SHUT_RDWR);
    thread_.join();
  }
  [[nodiscard]] const std::string& address() const { return address_; }

 private:
  test::Socket listening_;
  std::string address_;
  std::thread thread_;
};

}  // namespace

TEST_CASE("what is no hello ends the connection at once") {
  Node node(0, {}, [](PeerNetworkOptions& options, Introduction&) { options.handshake_timeout_ms = 2 * test::longest_wait_ms; });
  std::string hello = bytes_of(hello_message(greeting_of(1)));
  std::string padding(4096, '\0');
  for (const std::string& bytes : {
           std::string("GET / HTTP/1.1\r\nHost: engram\r\n\r\n"),
           framing({0xFFFF'FFFF, 1}),                      // 2^32 segments
           framing({4, 0}),                                // five
           framing({0, 512}),                              // one of 4 KiB, and its framing
           framing({0, 0xFFFF'FFFF}),                      // one of 32 GiB
           framing({1, 0xFFFF'FFFF, 0xFFFF'FFFF, 0}),      // two whose sum overflows 32 bits
           framing({0, 0}),                                // nothing in it
           framing({0, 1}) + "\xff\xff\xff\xff\xff\xff\xff\xff",
           framing({3, 1, 1, 1, 1, 0}) + padding,
           hello.substr(0, 8) + padding.substr(0, 40) + hello.substr(48),
       }) {
    RawConnection stranger(node.port());
    stranger.send(bytes);
    CHECK(stranger.is_closed_within(test::longest_wait_ms));
  }
  check_serves(node);
}

TEST_CASE("random bytes harm nobody") {
  Node node(0, {}, [](PeerNetworkOptions& options, Introduction&) { options.handshake_timeout_ms = 500; });
  std::uint64_t seed = 31;
  INFO("seed " << seed);
  test::SeededRandom random(seed);
  std::string hello = bytes_of(hello_message(greeting_of(1)));
  for (int i = 0; i < 200; ++i) {
    std::string bytes = hello;
    for (int changes = 0; changes < 4; ++changes) bytes[random.next64() % bytes.size()] = static_cast<char>(random.next64());
    RawConnection stranger(node.port());
    stranger.send(bytes);
    stranger.finish_sending();
    CHECK(stranger.is_closed_within(test::longest_wait_ms));
  }
  check_serves(node);
}

TEST_CASE("a caller of another protocol is told which ones are spoken here") {
  Node node(0);
  PeerGreeting greeting = greeting_of(1);
  greeting.oldest_protocol = greeting.newest_protocol = 2;
  RawConnection caller(node.port());
  caller.send(bytes_of(hello_message(greeting)));
  Status verdict = hear_verdict(caller);
  CHECK(verdict.code() == Code::unsupported);
  CHECK_THAT(verdict.message(), Catch::Contains("(version 0.9.0) speaks 2 to 2") && Catch::Contains("Upgrade"));
  auto said = node.refusal();
  CHECK(said.ordinal == 1);
  CHECK_FALSE(said.by_peer);
  CHECK(said.status.message() == verdict.message());
}

TEST_CASE("a node of another protocol that is called is refused, even if it would talk") {
  PeerGreeting greeting = greeting_of(0);
  greeting.oldest_protocol = greeting.newest_protocol = 2;
  Impostor impostor(bytes_of(hello_message(greeting)) + bytes_of(verdict_message({})));
  Node caller(1, {impostor.address()});
  caller.network().call(0);
  auto said = caller.refusal();
  CHECK_FALSE(said.by_peer);
  CHECK(said.status.code() == Code::unsupported);
  CHECK_FALSE(caller.has_connection());
}

TEST_CASE("a node that answers for another one, or with nonsense, is not taken for it") {
  Impostor other(bytes_of(hello_message(greeting_of(2))) + bytes_of(verdict_message({})));
  Impostor nonsense("220 mail.example ESMTP\r\n" + std::string(100, ' '));
  Impostor silent("");
  Node caller(1, {other.address(), "", nonsense.address(), silent.address()});
  caller.network().call(0);
  CHECK_THAT(caller.refusal().status.message(), Catch::Contains("called node 0 and came to node 2"));
  caller.network().call(2);
  CHECK_THAT(caller.failure(2), Catch::StartsWith(nonsense.address()) && Catch::Contains("larger than it may be"));
  caller.network().call(3);
  CHECK_THAT(caller.failure(3), Catch::StartsWith(silent.address()) && Catch::Contains("closed the connection"));
  CHECK_FALSE(caller.has_connection());
}

TEST_CASE("whoever says nothing, or half of it, is sent away, and others connect meanwhile") {
  Node node(0, {}, [](PeerNetworkOptions& options, Introduction&) { options.handshake_timeout_ms = 1000; });
  std::string hello = bytes_of(hello_message(greeting_of(1)));
  RawConnection silent(node.port()), half(node.port()), undecided(node.port());
  half.send(hello.substr(0, 20));
  undecided.send(hello);  // and no verdict
  check_serves(node);
  CHECK(silent.is_closed_within(test::longest_wait_ms));
  CHECK(half.is_closed_within(test::longest_wait_ms));
  CHECK(undecided.is_closed_within(test::longest_wait_ms));
}

TEST_CASE("two hundred strangers at once hold as many places as there are, and no longer than a handshake may take") {
  auto with_handshakes_of = [](std::int64_t timeout_ms) {
    return [timeout_ms](PeerNetworkOptions& options, Introduction&) { options.handshake_timeout_ms = timeout_ms; };
  };
  auto connect_strangers = [](const Node& node) {
    std::list<RawConnection> strangers;
    while (strangers.size() < 200) strangers.emplace_back(node.port());
    return strangers;
  };
  {
    Node patient(0, {}, with_handshakes_of(2 * test::longest_wait_ms));
    auto strangers = connect_strangers(patient);
    CHECK(strangers.back().is_closed_within(test::longest_wait_ms));  // beyond the limit: without waiting
  }
  Node node(0, {}, with_handshakes_of(1500));
  auto strangers = connect_strangers(node);
  check_serves(node);  // when places are free again
  for (auto& stranger : strangers) CHECK(stranger.is_closed_within(test::longest_wait_ms));
}

TEST_CASE("a node that has no file descriptors left listens on") {
  Node node(0);
  RawConnection waiting;
  {
    test::NoFilesLeft none;
    waiting.connect(node.port());
    waiting.send(bytes_of(hello_message(greeting_of(1))));
    CHECK(waiting.heard_within(300).empty());
  }
  CHECK(hear_verdict(waiting).ok());
  check_serves(node);
}
