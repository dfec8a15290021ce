// The real graph that ships with the project: imported by the real binary into a real engine, and asked some hundred
// random questions that a plain reference answers too.

#include <catch2/catch.hpp>

#include <fstream>
#include <random>
#include <sstream>

#include "client/engram/client.h"
#include "tests/support/engine_process.h"
#include "tests/support/reference_graph.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_directory.h"

using namespace engram;
using namespace engram::test;

namespace {

const std::string nodes_file = "data/air-routes/air-routes-latest-nodes.csv";
const std::string edges_file = "data/air-routes/air-routes-latest-edges.csv";
constexpr std::uint64_t seed = 1;

class Random {
 public:
  std::uint64_t below(std::uint64_t bound) { return engine_() % bound; }
  bool one_in(std::uint64_t chances) { return below(chances) == 0; }

 private:
  std::mt19937_64 engine_{seed};
};

/// Calls `row` with the first cells of each line but the header. None of these is ever quoted.
template <typename Row>
void read_csv(const std::string& path, std::size_t cells, const Row& row) {
  std::ifstream file(path);
  REQUIRE(file);
  std::string line;
  std::getline(file, line);
  while (std::getline(file, line)) {
    if (line.ends_with('\r')) line.pop_back();
    std::istringstream text(line);
    std::vector<std::string> found(cells);
    for (std::string& cell : found) std::getline(text, cell, ',');
    row(found);
  }
}

ReferenceGraph read_graph() {
  ReferenceGraph graph;
  read_csv(nodes_file, 2, [&](const auto& cells) { graph.vertices[cells[0]].labels = {cells[1]}; });
  read_csv(edges_file, 5, [&](const auto& cells) {
    Numbers properties;
    if (!cells[4].empty()) properties["dist"] = std::stoll(cells[4]);
    graph.put({cells[1], cells[3], cells[2], 0, 1.0, properties});
  });
  graph.index_edges();
  return graph;
}

client::VertexFilter filter_of(const VertexCondition& condition) {
  return {{condition.labels.begin(), condition.labels.end()}, {}};
}

client::EdgeFilter filter_of(const EdgeCondition& condition) {
  client::EdgeFilter filter;
  filter.types.assign(condition.types.begin(), condition.types.end());
  if (condition.property)
    filter.properties = {{condition.property->name, client::Comparison::greater_or_equal, condition.property->least}};
  return filter;
}

client::Direction direction_of(Way way) { return static_cast<client::Direction>(way); }

double distance_of(const ReferenceEdge& edge) {
  auto found = edge.properties.find("dist");
  return found == edge.properties.end() ? std::nan("") : static_cast<double>(found->second);
}

/// The engine with the graph in it, the reference, and questions for both.
class AirRoutes {
 public:
  AirRoutes() : engine_(setup_in(directory_)) {
    require_ready(engine_);
    Ran ran = run_program({"env", "ENGRAM_SERVER=" + engine_.setup().server(), engine_.setup().binary, "import", nodes_file,
                           edges_file});
    INFO(ran.output << ran.errors);
    REQUIRE(ran.exit_code == 0);
    auto connected = client::Client::connect({.server = engine_.setup().server(), .timeout_ms = 60'000});
    REQUIRE(connected.ok());
    client_.emplace(std::move(connected).value());
    for (const auto& [key, vertex] : graph_.vertices) {
      keys_.push_back(key);
      if (vertex.labels.contains("airport")) airports_.push_back(key);
    }
  }

  client::Client& client() { return *client_; }
  [[nodiscard]] const ReferenceGraph& graph() const { return graph_; }
  void compare_expansion();
  void compare_recall();
  /// The cheapest paths from one airport to several vertices.
  void compare_paths(bool by_distance, int targets);

 private:
  static EngineSetup setup_in(const TemporaryDirectory& directory) {
    EngineSetup setup{.data_dir = directory / "data", .socket = directory / "socket", .output = directory / "out"};
    setup.flags = {"--cluster-partitions", "3", "--hot-bytes", "256MiB"};
    setup.binary = built_binary();
    return setup;
  }
  const std::string& airport() { return airports_[random_.below(airports_.size())]; }
  const std::string& key() { return keys_[random_.below(keys_.size())]; }
  ReferenceHop random_hop();
  void check_path(const client::Path& path, const std::string& source, const std::string& target,
                  const ReferenceHop& hop, bool by_distance) const;

  TemporaryDirectory directory_;
  EngineProcess engine_;
  std::optional<client::Client> client_;
  ReferenceGraph graph_ = read_graph();
  std::vector<std::string> keys_, airports_;
  Random random_;
};

ReferenceHop AirRoutes::random_hop() {
  ReferenceHop hop;
  hop.way = static_cast<Way>(random_.below(3));
  if (!random_.one_in(3)) hop.edges.types = {"route"};
  if (hop.way == Way::out && random_.one_in(3)) hop.edges.property = AtLeast{"dist", 500};
  if (random_.one_in(4)) hop.vertices.labels = {random_.one_in(4) ? "country" : "airport"};
  return hop;
}

void AirRoutes::compare_expansion() {
  client::ExpandQuery query;
  std::vector<std::string> seeds{airport()};
  if (random_.one_in(3)) seeds.push_back(key());
  for (const std::string& one : seeds) query.seeds.emplace_back(one);
  std::vector<ReferenceHop> hops(2 + random_.below(2));
  for (ReferenceHop& hop : hops) {
    hop = random_hop();
    query.hops.push_back({direction_of(hop.way), filter_of(hop.edges), filter_of(hop.vertices), 0});
  }
  CAPTURE(seeds);
  auto answer = client_->expand(query);
  INFO(answer.status().message());
  REQUIRE(answer.ok());
  REQUIRE(answer->exceeded == client::Limit::none);
  REQUIRE(answer->keys.size() == answer->depths.size());
  std::vector<std::set<std::string>> got(hops.size());
  for (std::size_t i = 0; i < answer->keys.size(); ++i)
    REQUIRE(got.at(answer->depths[i] - 1U).insert(answer->keys[i]).second);  // none twice
  auto expected = graph_.expand(seeds, hops);
  expected.erase(expected.begin());
  for (std::size_t i = 0; i < hops.size(); ++i) {
    CAPTURE(i);
    REQUIRE((got[i] == expected[i]));
  }
}

void AirRoutes::compare_recall() {
  ReferenceRecall wanted;
  for (std::uint64_t i = 0; i <= random_.below(2); ++i)
    wanted.seeds.emplace_back(airport(), static_cast<double>(1 + random_.below(10)) / 10);
  wanted.decay = static_cast<double>(1 + random_.below(9)) / 10;
  wanted.threshold = random_.one_in(3) ? 0.0 : 0.001;
  wanted.max_hops = static_cast<std::uint32_t>(1 + random_.below(3));
  wanted.top = 1 + random_.below(100);
  wanted.share = static_cast<Share>(random_.below(3));
  wanted.include_seeds = random_.one_in(2);
  wanted.hop = random_hop();
  client::RecallQuery query;
  for (const auto& [key, activation] : wanted.seeds) query.seeds.push_back({key, activation});
  query.decay = wanted.decay;
  query.threshold = wanted.threshold;
  query.max_hops = wanted.max_hops;
  query.top = static_cast<std::uint32_t>(wanted.top);
  query.normalise = static_cast<client::Normalise>(wanted.share);
  query.include_seeds = wanted.include_seeds;
  query.direction = direction_of(wanted.hop.way);
  query.edges = filter_of(wanted.hop.edges);
  query.vertices = filter_of(wanted.hop.vertices);
  CAPTURE(wanted.seeds[0].first, wanted.max_hops);
  auto answer = client_->recall(query);
  INFO(answer.status().message());
  REQUIRE(answer.ok());
  auto expected = graph_.recall(wanted);
  REQUIRE(answer->visited == expected.visited);
  std::vector<ReferenceHit> got;
  for (const client::RecallHit& hit : answer->hits)
    got.push_back({hit.vertex.key, hit.activation_fixed, hit.path_keys});
  REQUIRE((got == expected.hits));
}

void AirRoutes::check_path(const client::Path& path, const std::string& source, const std::string& target,
                           const ReferenceHop& hop, bool by_distance) const {
  REQUIRE(path.vertices.size() == path.edges.size() + 1);
  REQUIRE(path.vertices.front().key == source);
  REQUIRE(path.vertices.back().key == target);
  double sum = 0;
  for (std::size_t i = 0; i < path.edges.size(); ++i) {
    const client::Edge& edge = path.edges[i];
    bool ahead = edge.source_key == path.vertices[i].key && edge.target_key == path.vertices[i + 1].key;
    bool back = edge.target_key == path.vertices[i].key && edge.source_key == path.vertices[i + 1].key;
    REQUIRE(((ahead && hop.way != Way::in) || (back && hop.way != Way::out)));
    const ReferenceEdge& real = graph_.edges.at({edge.source_key, edge.type, edge.target_key, edge.rank});
    REQUIRE(hop.edges.admits(real));
    if (i > 0) REQUIRE(hop.vertices.admits(graph_.vertices.at(path.vertices[i].key)));
    sum += by_distance ? distance_of(real) : 1;
  }
  REQUIRE(sum == path.cost);  // whole numbers
}

void AirRoutes::compare_paths(bool by_distance, int targets) {
  std::string source = airport();
  ReferenceHop hop = random_hop();
  if (by_distance && hop.way == Way::both) hop.way = Way::out;
  auto expected = graph_.cheapest_from(source, hop, [&](const ReferenceEdge& edge) {
    return by_distance ? distance_of(edge) : 1.0;
  });
  client::PathQuery query;
  query.direction = direction_of(hop.way);
  query.edges = filter_of(hop.edges);
  query.vertices = filter_of(hop.vertices);
  if (by_distance) query.cost = client::PathQuery::Cost::property;
  if (by_distance) query.cost_property = "dist";
  for (int i = 0; i < targets; ++i) {
    std::string target = random_.one_in(6) ? key() : airport();
    CAPTURE(source, target, by_distance, static_cast<int>(hop.way));
    auto answer = client_->path(source, target, query);
    INFO(answer.status().message());
    REQUIRE(answer.ok());
    REQUIRE(answer->exceeded == client::Limit::none);
    auto known = expected.find(target);
    REQUIRE(answer->found == (known != expected.end()));
    if (!answer->found) continue;
    REQUIRE(answer->cost == known->second);
    check_path(*answer, source, target, hop, by_distance);
  }
}

using Counts = std::map<std::string, std::uint64_t>;

Counts counts_of(const std::vector<client::NamedCount>& list) {
  Counts counts;
  for (const client::NamedCount& one : list) counts[one.name] = one.count;
  return counts;
}

}  // namespace

TEST_CASE("the air routes are what their source says, and every answer about them is the reference's") {
  AirRoutes routes;
  auto statistics = routes.client().statistics();
  REQUIRE(statistics.ok());
  CHECK(statistics->space.vertices == 3'749);
  CHECK(statistics->space.edges == 57'645);
  CHECK((counts_of(statistics->types) == Counts{{"contains", 7'008}, {"route", 50'637}}));
  CHECK((counts_of(statistics->labels) == Counts{{"airport", 3'504}, {"continent", 7}, {"country", 237}, {"version", 1}}));
  REQUIRE(routes.graph().vertices.size() == 3'749);
  REQUIRE(routes.graph().edges.size() == 57'645);

  CAPTURE(seed);
  for (int i = 0; i < 12; ++i) routes.compare_paths(i % 2 == 0, 15);
  for (int i = 0; i < 100; ++i) routes.compare_expansion();
  for (int i = 0; i < 60; ++i) routes.compare_recall();
  WARN("seed " << seed << ": 180 paths, 100 expansions and 60 recalls compared");
}
