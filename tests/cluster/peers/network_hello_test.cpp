// The bytes of hello and verdict, and what has to hold of them.

#include <catch2/catch.hpp>

#include <cstring>

#include "cluster/peers/network_check.h"
#include "cluster/peers/network_hello.h"
#include "cluster/peers/network_message.h"
#include "tests/cluster/peers/network_node.h"
#include "tests/support/seeded_random.h"

using namespace engram;

namespace {

PeerGreeting greeting_of(std::uint32_t ordinal) {
  PeerGreeting greeting;
  greeting.self = {test::id_of(1), test::id_of(2), "engram", ordinal, 3, 16, 2, "0.1.0", {5, 6}};
  return greeting;
}

}  // namespace

TEST_CASE("a hello is read as it was written") {
  PeerGreeting said = greeting_of(2);
  said.oldest_protocol = 3;
  said.newest_protocol = 9;
  said.wanted = 65'535;
  said.connection = 0xFEDC'BA98'7654'3210;
  auto message = hello_message(said);
  CHECK(message.asBytes().size() <= max_small_message_bytes);
  auto heard = parse_hello(message);
  REQUIRE(heard.ok());
  CHECK(heard->self.cluster_id == said.self.cluster_id);
  CHECK(heard->self.disk_id == said.self.disk_id);
  CHECK(heard->self.incarnation == said.self.incarnation);
  CHECK(heard->self.feature_level == 2);
  CHECK(heard->oldest_protocol == 3);
  CHECK(heard->newest_protocol == 9);
  CHECK(heard->wanted == 65'535);
  CHECK(heard->connection == said.connection);
}

TEST_CASE("texts of any length fit into a message") {
  PeerGreeting said = greeting_of(2);
  said.self.name = std::string(100'000, 'n');
  said.self.version = std::string(100'000, 'v');
  CHECK(hello_message(said).asBytes().size() <= max_small_message_bytes);
  auto verdict = verdict_message({Code::conflict, std::string(100'000, 'm'), std::string(100'000, 'f')});
  CHECK(verdict.asBytes().size() <= max_small_message_bytes);
  Status heard;
  CHECK(parse_verdict(verdict, heard).ok());
  CHECK(heard.code() == Code::conflict);
}

TEST_CASE("bytes that were changed are read as something else or not at all, and harm nobody") {
  auto hello = hello_message(greeting_of(2));
  auto verdict = verdict_message({Code::conflict, "Stop one of them.", "incarnation"});
  std::uint64_t seed = 20260131;
  INFO("seed " << seed);
  test::SeededRandom random(seed);
  int unreadable = 0;
  for (int i = 0; i < 20'000; ++i) {
    auto& original = i % 2 == 0 ? hello : verdict;
    auto copy = kj::heapArray<capnp::word>(original.size());
    std::memcpy(copy.begin(), original.begin(), original.asBytes().size());
    for (int changes = 0; changes < 1 + i % 3; ++changes)
      copy.asBytes()[random.next64() % copy.asBytes().size()] = static_cast<kj::byte>(random.next64());
    auto part = copy.slice(0, i % 5 == 0 ? random.next64() % copy.size() : copy.size());
    Status heard;
    if (!parse_hello(part).ok()) ++unreadable;
    if (!parse_verdict(part, heard).ok()) ++unreadable;
  }
  CHECK(unreadable > 0);
}

TEST_CASE("two builds talk if they have a version of the protocol in common") {
  PeerGreeting ours = greeting_of(0), theirs = greeting_of(1);
  auto check = [&](std::uint32_t oldest, std::uint32_t newest) {
    ours.oldest_protocol = 3, ours.newest_protocol = 5;
    theirs.oldest_protocol = oldest, theirs.newest_protocol = newest;
    return check_greeting(ours, theirs, false);
  };
  CHECK(check(1, 3).ok());
  CHECK(check(5, 9).ok());
  CHECK(check(4, 4).ok());
  CHECK(check(1, 2).code() == Code::unsupported);
  Status newer = check(6, 7);
  CHECK_THAT(newer.message(), Catch::Contains("engram-1 (version 0.1.0) speaks 6 to 7") && Catch::Contains("Upgrade"));
}
