#include "cluster/config/cluster_config.h"

#include <catch2/catch.hpp>

#include "cluster/config/node_name.h"

using namespace engram;
using Catch::Contains;

namespace {

NodeName resolved(const NodeNameSources& sources) {
  Result<NodeName> name = resolve_node_name(sources);
  INFO(name.status().message());
  REQUIRE(name.ok());
  return *name;
}

std::string refusal(const NodeNameSources& sources) {
  Result<NodeName> name = resolve_node_name(sources);
  REQUIRE_FALSE(name.ok());
  CHECK(name.status().code() == Code::invalid_argument);
  CHECK(name.status().field() == "node.name");
  return name.status().message();
}

Config cluster_of(std::uint64_t nodes, const std::string& peers) {
  Config config;
  config.node.name = "mind-1";
  config.cluster.nodes = nodes;
  config.cluster.peers = peers;
  return config;
}

using Addresses = std::vector<std::string>;

}  // namespace

TEST_CASE("a name is the cluster's, a dash, and the ordinal") {
  CHECK(split_node_name("engram-0")->stem == "engram");
  CHECK(split_node_name("engram-65535")->ordinal == 65535);
  CHECK(split_node_name("my_graph-db-12")->stem == "my_graph-db");
  CHECK(split_node_name("my_graph-db-12")->text() == "my_graph-db-12");
  for (const char* none : {"", "engram", "engram-", "-3", "engram-3a", "engram-007", "engram-65536", "engram--1", "a.b-1",
                           "a b-1", "engram-99999999999999999999", "engram-+1", "gr\xc3\xbc\xc3\x9f-1"}) {
    CAPTURE(none);
    CHECK_FALSE(split_node_name(none));
  }
  CHECK(split_node_name(std::string(57, 'x') + "-1"));
  CHECK_FALSE(split_node_name(std::string(58, 'x') + "-1"));
}

TEST_CASE("a name that is given counts most") {
  NodeName name = resolved({"mind-2", std::nullopt, "engram-1", 3});
  CHECK(name.text() == "mind-2");
  CHECK(name.origin == NodeName::Origin::given);
  CHECK(resolved({"mind-2", 2, "", 3}).text() == "mind-2");
  CHECK(resolved({"mind-2", std::nullopt, "", 1}).ordinal == 2);
  // The ordinal may be told apart from it.
  CHECK(resolved({"mind", 1, "", 3}).text() == "mind-1");
  CHECK(resolved({"mind", std::nullopt, "", 1}).text() == "mind-0");

  CHECK_THAT(refusal({"mind-2", 1, "", 3}), Contains("\"mind-2\" has another ordinal than node.ordinal = 1"));
  CHECK_THAT(refusal({"mind", std::nullopt, "engram-1", 3}), Contains("which of the 3 nodes") && Contains("mind-0"));
  for (const char* malformed : {"mind-007", "mind-70000", "mind-", "mind.local-1", "-", "a b"}) {
    CAPTURE(malformed);
    CHECK_THAT(refusal({malformed, 1, "", 3}), Contains("is no name of a node") && Contains("engram-0"));
  }
}

TEST_CASE("of several nodes the host name tells which it is, if nothing else does") {
  NodeName name = resolved({"", std::nullopt, "engram-1", 3});
  CHECK(name.stem == "engram");
  CHECK(name.ordinal == 1);
  CHECK(name.origin == NodeName::Origin::host_name);
  CHECK(resolved({"", std::nullopt, "mind-0.mind.default.svc.cluster.local", 3}).text() == "mind-0");
  for (const char* host : {"", "laptop", "ip-10-0-0-007", "engram"}) {
    CAPTURE(host);
    CHECK_THAT(refusal({"", std::nullopt, host, 3}),
               Contains("the host name \"" + std::string(host) + "\"") && Contains("set node.name or node.ordinal"));
  }
}

TEST_CASE("several nodes on one host have one cluster's name, whatever the host is called") {
  for (std::uint64_t ordinal = 0; ordinal < 3; ++ordinal) {
    NodeName name = resolved({"", ordinal, "web-2", 3});
    CHECK(name.stem == "engram");
    CHECK(name.ordinal == ordinal);
    CHECK(name.origin == NodeName::Origin::none);
  }
}

TEST_CASE("a single node does not look at its host's name") {
  CHECK(resolved({"", std::nullopt, "web-7", 1}).text() == "engram-0");
  CHECK(resolved({"", 5, "web-7", 1}).text() == "engram-5");
}

TEST_CASE("the cluster's name is the node's without the ordinal") {
  CHECK(cluster_name(cluster_of(3, "")) == "mind");
  CHECK(cluster_name(Config()) == "engram");
}

TEST_CASE("a cluster has 16 partitions, a single node as many as cores") {
  CHECK(default_partitions(cluster_of(3, ""), 8) == 16);
  CHECK(default_partitions(Config(), 8) == 8);
}

TEST_CASE("nodes are found by their names, by a pattern, or by a list") {
  Config by_name = cluster_of(2, "");
  CHECK(peer_addresses(by_name).value() == Addresses{"mind-0.mind:9472", "mind-1.mind:9472"});
  by_name.cluster.address = "[::]:7000";
  CHECK(peer_addresses(by_name).value() == Addresses{"mind-0.mind:7000", "mind-1.mind:7000"});

  CHECK(peer_addresses(cluster_of(3, "10.0.0.1{}:947{}")).value() ==
        Addresses{"10.0.0.10:9470", "10.0.0.11:9471", "10.0.0.12:9472"});
  CHECK(peer_addresses(cluster_of(11, "127.0.0.{}:9472"))->at(10) == "127.0.0.10:9472");
  CHECK(peer_addresses(cluster_of(3, "a:1, [::1]:2 ,c:3")).value() == Addresses{"a:1", "[::1]:2", "c:3"});
  CHECK(peer_addresses(cluster_of(1, "a:1")).value() == Addresses{"a:1"});
  // Where the port is taken from the system, only the list can tell it.
  Config free_port = cluster_of(2, "a:1,b:1");
  free_port.cluster.address = "127.0.0.1:0";
  CHECK(peer_addresses(free_port).ok());
}

TEST_CASE("what does not lead to every node is refused") {
  auto refused = [](std::uint64_t nodes, const std::string& peers) {
    Result<Addresses> addresses = peer_addresses(cluster_of(nodes, peers));
    REQUIRE_FALSE(addresses.ok());
    CHECK(addresses.status().code() == Code::invalid_argument);
    CHECK(addresses.status().field() == "cluster.peers");
    return addresses.status().message();
  };
  CHECK_THAT(refused(3, "engram:9472"), Contains("one address for 3 nodes") && Contains("engram-{}.engram:9472"));
  CHECK_THAT(refused(3, "a:1,b:1"), Contains("names 2 nodes, but cluster.nodes = 3"));
  CHECK_THAT(refused(1, "a:1,b:1"), Contains("names 2 nodes, but cluster.nodes = 1"));
  CHECK_THAT(refused(3, "a:1,b-{}:1,c:1"), Contains("both {} and a comma"));
  CHECK_THAT(refused(2, "a:1,b"), Contains("node 1: \"b\" has no port"));
  CHECK_THAT(refused(2, "a:1,"), Contains("node 1: \"\""));
  CHECK_THAT(refused(2, "a:1,  "), Contains("node 1: \"\""));
  CHECK_THAT(refused(2, "a:1,a:1"), Contains("node 1: a:1 is another node's address"));
  CHECK_THAT(refused(2, "engram-{}"), Contains("node 0") && Contains("has no port"));
  CHECK_THAT(refused(2, "a:1,b:0"), Contains("node 1") && Contains("the port 0"));
  CHECK_THAT(refused(7, "127.0.0.1:6553{}"), Contains("node 6") && Contains("no port from 0 to 65535"));
  Config free_port = cluster_of(2, "");
  free_port.cluster.address = "127.0.0.1:0";
  CHECK_THAT(peer_addresses(free_port).status().message(), Contains("set cluster.peers, or a port"));
}
