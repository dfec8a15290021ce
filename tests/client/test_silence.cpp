// A node that falls silent without an end of its connections: its process is stopped, or the network lost it. It must cost a
// call a part of its time only, and a node that is slow, or works for long, must not be taken for one.

#include <catch2/catch.hpp>

#include "client/engram/loader.h"
#include "tests/client/pair_script.h"

namespace engram::client {

namespace {

/// Each of eight servers has a second of a call's eight: whoever answers has seven of them.
Options eight_servers(const Pair& pair) {
  Options options = pair.options(7);
  options.timeout_ms = 8000;
  return options;
}

/// Finds a silent node out after 400 ms, however long a call may take.
Options impatient(Options options) {
  options.attempt_timeout_ms = 400;
  options.timeout_ms = 60'000;
  return options;
}

}  // namespace

TEST_CASE("a call whose node falls silent is answered by another one in its time") {
  Pair pair;
  pair.left.vertices["ada"] = pair.right.vertices["ada"] = {};
  Client client = Pair::client(eight_servers(pair));
  std::string near = key_of(client, 0);
  pair.left.freeze();
  SECTION("a read") { CHECK(client.get(near).status().code() == Code::unknown_vertex); }
  SECTION("a change") { CHECK(client.submit(one_vertex(near)).committed()); }
  SECTION("a change of spaces") { CHECK(client.create_space("other").committed()); }
  SECTION("a scan") {
    int seen = 0;
    CHECK(client.scan({}, [&](ScanPage& page) { return seen += static_cast<int>(page.vertices.size()); }).ok());
    CHECK(seen == 1);
  }
  CHECK(client.server().node == 1);
}

TEST_CASE("a change that a node took before it fell silent is applied once: it is repeated under its number") {
  Pair pair;
  Client client = Pair::client(eight_servers(pair));
  std::string near = key_of(client, 0);
  pair.left.submit_mishaps = {{Mishap::freeze}};
  CHECK(client.submit(one_vertex(near)).committed());
  REQUIRE(pair.left.submitted.size() == 1);
  REQUIRE(pair.right.submitted.size() == 1);
  CHECK(pair.left.submitted[0].session == pair.right.submitted[0].session);
  CHECK(pair.left.submitted[0].sequence == pair.right.submitted[0].sequence);
}

TEST_CASE("an owner that falls silent is left for the node that the client is connected to") {
  Pair pair;
  Client client = Pair::client(eight_servers(pair));
  std::string far = key_of(client, 1);
  read_until(client, far, pair.right.gets);
  pair.right.freeze();
  pair.forget_counts();
  SECTION("a read") {
    CHECK(client.get(far).status().code() == Code::unknown_vertex);
    CHECK(pair.left.gets == 1);
  }
  SECTION("a change") {
    CHECK(client.submit(one_vertex(far)).committed());
    CHECK(pair.left.submitted.size() == 1);
  }
  CHECK(client.server().node == 0);
  CHECK(pair.left.connections == 1);
}

TEST_CASE("a call that takes long is neither cut nor repeated while its node answers pings") {
  Pair pair;
  Options options = impatient(pair.options());
  SECTION("of several servers") {}
  SECTION("of one") { options.server = pair.left.address(); }
  Client client = Pair::client(options);
  std::string near = key_of(client, 0);
  pair.left.read_mishaps = {{Mishap::pings}};
  CHECK(client.get(near).status().code() == Code::unknown_vertex);
  CHECK(pair.left.gets == 1);
  pair.left.submit_mishaps = {{Mishap::pings}};
  auto outcome = client.submit(one_vertex(near));
  CHECK(outcome.committed());
  CHECK_FALSE(outcome.duplicate);
  CHECK(pair.left.connections == 1);
}

TEST_CASE("a large batch on its way over a slow network is no silence") {
  Pair pair;
  pair.left.slow_down();
  Client client = Pair::client(impatient(pair.options()));
  Batch batch;
  batch.put_vertex(key_of(client, 0), {.properties = {{"text", std::string(std::size_t{3} << 20, 'x')}}});
  CHECK(client.submit(batch).committed());
  CHECK(pair.left.submitted.size() == 1);
  CHECK(pair.right.submitted.empty());
}

TEST_CASE("calls too short to find out that their node is silent do so together") {
  Pair pair;
  Options options = pair.options();
  options.timeout_ms = 100;
  Client client = Pair::client(options);
  std::string near = key_of(client, 0);
  pair.left.freeze();
  int failed = 0;
  for (; failed < 50 && client.server().node == 0; ++failed) (void)client.get(near);
  CHECK(failed > 1);
  CHECK(failed < 50);
}

TEST_CASE("a call that its node does not answer, though it lives, costs no connection") {
  Pair pair;
  Client client = pair.client();
  std::string near = key_of(client, 0);
  pair.left.read_mishaps = {{Mishap::silence}};
  CHECK(client.get(near, {}, 1000).status().code() == Code::deadline_exceeded);
  CHECK(client.get(near).status().code() == Code::unknown_vertex);
  CHECK(pair.left.connections == 1);
  CHECK(client.server().node == 0);
}

TEST_CASE("a call to a silent engine ends with its time, whatever the pauses between attempts may be") {
  Setup setup;
  auto options = setup.options();
  options.backoff_max_ms = 600'000;
  auto client = Setup::client(options);
  setup.engine.freeze();
  auto started = now();
  CHECK(client.get("ada", {}, 200).status().code() == Code::deadline_exceeded);
  CHECK(client.submit(one_vertex("ada"), 200).fate == Fate::unknown);
  // By now the connection may have been silent for so long that a new one is tried.
  Code scanned = client.scan({}, [](ScanPage&) { return true; }, 200).status().code();
  CHECK((scanned == Code::deadline_exceeded || scanned == Code::unavailable));
  CHECK((now() - started) / kj::SECONDS < 60);
}

TEST_CASE("an engine that falls silent to a load is found out, and all of the window is sent again") {
  Pair pair;
  Client client = Pair::client(impatient(pair.options()));
  std::string near = key_of(client, 0);
  pair.left.submit_mishaps = {{}, {Mishap::freeze}};
  Loader loader(client, {.in_flight = 8});
  for (int i = 0; i < 8; ++i) REQUIRE(loader.add(one_vertex(near)).ok());
  CHECK(loader.flush().ok());
  CHECK(loader.totals().batches == 8);
  CHECK(pair.left.applied + pair.right.applied == 8);
}

}  // namespace engram::client
