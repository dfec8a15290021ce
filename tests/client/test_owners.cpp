// A client of a cluster: it learns who owns what, and asks the owners.

#include <catch2/catch.hpp>

#include <chrono>

#include "tests/client/pair_script.h"

namespace engram::client {

TEST_CASE("a client asks the owner of a vertex, and whoever it is connected to for the rest") {
  Pair pair;
  Client client = pair.client();
  std::string far = key_of(client, 1), near = key_of(client, 0);
  read_until(client, far, pair.right.gets);
  pair.forget_counts();
  for (int i = 0; i < 10; ++i) (void)client.get(far);
  CHECK(pair.right.gets == 10);
  CHECK(pair.left.gets == 0);
  (void)client.get(near);
  CHECK(pair.left.gets == 1);
  CHECK(client.submit(one_vertex(far)).committed());
  CHECK(pair.right.submitted.size() == 1);
  CHECK(client.submit(one_vertex(near)).committed());
  CHECK(pair.left.submitted.size() == 1);
}

TEST_CASE("a client that was told of one server talks to that one") {
  Pair pair;
  Client client = pair.client(pair.left.address());
  std::string far = key_of(client, 1);
  for (int i = 0; i < 50; ++i) (void)client.get(far);
  CHECK(pair.left.gets == 50);
  CHECK(pair.right.connections == 0);
}

TEST_CASE("a lost owner costs no error: its calls go by way of another node until it is back") {
  Pair pair;
  Client client = pair.client();
  std::string far = key_of(client, 1);
  read_until(client, far, pair.right.gets);
  pair.right.stop();
  pair.forget_counts();
  for (int i = 0; i < 20; ++i) CHECK(client.get(far).status().code() == Code::unknown_vertex);
  CHECK(pair.left.gets == 20);
  CHECK(client.submit(one_vertex(far)).committed());
  pair.right.listen();
  read_until(client, far, pair.right.gets);
}

TEST_CASE("a change whose answer is lost with the owner's connection is applied once") {
  Pair pair;
  Client client = pair.client();
  std::string far = key_of(client, 1);
  read_until(client, far, pair.right.gets);
  pair.right.submit_mishaps = {{Mishap::drop_before}};
  auto outcome = client.submit(one_vertex(far));
  CHECK(outcome.committed());
  REQUIRE(pair.right.submitted.size() == 1);
  REQUIRE(pair.left.submitted.size() == 1);
  CHECK(pair.left.submitted[0].session == pair.right.submitted[0].session);
  CHECK(pair.left.submitted[0].sequence == pair.right.submitted[0].sequence);
}

TEST_CASE("a client that does not wait still tries each server that it was told of") {
  Pair pair;
  pair.left.stop();
  Options options;
  options.server = pair.left.address() + "," + pair.right.address();
  options.connect_wait_ms = 0;
  options.random = [] { return 0; };
  auto client = Client::connect(options);
  INFO(client.status().message());
  REQUIRE(client.ok());
  CHECK(client->server().node == 1);
}

TEST_CASE("a server that refuses the client, or has a bad certificate, does not keep it from the others") {
  Pair pair;
  pair.left.token = "another";
  Options options;
  options.server = pair.left.address() + "," + pair.right.address();
  options.connect_wait_ms = 30'000;
  options.random = [] { return 0; };
  kj::Promise<void> comes_back = kj::READY_NOW;
  SECTION("one that is there") {}
  SECTION("one that is there, tried once") { options.connect_wait_ms = 0; }
  SECTION("one that is away for a moment") {
    pair.right.stop();
    comes_back = pair.right.after_ms(100).then([&pair] { pair.right.listen(); }).eagerlyEvaluate(nullptr);
  }
  auto client = Client::connect(options);
  INFO(client.status().message());
  REQUIRE(client.ok());
  CHECK(client->server().node == 1);
}

TEST_CASE("a client that every server refuses hears of it at once") {
  Pair pair;
  pair.left.token = pair.right.token = "another";
  Options options;
  options.server = pair.left.address() + "," + pair.right.address();
  options.connect_wait_ms = 600'000;
  CHECK(Client::connect(options).status().code() == Code::unauthenticated);
  CHECK(pair.left.connections == 1);
  CHECK(pair.right.connections == 1);
}

TEST_CASE("of a server that is away and one that refuses, both are told") {
  Pair pair;
  pair.left.token = "another";
  pair.right.stop();
  Options options;
  options.server = pair.left.address() + "," + pair.right.address();
  options.connect_wait_ms = 0;
  auto status = Client::connect(options).status();
  CHECK(status.code() == Code::unavailable);
  CHECK_THAT(status.message(), Catch::Contains("no engine answers at " + pair.right.address()));
  CHECK_THAT(status.message(), Catch::Contains(pair.left.address() + " is there, but: wrong token"));
}

TEST_CASE("an owner that is about to stop is left for the other node") {
  Pair pair;
  Client client = pair.client();
  std::string far = key_of(client, 1);
  read_until(client, far, pair.right.gets);
  pair.forget_counts();
  pair.right.read_mishaps = {{Mishap::answer, schema::ErrorCode::UNAVAILABLE}};
  CHECK(client.get(far).status().code() == Code::unknown_vertex);
  CHECK(pair.right.gets == 1);
  CHECK(pair.left.gets == 1);
}

TEST_CASE("a call that is not answered in time says which node did not answer") {
  Pair pair;
  Client client = pair.client();
  std::string far = key_of(client, 1), near = key_of(client, 0);
  read_until(client, far, pair.right.gets);
  SECTION("the owner") {
    pair.right.read_mishaps = {{Mishap::silence}};
    CHECK_THAT(client.get(far, {}, 100).status().message(), Catch::Contains(pair.right.address()));
  }
  SECTION("the node that the client is connected to") {
    pair.left.read_mishaps = {{Mishap::silence}};
    CHECK_THAT(client.get(near, {}, 100).status().message(), Catch::Contains(pair.left.address()));
  }
  SECTION("a change") {
    pair.left.submit_mishaps = {{Mishap::silence}};
    CHECK_THAT(client.submit(one_vertex(near), 100).status.message(), Catch::Contains(pair.left.address()));
  }
}

TEST_CASE("a node that is about to stop is left for another one, one whose index is being built is not") {
  Pair pair;
  Client client = pair.client();
  std::string near = key_of(client, 0);
  SECTION("about to stop") {
    pair.left.read_mishaps = {{Mishap::answer, schema::ErrorCode::UNAVAILABLE}};
    (void)client.get(near);
    CHECK(client.server().node == 1);
  }
  SECTION("about to stop, in the middle of a scan") {
    pair.left.vertices["ada"] = pair.right.vertices["ada"] = {};
    pair.left.read_mishaps = {{Mishap::answer, schema::ErrorCode::UNAVAILABLE}};
    int seen = 0;
    CHECK(client.scan({}, [&](ScanPage& page) { return seen += static_cast<int>(page.vertices.size()); }).ok());
    CHECK(seen == 1);
    CHECK(client.server().node == 1);
  }
  SECTION("an index is being built") {
    pair.left.read_mishaps.assign(5, {Mishap::answer, schema::ErrorCode::UNAVAILABLE, "index"});
    (void)client.get(near);
    CHECK(pair.left.gets == 6);
    CHECK(pair.left.connections == 1);
  }
}

TEST_CASE("an address that leads to another node, another cluster or another space of that name is not used") {
  Pair pair;
  SECTION("another cluster") { pair.right.map.cluster_id = "fedcba9876543210"; }
  SECTION("another node") { pair.right.map.node = 2; }
  SECTION("another space") { pair.right.default_space = 9; }
  Client client = pair.client();
  std::string far = key_of(client, 1);
  for (int i = 0; i < 300; ++i) (void)client.get(far);
  CHECK(pair.left.gets == 300);
  CHECK(pair.right.gets == 0);
  CHECK(pair.right.connections >= 1);  // it looked who is there
}

TEST_CASE("owners are asked anew for a space that was dropped and made again under its name") {
  Pair pair;
  Client client = pair.client(pair.left.address() + "," + pair.left.address());
  std::string far = key_of(client, 1);
  read_until(client, far, pair.right.gets);
  pair.left.default_space = pair.right.default_space = 9;
  pair.left.cut_connections();
  REQUIRE(client.ping().ok());
  CHECK(client.space().id == SpaceId{9});
  pair.forget_counts();
  read_until(client, far, pair.right.gets);
  CHECK(pair.right.connections == 2);
}

TEST_CASE("a connection to an owner is kept though the node that tells the map does not know its address yet") {
  Pair pair;
  Client client = pair.client(pair.left.address() + "," + pair.left.address());
  std::string far = key_of(client, 1);
  read_until(client, far, pair.right.gets);
  pair.left.map.nodes[1].address = "";
  pair.left.cut_connections();  // as a node that starts again
  REQUIRE(client.ping().ok());
  pair.forget_counts();
  for (int i = 0; i < 10; ++i) (void)client.get(far);
  CHECK(pair.right.gets == 10);
  CHECK(pair.left.gets == 0);
}

TEST_CASE("a map that changes is followed") {
  Pair pair;
  Client client = pair.client();
  std::string key = key_of(client, 1);
  read_until(client, key, pair.right.gets);
  pair.tell({0, 0});
  pair.left.cut_connections();  // the map comes with every connection, and every few seconds
  (void)client.get(key_of(client, 0));
  pair.forget_counts();
  read_until(client, key, pair.left.gets);
  pair.forget_counts();
  for (int i = 0; i < 10; ++i) (void)client.get(key);
  CHECK(pair.left.gets == 10);
  CHECK(pair.right.gets == 0);
}

}  // namespace engram::client
