// What was acknowledged is seen by every client at once, at both ends of an edge, whichever partitions they are in.

#include <catch2/catch.hpp>

#include <atomic>
#include <thread>

#include "tests/support/patient_client.h"
#include "tests/support/running_engine.h"

using namespace engram;
using client::Batch;
using client::Client;

namespace {

Client connect(const test::RunningEngine& engine) {
  auto connected = Client::connect(test::patient_options(engine.address()));
  if (!connected.ok()) throw std::runtime_error(connected.status().message());
  return std::move(connected).value();
}

bool has_edge(Client& client, const std::string& of, client::Direction direction, const std::string& other) {
  auto page = client.neighbors(of, {.direction = direction, .limit = 100'000});
  if (!page.ok()) return false;
  for (const client::Edge& edge : page->edges)
    if ((direction == client::Direction::out ? edge.target_key : edge.source_key) == other) return true;
  return false;
}

}  // namespace

TEST_CASE("once a link is acknowledged, another client sees both its ends") {
  test::RunningEngine engine(FlagValues{{"cluster.partitions", "4"}});
  constexpr int threads = 4, links = 60;
  std::atomic<int> missing{0}, failed{0};
  std::vector<std::thread> clients;
  for (int t = 0; t < threads; ++t)
    clients.emplace_back([&, t] {
      Client writer = connect(engine);
      Client witness = connect(engine);
      for (int i = 0; i < links; ++i) {
        std::string source = "s" + std::to_string(t) + "-" + std::to_string(i);
        std::string fresh = "f" + std::to_string(t) + "-" + std::to_string(i);
        std::string target = i % 3 == 0 ? "hub" : i % 3 == 1 ? fresh : "t" + std::to_string((t * 7 + i) % 10);
        Batch batch;
        batch.link(source, "KNOWS", target, {.create_missing = true});
        if (!writer.submit(batch).committed()) ++failed;
        // Either end first: the far one learns of the decision last, and by way of the near one it is named by its id.
        bool far_first = i % 2 == 0;
        for (bool far : {far_first, !far_first}) {
          auto direction = far ? client::Direction::in : client::Direction::out;
          if (!has_edge(witness, far ? target : source, direction, far ? source : target)) ++missing;
        }
      }
    });
  for (auto& client : clients) client.join();
  CHECK(failed == 0);
  CHECK(missing == 0);
}

TEST_CASE("readers see a batch over several partitions whole or not at all, at every vertex from its first sight on") {
  test::RunningEngine engine(FlagValues{{"cluster.partitions", "4"}});
  std::atomic<bool> stop{false};
  std::atomic<int> back{0};
  std::thread reader([&] {
    Client client = connect(engine);
    std::int64_t last = 0;
    while (!stop) {
      auto found = client.get("counter");
      if (!found.ok() || found->properties.empty()) continue;
      auto now = std::get<std::int64_t>(found->properties[0].value.data);
      if (now < last) ++back;
      last = now;
    }
  });
  Client writer = connect(engine);
  for (std::int64_t i = 1; i <= 100; ++i) {
    Batch batch;
    for (const char* key : {"counter", "a", "b", "c", "d"})
      batch.put_vertex(key, {.properties = {{"n", client::Value(i)}}});
    REQUIRE(writer.submit(batch).committed());
  }
  stop = true;
  reader.join();
  CHECK(back == 0);
}
