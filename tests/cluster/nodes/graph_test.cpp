// One graph on three nodes: every node answers for all of it, and as a single engine does.

#include <csignal>

#include "tests/support/cluster_processes.h"
#include "tests/support/run_program.h"

using namespace engram;
using namespace engram::test;
using client::Batch;

namespace {

std::string run_engram(const std::string& server, std::vector<std::string> words) {
  std::vector<std::string> all{engine_binary(), "--server", server, "--timeout", "60s"};
  all.insert(all.end(), words.begin(), words.end());
  Ran ran = run_program(all);
  INFO(ran.output << ran.errors);
  REQUIRE(ran.exit_code == 0);
  return ran.output;
}

void import_air_routes(const std::string& server) {
  run_engram(server, {"import", "--nodes", "data/air-routes/air-routes-latest-nodes.csv", "--edges",
                  "data/air-routes/air-routes-latest-edges.csv"});
}

/// The activations of a recall in units of 2^-62: every bit of them.
std::string activations(const std::string& server) {
  client::Client client = connect_patiently(server);
  client::RecallQuery query;
  query.seeds = {{"3", 1.0}, {"49", 0.7}};
  query.max_hops = 4;
  query.top = 500;
  query.normalise = client::Normalise::fan_out;
  auto recall = client.recall(query);
  INFO(recall.status().message());
  REQUIRE(recall.ok());
  REQUIRE(recall->hits.size() == 500);
  std::string text;
  for (const auto& hit : recall->hits) text += hit.vertex.key + " " + std::to_string(hit.activation_fixed) + "\n";
  return text;
}

/// Answers that name nothing that depends on where vertices are.
std::vector<std::string> answers(const std::string& server) {
  return {
      run_engram(server, {"get", "3"}),
      run_engram(server, {"path", "3", "54", "--by", "dist", "--type", "route"}),
      activations(server),
      run_engram(server, {"recall", "3", "--hops", "3", "--top", "50", "--type", "route", "--normalise", "fan-out"}),
      run_engram(server, {"recall", "49", "--hops", "2", "--top", "50", "--direction", "both"}),
      run_engram(server, {"neighbors", "3", "--type", "route", "--count"}),
      run_engram(server, {"stats"}),
  };
}

}  // namespace

TEST_CASE("a graph on two or three nodes is answered by each of them as by a single engine") {
  TemporaryDirectory directory;
  EngineProcess single(setup_in(directory, {"--cluster-partitions", "2"}));
  require_ready(single);
  import_air_routes(single.setup().server());
  std::vector<std::string> expected = answers(single.setup().server());

  for (unsigned nodes : {2u, 3u}) {
    ClusterProcesses cluster(nodes);
    cluster.start_all();
    import_air_routes(cluster.server(1));
    for (unsigned node = 0; node < nodes; ++node) {
      std::vector<std::string> found = answers(cluster.server(node));
      INFO("node " << node << " of " << nodes);
      for (std::size_t i = 0; i < expected.size(); ++i) CHECK(found[i] == expected[i]);
    }
  }
}

TEST_CASE("an expansion that may not hold what it comes upon ends in the middle of a hop, whichever nodes it is over") {
  ClusterProcesses cluster(3, {"--cluster-partitions", "6", "--limits-query-memory-bytes", "1MiB"});
  cluster.start_all();
  auto client = cluster.connect(cluster.servers());
  constexpr int edges = 200'000, at_once = 10'000;
  REQUIRE(client.submit(Batch().put_vertex("hub")).committed());
  for (int i = 0; i < edges; i += at_once) {
    Batch batch;
    for (int rank = i; rank < i + at_once; ++rank) batch.link("hub", "LIKES", "hub", {.rank = rank});
    REQUIRE(client.submit(batch, 60'000).committed());
  }
  for (unsigned node = 0; node < 3; ++node) {
    INFO("by way of node " << node);
    auto found = cluster.connect(cluster.server(node)).expand({.seeds = {"hub"}, .hops = {{}}}, 60'000);
    CHECK(found.status().code() == Code::limit_exceeded);
    CHECK(found.status().field() == "memory");
    CHECK(found.status().limit() == std::uint64_t{1} << 20);
    // A number of eight bytes for each edge: more of them than that are not gathered.
    CHECK(found.status().partial() > 100'000);
    CHECK(found.status().partial() < 140'000);
  }
}

TEST_CASE("a query over a node that stands still ends with its time, and the next one is whole again") {
  ClusterProcesses cluster(3);
  cluster.start_all();
  auto client = cluster.connect(cluster.server(0));
  Batch star;
  for (int i = 0; i < 60; ++i) star.link("hub", "T", "v" + std::to_string(i), {.create_missing = true});
  REQUIRE(client.submit(star).committed());
  client::ExpandQuery query;
  query.seeds = {"hub"};
  query.hops.resize(2);
  query.hops[1].direction = client::Direction::in;
  auto whole = client.expand(query);
  REQUIRE(whole.ok());
  REQUIRE(whole->exceeded == client::Limit::none);

  std::string of_third;
  for (int i = 0; of_third.empty(); ++i)
    if (std::string key = "v" + std::to_string(i); client.owner_of(key).value % 3 == 1) of_third = key;
  cluster.engine(2).send_signal(SIGSTOP);
  auto cut = client.expand(query, 1'500);
  // Who waits for the node that stands still holds up nobody who asks another one.
  for (int i = 0; i < 200; ++i) REQUIRE(client.get(of_third, {}, 1'000).ok());
  cluster.engine(2).send_signal(SIGCONT);
  // What it has, and that it is not all; or that there was no time. Never less as if it were all.
  if (cut.ok()) {
    CHECK(cut->exceeded == client::Limit::time);
  } else {
    CHECK((cut.status().code() == Code::deadline_exceeded || cut.status().code() == Code::unavailable));
  }
  auto again = client.expand(query, 30'000);
  INFO(again.status().message());
  REQUIRE(again.ok());
  CHECK(again->ids.size() == whole->ids.size());
}

TEST_CASE("spaces, quotas and indexes are the same on all nodes, wherever they are made") {
  ClusterProcesses cluster(3);
  cluster.start_all();
  for (unsigned node = 0; node < 3; ++node) {
    std::string name = "space-" + std::to_string(node);
    run_engram(cluster.server(node), {"space", "create", name, "--max-vertices", "100"});
    auto client = cluster.connect(cluster.server((node + 1) % 3));
    REQUIRE(client.use_space(name).ok());
    CHECK(client.declare_index({"Person", "age"}).committed());
    Batch batch;
    for (int i = 0; i < 20; ++i) batch.put_vertex("p" + std::to_string(i), {.labels = {"Person"}, .properties = {{"age", std::int64_t{i}}}});
    REQUIRE(client.submit(batch).committed());
    auto other = cluster.connect(cluster.server((node + 2) % 3));
    REQUIRE(other.use_space(name).ok());
    auto statistics = other.statistics();
    REQUIRE(statistics.ok());
    CHECK(statistics->space.vertices == 20);
    CHECK(statistics->space.quota.vertices == 100);
    client::LookupQuery query;
    query.index = {"Person", "age"};
    query.equal = client::Value(std::int64_t{7});
    auto found = other.lookup(query);
    INFO(found.status().message());
    REQUIRE(found.ok());
    REQUIRE(found->vertices.size() == 1);
    CHECK(found->vertices[0].key == "p7");

    query.equal = std::nullopt;
    query.min = client::Value(std::int64_t{3});
    query.limit = 4;
    std::vector<std::string> keys;
    do {
      auto page = other.lookup(query);
      INFO(page.status().message());
      REQUIRE(page.ok());
      for (const auto& vertex : page->vertices) keys.push_back(vertex.key);
      query.cursor = page->cursor;
    } while (!query.cursor.empty());
    REQUIRE(keys.size() == 17);
    for (int i = 0; i < 17; ++i) CHECK(keys[static_cast<std::size_t>(i)] == "p" + std::to_string(i + 3));
  }
}

TEST_CASE("a batch over all nodes happens whole or not at all") {
  ClusterProcesses cluster(3);
  cluster.start_all();
  auto client = cluster.connect(cluster.server(2));
  Batch good;
  for (int i = 0; i < 30; ++i) good.put_vertex("v" + std::to_string(i));
  CHECK(client.submit(good).created == 30);
  Batch bad;
  for (int i = 0; i < 30; ++i) bad.put_vertex("w" + std::to_string(i));
  bad.put_vertex("v7", {.mode = client::PutMode::create});
  auto refused = client.submit(bad);
  CHECK(refused.fate == client::Fate::failed);
  CHECK(refused.status.code() == Code::vertex_exists);
  auto statistics = cluster.connect(cluster.server(0)).statistics();
  REQUIRE(statistics.ok());
  CHECK(statistics->space.vertices == 30);
}
