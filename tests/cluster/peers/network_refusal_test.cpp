// Nodes that must not talk to each other: both sides say so, and why.

#include <catch2/catch.hpp>

#include <atomic>

#include "tests/cluster/peers/network_node.h"

using namespace engram;
using test::Node;

namespace {

using Change = std::function<void(Introduction& self)>;

Node::Change with(const Change& change) {
  return [change](PeerNetworkOptions&, Introduction& self) { change(self); };
}

/// Node 1 calls what it takes for node 0. Both hear the same, each from its side, and nothing is handed over.
Status refused(const Node::Change& change_caller, std::uint32_t answering = 0, std::uint32_t wanted = 0) {
  Node first(answering);
  std::vector<std::string> addresses(wanted + 1, first.address());
  Node second(1, addresses, change_caller);
  second.network().call(wanted);
  auto heard = second.refusal();
  CHECK(heard.by_peer);
  CHECK(heard.ordinal == wanted);
  auto said = first.refusal();
  CHECK_FALSE(said.by_peer);
  CHECK(said.ordinal == 1);
  CHECK(said.status.code() == heard.status.code());
  CHECK(said.status.message() == heard.status.message());
  CHECK(said.status.field() == heard.status.field());
  CHECK(second.failure(wanted) == first.address() + ": " + said.status.message());
  CHECK_FALSE(first.has_connection());
  CHECK_FALSE(second.has_connection());
  return heard.status;
}

}  // namespace

TEST_CASE("nodes of two clusters refuse each other") {
  Status status = refused(with([](Introduction& self) { self.cluster_id = test::id_of(2); }));
  CHECK(status.code() == Code::precondition_failed);
  CHECK_THAT(status.message(), Catch::Contains(test::id_of(1).hex()) && Catch::Contains(test::id_of(2).hex()) &&
                                   Catch::Contains("cluster.peers"));
}

TEST_CASE("a node whose volume is empty may ask for its cluster") {
  auto empty = with([](Introduction& self) { self.cluster_id = self.disk_id = Id128{}; });
  Node first(0), second(1, {first.address()}, empty);
  CHECK(test::connect(second, 0, first).answering_end.peer.cluster_id == Id128{});
  Node emptied(0, {}, empty), caller(1, {emptied.address()});
  CHECK(test::connect(caller, 0, emptied).calling_end.peer.disk_id == Id128{});
}

TEST_CASE("a node that does not know the level in force is refused, whichever side it is on") {
  Status newer = refused(with([](Introduction& self) { self.feature_level = self.newest_level = 3; }));
  CHECK(newer.code() == Code::unsupported);
  CHECK_THAT(newer.message(), Catch::Contains("finalized at the feature level 3") && Catch::Contains("engram-0") &&
                                  Catch::Contains("knows no more than 1"));
  CHECK(refused(with([](Introduction& self) { self.feature_level = 0; self.newest_level = 0; })).code() == Code::unsupported);
}

TEST_CASE("an address that leads to another node is found out") {
  Status status = refused({}, 2, 0);
  CHECK(status.code() == Code::invalid_argument);
  CHECK_THAT(status.message(), Catch::Contains("node 1 called node 0 and came to node 2"));
}

TEST_CASE("a node that calls itself, or its double, is told so") {
  Node first(0);
  Node second(0, {"", first.address()});
  second.network().call(1);
  auto heard = second.refusal();
  CHECK(heard.by_peer);
  CHECK_THAT(heard.status.message(), Catch::Contains("node 0 called node 1") && Catch::Contains("node.ordinal"));
}

TEST_CASE("nodes that are configured differently refuse each other, and name the setting") {
  Status nodes = refused(with([](Introduction& self) { self.nodes = 5; }));
  CHECK(nodes.code() == Code::invalid_argument);
  CHECK(nodes.field() == "cluster.nodes");
  CHECK_THAT(nodes.message(), Catch::Contains("engram-0") && Catch::Contains("engram-1") && Catch::Contains("5"));
  Status partitions = refused(with([](Introduction& self) { self.partitions = 17; }));
  CHECK(partitions.field() == "cluster.partitions");
  CHECK_THAT(partitions.message(), Catch::Contains("16") && Catch::Contains("17"));
  // An empty volume brings its configuration along.
  Status empty = refused(with([](Introduction& self) {
    self.cluster_id = self.disk_id = Id128{};
    self.partitions = 17;
  }));
  CHECK(empty.field() == "cluster.partitions");
}

TEST_CASE("an ordinal beyond the cluster is refused, and nobody takes it for a node") {
  Node first(0), fourth(3, {first.address()});
  fourth.network().call(0);
  auto heard = fourth.refusal();
  CHECK(heard.by_peer);
  CHECK_THAT(heard.status.message(), Catch::Contains("engram-3") && Catch::Contains("beyond the 3 nodes"));
  // What the first node heard of next is of another one.
  Node second(1, {first.address()}, with([](Introduction& self) { self.partitions = 1; }));
  second.network().call(0);
  CHECK(first.refusal().ordinal == 1);
}

TEST_CASE("what the owner of a node has against another one is told to both") {
  auto judging = [](PeerNetworkOptions& options, Introduction&) {
    options.judge = [](const Introduction& peer) {
      return Status(Code::conflict, "A newer process of " + peer.name + " runs.\nStop this one.", "incarnation", 9);
    };
  };
  Node first(0, {}, judging), second(1, {first.address()});
  second.network().call(0);
  auto heard = second.refusal(), said = first.refusal();
  CHECK(heard.by_peer);
  CHECK(heard.status.code() == Code::conflict);
  CHECK(heard.status.message() == "A newer process of engram runs. Stop this one.");
  CHECK(heard.status.field() == "incarnation");
  CHECK(heard.status.limit() == 9);
  CHECK_FALSE(said.by_peer);

  // The caller has its own verdict too, and the last word.
  Node third(0), fourth(1, {third.address()}, judging);
  fourth.network().call(0);
  heard = third.refusal(), said = fourth.refusal();
  CHECK(heard.by_peer);
  CHECK(heard.ordinal == 1);
  CHECK(heard.status.code() == Code::conflict);
  CHECK_FALSE(said.by_peer);
  CHECK(said.ordinal == 0);
  CHECK_FALSE(third.has_connection());
}

TEST_CASE("a very long refusal is cut, and told all the same") {
  std::string long_text;
  for (int i = 0; i < 5000; ++i) long_text += "ä";
  Node first(0, {}, [&](PeerNetworkOptions& options, Introduction&) {
    options.judge = [&](const Introduction&) { return Status(Code::conflict, long_text, long_text); };
  });
  Node second(1, {first.address()});
  second.network().call(0);
  auto heard = second.refusal();
  CHECK(heard.status.code() == Code::conflict);
  CHECK(heard.status.message() == long_text.substr(0, 2048));
}

TEST_CASE("a node that was refused goes on calling, and is let in when it may") {
  std::atomic<bool> open{false};
  Node first(0, {}, [&](PeerNetworkOptions& options, Introduction&) {
    options.judge = [&](const Introduction&) { return open ? Status() : Status(Code::unavailable, "Not yet; wait."); };
  });
  Node second(1, {first.address()});
  second.network().call(0);
  for (int i = 0; i < 3; ++i) CHECK(second.refusal().by_peer);
  open = true;
  CHECK(second.connection().peer.ordinal == 0);
}
