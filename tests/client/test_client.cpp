// The client against an engine that loses connections, is overloaded, silent or away.

#include <catch2/catch.hpp>

#include <set>

#include "tests/client/client_script.h"

namespace engram::client {

TEST_CASE("what was put is got, and its neighbours are named") {
  Setup setup;
  auto client = setup.client();
  Batch batch;
  batch.put_vertex("ada", {.labels = {"Person"}}).put_vertex("charles").link("ada", "KNOWS", "charles");
  auto outcome = client.submit(batch);
  CHECK(outcome.committed());
  CHECK(outcome.created == 3);
  CHECK(setup.engine.submitted.at(0).segments == 1);

  auto found = client.get("ada");
  REQUIRE(found.ok());
  CHECK(found->labels == std::vector<std::string>{"Person"});
  CHECK(client.get("nobody").status().code() == Code::unknown_vertex);
  auto neighbors = client.neighbors("ada");
  REQUIRE(neighbors.ok());
  REQUIRE(neighbors->edges.size() == 1);
  CHECK(neighbors->edges[0].target_key == "charles");
  CHECK(client.server().version == "fake");
  CHECK(client.ping(100).ok());
}

TEST_CASE("a reply that is lost is asked for again with the same number, and the change happens once") {
  Setup setup;
  auto client = setup.client();
  setup.engine.submit_mishaps = {{Mishap::drop_after}};
  auto outcome = client.submit(one_vertex("ada"));
  CHECK(outcome.committed());
  CHECK(outcome.duplicate);
  CHECK(setup.engine.applied == 1);
  REQUIRE(setup.engine.submitted.size() == 2);
  CHECK(setup.engine.submitted[0].session == setup.engine.submitted[1].session);
  CHECK(setup.engine.submitted[0].sequence == setup.engine.submitted[1].sequence);
  CHECK(setup.engine.submitted[0].session != 0);
  CHECK(setup.engine.submitted[0].sequence == 1);
}

TEST_CASE("a request that is lost is sent again until it arrives") {
  Setup setup;
  auto client = setup.client();
  setup.engine.submit_mishaps = {{Mishap::drop_before}, {Mishap::drop_before}, {Mishap::drop_after}};
  CHECK(client.submit(one_vertex("ada")).committed());
  CHECK(setup.engine.applied == 1);
  CHECK(setup.engine.submitted.size() == 4);
  std::set<std::uint64_t> numbers;
  for (const auto& submitted : setup.engine.submitted) numbers.insert(submitted.sequence);
  CHECK(numbers.size() == 1);
  CHECK(setup.engine.connections == 4);
}

TEST_CASE("numbers grow, and the lowest open one is told") {
  Setup setup;
  auto client = setup.client();
  for (int i = 0; i < 3; ++i) CHECK(client.submit(one_vertex("v" + std::to_string(i))).committed());
  REQUIRE(setup.engine.submitted.size() == 3);
  for (std::uint64_t i = 0; i < 3; ++i) {
    CHECK(setup.engine.submitted[i].sequence == i + 1);
    CHECK(setup.engine.submitted[i].first_incomplete == i + 1);
  }
}

TEST_CASE("a refusal is final and tells why; overload and unavailability are waited out") {
  Setup setup;
  auto client = setup.client();
  setup.engine.submit_mishaps = {{Mishap::answer, schema::ErrorCode::VERTEX_EXISTS}};
  auto refused = client.submit(one_vertex("ada"));
  CHECK(refused.fate == Fate::failed);
  CHECK(refused.status.code() == Code::vertex_exists);
  CHECK(setup.engine.submitted.size() == 1);

  setup.engine.submit_mishaps = {{Mishap::answer, schema::ErrorCode::OVERLOADED},
                                 {Mishap::answer, schema::ErrorCode::UNAVAILABLE}};
  CHECK(client.submit(one_vertex("ada")).committed());
  REQUIRE(setup.engine.submitted.size() == 4);
  CHECK(setup.engine.submitted[1].sequence == setup.engine.submitted[3].sequence);
}

TEST_CASE("a lost conflict is tried again under a new number") {
  Setup setup;
  auto client = setup.client();
  setup.engine.submit_mishaps = {{Mishap::answer, schema::ErrorCode::CONFLICT}};
  CHECK(client.submit(one_vertex("ada")).committed());
  REQUIRE(setup.engine.submitted.size() == 2);
  CHECK(setup.engine.submitted[0].sequence + 1 == setup.engine.submitted[1].sequence);
  CHECK(setup.engine.submitted[1].first_incomplete == setup.engine.submitted[1].sequence);
}

TEST_CASE("after a lost answer a conflict is tried again under the same number: the lost attempt may still arrive") {
  Setup setup;
  auto client = setup.client();
  setup.engine.submit_mishaps = {{Mishap::drop_after}, {Mishap::answer, schema::ErrorCode::CONFLICT}};
  CHECK(client.submit(one_vertex("ada")).committed());
  REQUIRE(setup.engine.submitted.size() == 3);
  for (const auto& attempt : setup.engine.submitted) CHECK(attempt.sequence == setup.engine.submitted[0].sequence);
}

TEST_CASE("an expired session is replaced before anything is in doubt") {
  Setup setup;
  auto client = setup.client();
  setup.engine.submit_mishaps = {{Mishap::answer, schema::ErrorCode::SESSION_EXPIRED}};
  CHECK(client.submit(one_vertex("ada")).committed());
  CHECK(setup.engine.submitted[0].session != setup.engine.submitted[1].session);

  setup.engine.submit_mishaps = {{Mishap::drop_after}, {Mishap::answer, schema::ErrorCode::SESSION_EXPIRED}};
  auto outcome = client.submit(one_vertex("bob"));
  CHECK(outcome.fate == Fate::unknown);   // it was applied: "failed" would be a lie
}

TEST_CASE("no answer before the deadline is unknown, and can be asked for again") {
  Setup setup;
  auto client = setup.client();
  setup.engine.submit_mishaps = {{Mishap::drop_after}, {Mishap::silence}};
  auto batch = one_vertex("ada");
  auto outcome = client.submit(batch, 2000);
  REQUIRE(outcome.fate == Fate::unknown);
  CHECK(setup.engine.applied == 1);

  // The open number holds back what the engine may forget.
  CHECK(client.submit(one_vertex("bob")).committed());
  CHECK(setup.engine.submitted.back().first_incomplete == outcome.sequence);

  auto known = client.ask_again(batch, outcome);
  CHECK(known.committed());
  CHECK(known.duplicate);
  CHECK(known.sequence == outcome.sequence);
  CHECK(setup.engine.applied == 2);
  CHECK(client.ask_again(batch, known).committed());
}

TEST_CASE("an engine that is away: refused for sure, within the deadline") {
  Setup setup;
  auto options = setup.options();
  auto client = Setup::client(options);
  setup.engine.stop();
  auto started = now();
  auto outcome = client.submit(one_vertex("ada"), 200);
  CHECK(outcome.status.code() == Code::unavailable);
  CHECK((now() - started) / kj::MILLISECONDS < options.attempt_timeout_ms);
  CHECK_FALSE(client.get("ada", {}, 200).ok());

  setup.engine.listen();
  CHECK(client.submit(one_vertex("ada")).committed());
  CHECK(client.get("ada").ok());

  setup.engine.stop();
  auto refused = Client::connect(options);
  CHECK(refused.status().code() == Code::unavailable);
  CHECK_THAT(refused.status().message(), Catch::Contains(options.server) && Catch::Contains("engram serve"));
}

TEST_CASE("reads are repeated after a lost connection and an unavailable partition") {
  Setup setup;
  setup.engine.vertices["ada"] = {"Person"};
  auto client = setup.client();
  setup.engine.read_mishaps = {{Mishap::drop_before}, {Mishap::answer, schema::ErrorCode::UNAVAILABLE}};
  CHECK(client.get("ada").ok());
  CHECK(setup.engine.connections == 2);
  setup.engine.read_mishaps = {{Mishap::answer, schema::ErrorCode::TOO_LARGE}};
  CHECK(client.get("ada").status().code() == Code::too_large);
}

TEST_CASE("a token is checked, a space has to exist, a reader may not write") {
  Setup setup;
  setup.engine.token = "secret";
  auto options = setup.options();
  options.connect_wait_ms = test::longest_wait_ms;   // a wrong token is not worth waiting for
  auto started = now();
  CHECK(Client::connect(options).status().code() == Code::unauthenticated);
  CHECK((now() - started) / kj::MILLISECONDS < options.connect_wait_ms / 2);
  options.token = "secret";
  options.space = "nowhere";
  CHECK(Client::connect(options).status().code() == Code::unknown_space);

  options.space = "default";
  setup.engine.read_only = true;
  auto client = Setup::client(options);
  auto outcome = client.submit(one_vertex("ada"));
  CHECK(outcome.fate == Fate::failed);
  CHECK(outcome.status.code() == Code::permission_denied);
}

TEST_CASE("a command over the engine's limit is not sent") {
  Setup setup;
  setup.engine.max_command_bytes = 1000;
  auto client = setup.client();
  Batch batch;
  batch.put_vertex("ada", {.properties = {{"text", std::string(2000, 'x')}}});
  auto outcome = client.submit(batch);
  CHECK(outcome.status.code() == Code::too_large);
  CHECK(outcome.status.limit() == 1000);
  CHECK(setup.engine.submitted.empty());
}

TEST_CASE("another space is another id in the commands, also after a reconnect") {
  Setup setup;
  auto client = setup.client();
  CHECK(client.space().id == SpaceId{0});
  REQUIRE(client.use_space("mine").ok());
  CHECK(client.space().id == SpaceId{42});
  setup.engine.cut_connections();
  CHECK(client.submit(one_vertex("ada")).committed());
  CHECK(client.space().name == "mine");
  CHECK(client.create_space("other").space == SpaceId{7});
  CHECK(client.engine_statistics().ok());
}

TEST_CASE("a client without a space can do all that needs none, and says what is missing for the rest") {
  Setup setup;
  auto options = setup.options();
  options.space = "";
  auto client = Setup::client(options);
  CHECK(client.space().name.empty());
  CHECK(client.server().version == "fake");
  CHECK(client.create_space("other").committed());
  CHECK(client.engine_statistics().ok());

  auto refused = client.submit(one_vertex("ada"));
  CHECK(refused.fate == Fate::failed);
  CHECK(refused.status.code() == Code::invalid_argument);
  CHECK(client.declare_index({"", "born"}).status.code() == Code::invalid_argument);
  CHECK(client.get("ada").status().code() == Code::invalid_argument);
  CHECK(client.scan({}, [](ScanPage&) { return true; }).status().code() == Code::invalid_argument);

  setup.engine.cut_connections();
  CHECK(client.ping().ok());
  CHECK(client.use_space("nowhere").code() == Code::unknown_space);
  REQUIRE(client.use_space("mine").ok());
  CHECK(client.submit(one_vertex("ada")).committed());
  CHECK(client.get("ada").ok());
}

TEST_CASE("a scan is resumed behind its last page, and every vertex comes once") {
  Setup setup;
  for (int i = 100; i < 195; ++i) setup.engine.vertices["v" + std::to_string(i)] = {};
  setup.engine.scan_cut_after_pages = 3;
  auto client = setup.client();
  std::vector<std::string> keys;
  auto end = client.scan({}, [&](ScanPage& page) {
    for (const auto& vertex : page.vertices) keys.push_back(vertex.key);
    if (!page.vertices.empty()) CHECK(client.get(page.vertices[0].key).ok());   // the client may be used within
    return true;
  });
  INFO(end.status().message());
  REQUIRE(end.ok());
  CHECK(keys.size() == 95);
  CHECK(std::set<std::string>(keys.begin(), keys.end()).size() == 95);
  CHECK(setup.engine.connections == 2);

  int pages = 0;
  auto cursor = client.scan({}, [&](ScanPage&) { return ++pages < 2; });
  REQUIRE(cursor.ok());
  CHECK(*cursor == "v119");
}

TEST_CASE("a scan whose connection or whose call ends early, wherever that is, brings every vertex once") {
  for (int pages = 1; pages <= 10; ++pages)
    for (bool is_cut : {true, false}) {
      INFO((is_cut ? "cut" : "returned") << " behind page " << pages << " of 10");
      Setup setup;
      for (int i = 100; i < 195; ++i) setup.engine.vertices["v" + std::to_string(i)] = {};
      (is_cut ? setup.engine.scan_cut_after_pages : setup.engine.scan_return_after_pages) = pages;
      auto client = setup.client();
      std::multiset<std::string> keys;
      auto end = client.scan({}, [&](ScanPage& page) {
        for (const auto& vertex : page.vertices) keys.insert(vertex.key);
        return true;
      });
      INFO(end.status().message());
      REQUIRE(end.ok());
      CHECK(end->empty());
      CHECK(keys.size() == 95);
      CHECK(std::set<std::string>(keys.begin(), keys.end()).size() == 95);
    }
}

TEST_CASE("a scan does not go on in another space") {
  Setup setup;
  for (int i = 100; i < 195; ++i) setup.engine.vertices["v" + std::to_string(i)] = {};
  setup.engine.scan_cut_after_pages = 3;
  auto client = setup.client();
  auto end = client.scan({}, [&](ScanPage&) { return client.use_space("mine").ok(); });
  CHECK(end.status().code() == Code::invalid_argument);
}

TEST_CASE("two clients live in one thread") {
  Setup setup;
  auto first = setup.client();
  auto second = setup.client();
  CHECK(first.submit(one_vertex("a")).committed());
  CHECK(second.submit(one_vertex("b")).committed());
  CHECK(setup.engine.submitted[0].session != setup.engine.submitted[1].session);
}

}  // namespace engram::client
