// Recall against the reference, bit for bit: activations, order, paths, and the number of vertices that were reached.

#include "actors/query/activation.h"
#include "tests/actors/query/query_script.h"

using namespace engram;
using namespace engram::test;

namespace {

Script<schema::RecallRequest> request_of(const ReferenceRecall& wanted) {
  return Script<schema::RecallRequest>([&](schema::RecallRequest::Builder request) {
    auto seeds = request.initSeeds(static_cast<unsigned>(wanted.seeds.size()));
    for (unsigned i = 0; i < seeds.size(); ++i) {
      seeds[i].initVertex().setKey(wanted.seeds[i].first.c_str());
      seeds[i].setActivation(wanted.seeds[i].second);
    }
    request.setDecay(wanted.decay);
    request.setThreshold(wanted.threshold);
    request.setMaxHops(wanted.max_hops);
    request.setTop(static_cast<std::uint32_t>(wanted.top));
    request.setNormalise(static_cast<schema::Normalise>(wanted.share));
    request.setIncludeSeeds(wanted.include_seeds);
    request.setMaxVisited(static_cast<std::uint32_t>(wanted.max_visited));
    request.setDirection(direction_of(wanted.hop.way));
    write(wanted.hop.edges, request.initEdges());
    write(wanted.hop.vertices, request.initVertices());
  });
}

ReferenceGraph::Recalled recall(CoreCluster& cluster, QueryLoop& loop, const ReferenceRecall& wanted) {
  auto request = request_of(wanted);
  REQUIRE(validate(schema::RecallRequest::Reader(request)).message() == "");
  Frame frame = loop.run(make_recall(cluster.context(), request));
  auto reply = frame.read<schema::RecallReply>();
  require_no_error(reply);
  ReferenceGraph::Recalled recalled;
  recalled.exceeded = reply.getExceeded() == schema::Limit::VISITED;
  recalled.visited = reply.getVisited();
  for (auto hit : reply.getHits()) {
    std::vector<std::string> path;
    for (auto key : hit.getPathKeys()) path.push_back(text(key));
    REQUIRE(hit.getPath().size() == path.size());
    for (unsigned i = 0; i < path.size(); ++i) REQUIRE(cluster.find(path[i])->value == hit.getPath()[i]);
    CHECK(hit.getActivation() == from_fixed(hit.getActivationFixed()));
    recalled.hits.push_back({text(hit.getVertex().getKey()), hit.getActivationFixed(), path});
  }
  return recalled;
}

ReferenceRecall random_recall(Random& random) {
  ReferenceRecall wanted;
  for (std::uint64_t i = 0; i <= below(random, 3); ++i)
    wanted.seeds.emplace_back(key_of(below(random, 8)), static_cast<double>(1 + below(random, 10)) / 10);
  wanted.decay = one_in(random, 3) ? 1.0 : static_cast<double>(1 + below(random, 9)) / 10;
  wanted.threshold = one_in(random, 3) ? 0.0 : 0.001 * static_cast<double>(below(random, 100));
  wanted.max_hops = static_cast<std::uint32_t>(1 + below(random, 6));
  wanted.top = 1 + below(random, one_in(random, 2) ? 5 : 40);
  wanted.share = static_cast<Share>(below(random, 3));
  wanted.include_seeds = one_in(random, 2);
  wanted.hop = random_hop(random);
  // A filter makes vertices count that it does not admit, so the limit is compared without one.
  if (one_in(random, 5) && wanted.hop.vertices.empty()) wanted.max_visited = 1 + below(random, 12);
  return wanted;
}

void require_equal(const ReferenceGraph::Recalled& got, const ReferenceGraph::Recalled& expected) {
  REQUIRE(got.exceeded == expected.exceeded);
  REQUIRE(got.visited == expected.visited);
  REQUIRE(got.hits.size() == expected.hits.size());
  for (std::size_t i = 0; i < got.hits.size(); ++i) {
    CAPTURE(i);
    REQUIRE(got.hits[i].key == expected.hits[i].key);
    REQUIRE(got.hits[i].activation == expected.hits[i].activation);
    REQUIRE(got.hits[i].path == expected.hits[i].path);
  }
}

}  // namespace

TEST_CASE("recall gives the reference's answer bit for bit, on any number of partitions and in any order of answers") {
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    ReferenceGraph graph = random_graph(random, {8 + below(random, 24), 10 + below(random, 100), seed % 2 == 0});
    std::vector<ReferenceRecall> queries;
    for (int i = 0; i < 6; ++i) queries.push_back(random_recall(random));
    in_clusters(graph, seed, [&](CoreCluster& cluster, QueryLoop& loop) {
      for (std::size_t i = 0; i < queries.size(); ++i) {
        CAPTURE(i);
        require_equal(recall(cluster, loop, queries[i]), graph.recall(queries[i]));
      }
    });
  }
}

TEST_CASE("recall: a worked example") {
  // docs/recall.md tells this one: a passes 1 on, halved once a hop.
  ReferenceGraph graph;
  for (const char* key : {"a", "b", "c", "d"}) graph.vertices[key];
  graph.put({"a", "knows", "b", 0, 0.5, {}});
  graph.put({"a", "knows", "c", 0, 0.25, {}});
  graph.put({"b", "knows", "d", 0, 1.0, {}});
  graph.put({"c", "knows", "d", 0, 1.0, {}});
  CoreCluster cluster(2);
  load(cluster, graph);
  QueryLoop loop(cluster);
  ReferenceRecall wanted;
  wanted.seeds = {{"a", 1.0}};
  auto recalled = recall(cluster, loop, wanted);
  REQUIRE(recalled.hits.size() == 3);
  CHECK(recalled.hits[0] == ReferenceHit{"b", to_fixed(0.25), {"a", "b"}});
  CHECK(recalled.hits[1] == ReferenceHit{"d", to_fixed(0.1875), {"a", "b", "d"}});
  CHECK(recalled.hits[2] == ReferenceHit{"c", to_fixed(0.125), {"a", "c"}});
  CHECK(recalled.visited == 4);
}

TEST_CASE("what an edge passes on is rounded half to even, and never more than 1") {
  CHECK(contribution(activation_one, 1.0, 1.0, 0.5) == activation_one / 2);
  CHECK(contribution(1, 1.0, 1.0, 0.5) == 0);
  CHECK(contribution(3, 1.0, 1.0, 0.5) == 2);
  CHECK(contribution(5, 1.0, 1.0, 0.5) == 2);
  CHECK(contribution(activation_one, 1e300, 1.0, 1.0) == activation_one);
}

TEST_CASE("the sum of weights does not depend on their order") {
  std::vector<double> weights{1e16, 1.0, -3.0, 0.1, 1.0, 0.3};
  double sum = divisor_of(weights, schema::Normalise::WEIGHT_SUM);
  std::sort(weights.begin(), weights.end());
  do {
    CHECK(divisor_of(weights, schema::Normalise::WEIGHT_SUM) == sum);
  } while (std::next_permutation(weights.begin(), weights.end()));
  CHECK(divisor_of(weights, schema::Normalise::FAN_OUT) == 5);
}

TEST_CASE("recall leaves out what vanished while it ran") {
  ReferenceGraph graph;
  for (const char* key : {"a", "b", "c"}) graph.vertices[key];
  graph.put({"a", "knows", "b", 0, 0.5, {}});
  graph.put({"a", "knows", "c", 0, 0.25, {}});
  CoreCluster cluster(2);
  load(cluster, graph);
  QueryLoop loop(cluster);
  delete_before(loop, cluster, "b", 1, [](schema::Request::Reader request) { return request.isGet(); });
  ReferenceRecall wanted;
  wanted.seeds = {{"a", 1.0}};
  auto request = request_of(wanted);
  Frame frame = loop.run(make_recall(cluster.context(), request));
  auto hits = frame.read<schema::RecallReply>().getHits();
  REQUIRE(hits.size() == 1);
  CHECK(text(hits[0].getVertex().getKey()) == "c");
}
