// Shortest paths against the reference: the cost is the least, and the path is one that has it.

#include "tests/actors/query/query_script.h"

using namespace engram;
using namespace engram::test;

namespace {

enum class Cost { hops, weight, property };

struct Wanted {
  std::string source, target;
  ReferenceHop hop;
  Cost cost = Cost::hops;
  std::uint32_t max_hops = 64;
  std::uint32_t max_visited = 1'000'000;
};

Script<schema::PathRequest> request_of(const Wanted& wanted) {
  return Script<schema::PathRequest>([&](schema::PathRequest::Builder request) {
    request.initSource().setKey(wanted.source.c_str());
    request.initTarget().setKey(wanted.target.c_str());
    request.setDirection(direction_of(wanted.hop.way));
    write(wanted.hop.edges, request.initEdges());
    write(wanted.hop.vertices, request.initVertices());
    if (wanted.cost == Cost::weight) request.getCost().setWeight();
    if (wanted.cost == Cost::property) request.getCost().setProperty("cost");
    request.setMaxHops(wanted.max_hops);
    request.setMaxVisited(wanted.max_visited);
  });
}

double cost_of(const ReferenceEdge& edge, Cost cost) {
  if (cost == Cost::hops) return 1;
  if (cost == Cost::weight) return edge.weight;
  auto found = edge.properties.find("cost");
  return found == edge.properties.end() ? std::nan("") : static_cast<double>(found->second);
}

/// Every edge of the path exists, passes, and leads from vertex to vertex in the asked direction; returns the sum of
/// costs.
double walk(const ReferenceGraph& graph, const Wanted& wanted, schema::PathReply::Reader reply) {
  auto vertices = reply.getVertices();
  auto edges = reply.getEdges();
  REQUIRE(vertices.size() == edges.size() + 1);
  REQUIRE(text(vertices[0].getKey()) == wanted.source);
  REQUIRE(text(vertices[edges.size()].getKey()) == wanted.target);
  double sum = 0;
  for (unsigned i = 0; i < edges.size(); ++i) {
    std::string from = text(vertices[i].getKey()), to = text(vertices[i + 1].getKey());
    std::string source = text(edges[i].getSourceKey()), target = text(edges[i].getTargetKey());
    bool ahead = source == from && target == to && wanted.hop.way != Way::in;
    bool back = source == to && target == from && wanted.hop.way != Way::out;
    REQUIRE((ahead || back));
    const ReferenceEdge& edge = graph.edges.at({source, text(edges[i].getType()), target, edges[i].getRank()});
    REQUIRE(wanted.hop.edges.admits(edge));
    REQUIRE(edges[i].getWeight() == edge.weight);
    REQUIRE(edges[i].getProperties().size() == edge.properties.size());
    if (i > 0) REQUIRE(wanted.hop.vertices.admits(graph.vertices.at(from)));
    sum += cost_of(edge, wanted.cost);
  }
  return sum;
}

void compare(CoreCluster& cluster, QueryLoop& loop, const ReferenceGraph& graph, const Wanted& wanted) {
  auto request = request_of(wanted);
  REQUIRE(validate(schema::PathRequest::Reader(request)).message() == "");
  Frame frame = loop.run(make_path(cluster.context(), request));
  auto reply = frame.read<schema::PathReply>();
  bool negative = false;
  auto cost = [&](const ReferenceEdge& edge) { return cost_of(edge, wanted.cost); };
  auto expected = graph.cheapest(wanted.source, wanted.target, wanted.hop, cost, negative);
  // Where properties are looked at against direction `in`, the search begins at the target, and meets other edges on
  // its way.
  if (wanted.hop.way == Way::in && (wanted.hop.edges.property || wanted.cost == Cost::property)) {
    ReferenceHop turned = wanted.hop;
    turned.way = Way::out;
    REQUIRE(graph.cheapest(wanted.target, wanted.source, turned, cost, negative).has_value() == expected.has_value());
  }
  if (negative && wanted.source != wanted.target) {
    REQUIRE(reply.getError().getCode() == schema::ErrorCode::INVALID_ARGUMENT);
    return;
  }
  require_no_error(reply);
  REQUIRE(reply.getExceeded() == schema::Limit::NONE);
  REQUIRE(reply.getFound() == expected.has_value());
  if (!expected) return;
  REQUIRE(reply.getCost() == Approx(*expected).epsilon(1e-12));
  REQUIRE(walk(graph, wanted, reply) == Approx(*expected).epsilon(1e-12));
}

Wanted random_path(Random& random, std::uint64_t vertices) {
  Wanted wanted;
  wanted.source = key_of(below(random, vertices));
  wanted.target = key_of(below(random, vertices));
  wanted.hop = random_hop(random);
  wanted.cost = static_cast<Cost>(below(random, 3));
  if (wanted.cost == Cost::property && wanted.hop.way == Way::both) wanted.cost = Cost::weight;
  // A filter on properties of edges makes the search one-sided, also against direction `in`.
  if (wanted.hop.way == Way::in && one_in(random, 4)) wanted.hop.edges.property = AtLeast{"cost", 1};
  return wanted;
}

}  // namespace

TEST_CASE("paths are as short as the reference's, on any number of partitions") {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    std::uint64_t vertices = 6 + below(random, 26);
    ReferenceGraph graph = random_graph(random, {vertices, 10 + below(random, 70), seed % 3 == 0});
    std::vector<Wanted> queries;
    for (int i = 0; i < 8; ++i) queries.push_back(random_path(random, vertices));
    in_clusters(graph, seed, [&](CoreCluster& cluster, QueryLoop& loop) {
      for (std::size_t i = 0; i < queries.size(); ++i) {
        CAPTURE(i);
        compare(cluster, loop, graph, queries[i]);
      }
    });
  }
}

TEST_CASE("a path is bounded by maxHops, maxVisited and time") {
  CoreCluster cluster(3);
  ReferenceGraph graph = line(12);
  load(cluster, graph);
  QueryLoop loop(cluster);
  for (Cost cost : {Cost::hops, Cost::weight}) {
    Wanted wanted{"v0", "v9", {}, cost};
    compare(cluster, loop, graph, wanted);
    auto limit_of = [&] {
      auto request = request_of(wanted);
      Frame frame = loop.run(make_path(cluster.context(), request));
      auto reply = frame.read<schema::PathReply>();
      require_no_error(reply);
      REQUIRE_FALSE(reply.getFound());
      return reply.getExceeded();
    };
    wanted.max_visited = 5;
    CHECK(limit_of() == schema::Limit::VISITED);
    wanted.max_visited = 1000;
    loop.interrupt_at = 4;
    CHECK(limit_of() == schema::Limit::TIME);
    loop.interrupt_at = ~std::size_t{0};
  }
  Wanted wanted{"v0", "v9", {}};
  for (std::uint32_t hops : {8U, 9U}) {
    wanted.max_hops = hops;
    auto request = request_of(wanted);
    Frame frame = loop.run(make_path(cluster.context(), request));
    CHECK(frame.read<schema::PathReply>().getFound() == (hops == 9));
    CHECK(frame.read<schema::PathReply>().getExceeded() == schema::Limit::NONE);
  }
}

TEST_CASE("of equally short paths the one with the smallest ids is found, whatever the order of answers") {
  // Four layers of ten vertices, each vertex linked to all of the next layer.
  ReferenceGraph graph;
  for (std::uint64_t i = 0; i < 40; ++i) graph.vertices[key_of(i)];
  for (std::uint64_t from = 0; from < 40; ++from)
    for (std::uint64_t to = 0; to < 40; ++to)
      if (to / 10 == from / 10 + 1) graph.put({key_of(from), "next", key_of(to), 0, 1.0, {}});
  CoreCluster cluster(5);
  load(cluster, graph);
  auto smallest_of_layer = [&](std::uint64_t layer) {
    std::uint64_t least = ~std::uint64_t{0};
    for (std::uint64_t i = 0; i < 10; ++i) least = std::min(least, cluster.find(key_of(layer * 10 + i))->value);
    return least;
  };
  for (Cost cost : {Cost::hops, Cost::weight}) {
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
      QueryLoop loop(cluster, seed);
      auto request = request_of({"v0", "v35", {}, cost});
      Frame frame = loop.run(make_path(cluster.context(), request));
      auto reply = frame.read<schema::PathReply>();
      REQUIRE(reply.getVertices().size() == 4);
      REQUIRE(reply.getVertices()[1].getId() == smallest_of_layer(1));
      REQUIRE(reply.getVertices()[2].getId() == smallest_of_layer(2));
    }
  }
}

TEST_CASE("a path that vanishes while it is read is looked for again") {
  ReferenceGraph graph = line(4);
  graph.put({"v0", "detour", "v3", 0, 10.0, {}});
  CoreCluster cluster(2);
  load(cluster, graph);
  QueryLoop loop(cluster);
  delete_before(loop, cluster, "v2", 1, [](schema::Request::Reader request) { return request.isEdges(); });
  auto request = request_of({"v0", "v3", {}, Cost::weight});
  Frame frame = loop.run(make_path(cluster.context(), request));
  auto reply = frame.read<schema::PathReply>();
  require_no_error(reply);
  CHECK(reply.getCost() == 10.0);
  REQUIRE(reply.getEdges().size() == 1);
  CHECK(text(reply.getEdges()[0].getType()) == "detour");
}

TEST_CASE("a path to an unknown vertex names it") {
  CoreCluster cluster(2);
  load(cluster, line(2));
  QueryLoop loop(cluster);
  auto request = request_of({"v0", "nobody", {}});
  Frame frame = loop.run(make_path(cluster.context(), request));
  auto error = frame.read<schema::PathReply>().getError();
  CHECK(error.getCode() == schema::ErrorCode::UNKNOWN_VERTEX);
  CHECK_THAT(text(error.getMessage()), Catch::Contains("nobody"));
}
