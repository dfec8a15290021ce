// Nodes that connect by TLS: with certificates of one authority, each with its own.

#include <catch2/catch.hpp>

#include <algorithm>
#include <filesystem>
#include <thread>

#include <sys/stat.h>

#include "tests/cluster/gateway/raw_connection.h"
#include "tests/cluster/peers/network_node.h"
#include "tests/support/certificates.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/text_file.h"

using namespace engram;
using test::Authority;
using test::Node;

namespace {

std::string name_of(std::uint32_t ordinal) { return "engram-" + std::to_string(ordinal); }

/// What one node has of certificates.
class Credentials {
 public:
  Credentials(Authority& trusted, const test::PemPair& pair) {
    test::write_text(directory_ / "ca.pem", trusted.pem());
    put(pair);
    auto opened = TlsFiles::open({directory_ / "node.pem", directory_ / "node.key", directory_ / "ca.pem"}, clock_);
    if (!opened.ok()) throw std::runtime_error(opened.status().message());
    files_ = std::move(opened).value();
  }
  void put(const test::PemPair& pair) {
    for (const auto& [name, text] : {std::pair("node.pem", pair.certificate), std::pair("node.key", pair.key)}) {
      test::write_text(directory_ / "new", text);
      ::chmod((directory_ / "new").c_str(), 0600);
      std::filesystem::rename(directory_ / "new", directory_ / name);
    }
  }
  [[nodiscard]] TlsFiles& files() { return *files_; }
  [[nodiscard]] Node::Change use() {
    return [this](PeerNetworkOptions& options, Introduction&) {
      options.tls = files_.get();
      options.certificate_name = "engram-{}";
    };
  }

 private:
  SystemClock clock_;
  test::TemporaryDirectory directory_;
  std::unique_ptr<TlsFiles> files_;
};

test::PemPair signed_for(Authority& authority, std::uint32_t ordinal) {
  return authority.sign(name_of(ordinal), "DNS:" + name_of(ordinal));
}

struct Cluster {
  Authority authority{"cluster"};
  Credentials first_files{authority, signed_for(authority, 0)}, second_files{authority, signed_for(authority, 1)};
  Node first{0, {}, first_files.use()};
  Node second{1, {first.address()}, second_files.use()};
};

/// How many bytes go out before nobody takes any for half a second.
std::size_t send_what_fits(const test::Socket& socket, const std::string& bytes) {
  std::size_t sent_bytes = 0;
  pollfd poll{socket.fd(), POLLOUT, 0};
  while (sent_bytes < bytes.size() && ::poll(&poll, 1, 500) > 0) {
    ssize_t sent = ::send(socket.fd(), bytes.data() + sent_bytes, bytes.size() - sent_bytes, MSG_NOSIGNAL);
    if (sent > 0) sent_bytes += static_cast<std::size_t>(sent);
  }
  return sent_bytes;
}

}  // namespace

TEST_CASE("nodes of one authority connect, and bytes pass both ways at the same time") {
  Cluster cluster;
  auto pair = test::connect(cluster.second, 0, cluster.first);
  CHECK(pair.answering_end.peer.ordinal == 1);
  CHECK(pair.calling_end.peer.ordinal == 0);
  std::string there = test::pattern(3 << 20, 1), back = test::pattern(3 << 20, 2);
  std::thread sender([&] { pair.calling.send(there); });
  std::thread answerer([&] { pair.answering.send(back); });
  std::string arrived;
  std::thread receiver([&] { arrived = pair.calling.receive(back.size()); });
  bool same = pair.answering.receive(there.size()) == there;
  sender.join(), answerer.join(), receiver.join();
  CHECK(same);
  CHECK((arrived == back));
}

TEST_CASE("by TLS too, what was sent before a socket was closed arrives, and then the end") {
  Cluster cluster;
  for (bool by_caller : {true, false}) {
    auto pair = test::connect(cluster.second, 0, cluster.first);
    auto& closing = by_caller ? pair.calling : pair.answering;
    auto& other = by_caller ? pair.answering : pair.calling;
    other.send("never read by the one that closes");
    // As much as fits between the two, so that the last of it is still here when the socket is closed.
    std::string last_words = test::pattern(64 << 20, 3);
    std::size_t sent_bytes = send_what_fits(closing, last_words);
    closing.close();
    other.send("nobody is there to read this");
    std::string heard;
    while (heard.size() < sent_bytes) {  // slower than it could come, so that something always waits to go out
      std::string more = other.receive(std::min<std::size_t>(sent_bytes - heard.size(), 64 << 10));
      if (more.empty()) break;
      heard += more;
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    CHECK(heard.size() == sent_bytes);
    CHECK((last_words.compare(0, heard.size(), heard) == 0));
    CHECK(other.at_end());
  }
}

TEST_CASE("a peer that takes nothing does not fill the memory: its sender has to wait") {
  Cluster cluster;
  auto pair = test::connect(cluster.second, 0, cluster.first);
  std::string bytes = test::pattern(64 << 20, 4);
  CHECK(send_what_fits(pair.calling, bytes) < bytes.size());  // it is more than kernels buffer
  // And if it gives up, it is free of it soon.
  pair.calling.close();
  while (!pair.answering.receive(1 << 20).empty()) {
  }
}

TEST_CASE("a node does not believe certificates of another authority, on either side") {
  Authority authority("cluster"), foreign("foreign");
  Credentials good(authority, signed_for(authority, 0)), bad(authority, signed_for(foreign, 1));
  Node first(0, {}, good.use()), second(1, {first.address()}, bad.use());
  second.network().call(0);
  auto heard = second.refusal();
  CHECK(heard.by_peer);
  CHECK(heard.status.code() == Code::unauthenticated);
  CHECK_THAT(heard.status.message(),
             Catch::Contains("does not take this node's certificate") && Catch::Contains("unknown ca"));

  Credentials bad_first(authority, signed_for(foreign, 0)), good_second(authority, signed_for(authority, 1));
  Node third(0, {}, bad_first.use()), fourth(1, {third.address()}, good_second.use());
  fourth.network().call(0);
  auto said = fourth.refusal();
  CHECK_FALSE(said.by_peer);
  CHECK_THAT(said.status.message(), Catch::Contains("no certificate of this cluster for engram-0") &&
                                        Catch::Contains("issuer certificate"));
  CHECK_FALSE(first.has_connection());
  CHECK_FALSE(third.has_connection());
}

TEST_CASE("the certificate of another node does not do, on either side") {
  Authority authority("cluster");
  Credentials first_files(authority, signed_for(authority, 0)), stolen(authority, signed_for(authority, 2));
  Node first(0, {}, first_files.use()), second(1, {first.address()}, stolen.use());
  second.network().call(0);
  auto heard = second.refusal(), said = first.refusal();
  CHECK(heard.by_peer);
  CHECK(heard.status.code() == Code::permission_denied);
  CHECK_THAT(heard.status.message(), Catch::Contains("common name is engram-2, not engram-1"));
  CHECK(said.ordinal == 1);
  CHECK_FALSE(said.by_peer);

  Node third(0, {}, stolen.use());
  Credentials fourth_files(authority, signed_for(authority, 1));
  Node fourth(1, {third.address()}, fourth_files.use());
  fourth.network().call(0);
  said = fourth.refusal();
  CHECK_FALSE(said.by_peer);
  CHECK_THAT(said.status.message(), Catch::Contains("for engram-0") && Catch::Contains("ostname mismatch"));
  CHECK_FALSE(first.has_connection());
  CHECK_FALSE(third.has_connection());
}

TEST_CASE("a certificate with nothing but a common name does") {
  Authority authority("cluster");
  Credentials first_files(authority, authority.sign("engram-0", "IP:127.0.0.1"));
  Credentials second_files(authority, authority.sign("engram-1", "IP:127.0.0.1"));
  Node first(0, {}, first_files.use()), second(1, {first.address()}, second_files.use());
  CHECK(test::connect(second, 0, first).answering_end.peer.ordinal == 1);
}

TEST_CASE("a node without TLS and one with it do not connect, whoever calls") {
  Cluster cluster;
  Node plain_caller(1, {cluster.first.address()});
  plain_caller.network().call(0);
  CHECK_THAT(plain_caller.failure(0), Catch::StartsWith(cluster.first.address()));
  Node plain(0), caller(1, {plain.address()}, cluster.second_files.use());
  caller.network().call(0);
  CHECK_THAT(caller.failure(0), Catch::StartsWith(plain.address()));
  CHECK_FALSE(cluster.first.has_connection());
  CHECK_FALSE(plain.has_connection());
  CHECK(test::connect(cluster.second, 0, cluster.first).answering_end.peer.ordinal == 1);
}

TEST_CASE("a replaced certificate is the next connection's, and the one before lives on") {
  Cluster cluster;
  auto before = test::connect(cluster.second, 0, cluster.first);
  Authority other("other");
  // Node 1 gets one that node 0 does not believe: the newest is used.
  cluster.second_files.put(signed_for(other, 1));
  REQUIRE(cluster.second_files.files().reload().ok());
  cluster.second.network().call(0);
  CHECK(cluster.second.refusal().by_peer);
  cluster.second_files.put(signed_for(cluster.authority, 1));
  REQUIRE(cluster.second_files.files().reload().ok());
  CHECK(cluster.second.connection().peer.ordinal == 0);
  before.calling.send("still here");
  CHECK(before.answering.receive(10) == "still here");
}

TEST_CASE("strangers that do not finish TLS are sent away, and others connect meanwhile") {
  Authority authority("cluster");
  Credentials first_files(authority, signed_for(authority, 0)), second_files(authority, signed_for(authority, 1));
  Node first(0, {}, [&](PeerNetworkOptions& options, Introduction& self) {
    first_files.use()(options, self);
    options.handshake_timeout_ms = 1000;
  });
  test::RawConnection silent(first.port()), garbage(first.port());
  garbage.send(test::pattern(5000, 5));
  Node second(1, {first.address()}, second_files.use());
  CHECK(test::connect(second, 0, first).answering_end.peer.ordinal == 1);
  CHECK(garbage.is_closed_within(test::longest_wait_ms));
  CHECK(silent.is_closed_within(test::longest_wait_ms));
}

TEST_CASE("TLS without an authority to check peers by is refused at the start") {
  Authority authority("cluster");
  test::TemporaryDirectory directory;
  auto pair = signed_for(authority, 0);
  test::write_text(directory / "node.pem", pair.certificate);
  test::write_text(directory / "node.key", pair.key);
  ::chmod((directory / "node.key").c_str(), 0600);
  SystemClock clock;
  auto files = TlsFiles::open({directory / "node.pem", directory / "node.key", ""}, clock);
  REQUIRE(files.ok());
  CHECK_THROWS_WITH(Node(0, {}, [&](PeerNetworkOptions& options, Introduction&) { options.tls = files.value().get(); }),
                    Catch::Contains("cluster.ca"));
}

TEST_CASE("a network ends at once with encrypted connections under load, and their owners see the end") {
  auto cluster = std::make_unique<Cluster>();
  std::vector<test::Pair> pairs;
  for (int i = 0; i < 3; ++i) pairs.push_back(test::connect(cluster->second, 0, cluster->first));
  std::string block = test::pattern(1 << 20, 6);
  for (auto& pair : pairs)  // more than is read, in both directions
    for (int fd : {pair.calling.fd(), pair.answering.fd()}) (void)!::send(fd, block.data(), block.size(), MSG_NOSIGNAL);
  auto begin = std::chrono::steady_clock::now();
  cluster.reset();
  CHECK(std::chrono::steady_clock::now() - begin < std::chrono::seconds(60));
  for (auto& pair : pairs)
    for (auto* socket : {&pair.calling, &pair.answering}) {
      while (!socket->receive(1 << 20).empty()) {
      }
    }
}
