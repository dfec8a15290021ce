// Reads that do not walk: vertices and edges by name, pages of neighbours and scans, degrees, counts.

#include "storage/hot/properties.h"
#include "tests/actors/query/query_script.h"

using namespace engram;
using namespace engram::test;

namespace {

struct Loaded {
  explicit Loaded(std::uint64_t seed, std::uint32_t partitions)
      : random(seed), cluster(partitions), loop(cluster, seed) {
    graph = random_graph(random, {6 + below(random, 20), 10 + below(random, 120)});
    load(cluster, graph);
  }
  Random random;
  ReferenceGraph graph;
  CoreCluster cluster;
  QueryLoop loop;
};

template <typename Test>
void on_random_graphs(std::uint64_t seeds, const Test& test) {
  for (std::uint64_t seed = 1; seed <= seeds; ++seed)
    for (std::uint32_t partitions : cluster_sizes) {
      CAPTURE(seed, partitions);
      Loaded loaded(seed, partitions);
      test(loaded);
    }
}

using Slot = std::tuple<std::string, std::string, std::string, std::int64_t>;
Slot slot_of(schema::Edge::Reader edge) {
  return {text(edge.getSourceKey()), text(edge.getType()), text(edge.getTargetKey()), edge.getRank()};
}

}  // namespace

TEST_CASE("get answers in the order of the request, also for what there is not") {
  on_random_graphs(40, [](Loaded& on) {
    std::vector<std::string> keys;
    for (int i = 0; i < 30; ++i) keys.push_back(key_of(below(on.random, 40)));
    Script<schema::GetRequest> request([&](schema::GetRequest::Builder builder) {
      auto refs = builder.initVertices(static_cast<unsigned>(keys.size()));
      for (unsigned i = 0; i < refs.size(); ++i) {
        auto id = on.cluster.find(keys[i]);
        bool by_id = one_in(on.random, 2);
        if (by_id)
          refs[i].setId(id ? id->value : std::uint64_t{60'000} << 48);
        else
          refs[i].setKey(keys[i].c_str());
      }
    });
    Frame frame = on.loop.run(make_get(on.cluster.context(), request));
    auto reply = frame.read<schema::GetReply>();
    require_no_error(reply);
    REQUIRE(reply.getVertices().size() == keys.size());
    for (unsigned i = 0; i < keys.size(); ++i) {
      auto vertex = reply.getVertices()[i];
      auto expected = on.graph.vertices.find(keys[i]);
      REQUIRE(vertex.getFound() == (expected != on.graph.vertices.end()));
      if (!vertex.getFound()) continue;
      REQUIRE(text(vertex.getKey()) == keys[i]);
      REQUIRE(vertex.getLabels().size() == expected->second.labels.size());
      REQUIRE(vertex.getProperties().size() == expected->second.properties.size());
    }
    REQUIRE(on.loop.requests <= on.cluster.partitions());
  });
}

TEST_CASE("edges are found by their keys, over partitions, in the order of the request") {
  on_random_graphs(40, [](Loaded& on) {
    std::vector<Slot> asked, expected;
    for (const auto& [slot, edge] : on.graph.edges) {
      asked.push_back(slot);
      if (one_in(on.random, 3)) asked.push_back(slot);
      if (one_in(on.random, 3)) asked.emplace_back(edge.source, "hates", edge.target, 0);
      if (one_in(on.random, 5)) asked.emplace_back(edge.source, edge.type, "nobody", 0);
      if (one_in(on.random, 5)) asked.emplace_back("nobody", edge.type, edge.target, 0);
    }
    std::shuffle(asked.begin(), asked.end(), on.random);
    std::copy_if(asked.begin(), asked.end(), std::back_inserter(expected),
                 [&](const Slot& slot) { return on.graph.edges.contains(slot); });
    Script<schema::GetEdgeRequest> request([&](schema::GetEdgeRequest::Builder builder) {
      auto edges = builder.initEdges(static_cast<unsigned>(asked.size()));
      for (unsigned i = 0; i < edges.size(); ++i) {
        edges[i].setSource(std::get<0>(asked[i]).c_str());
        edges[i].setType(std::get<1>(asked[i]).c_str());
        edges[i].setTarget(std::get<2>(asked[i]).c_str());
        edges[i].setRank(std::get<3>(asked[i]));
      }
    });
    Frame frame = on.loop.run(make_get_edges(on.cluster.context(), request));
    auto reply = frame.read<schema::GetEdgeReply>();
    require_no_error(reply);
    std::vector<Slot> got;
    for (auto edge : reply.getEdges()) {
      got.push_back(slot_of(edge));
      REQUIRE(edge.getWeight() == on.graph.edges.at(got.back()).weight);
    }
    REQUIRE(got == expected);
  });
}

TEST_CASE("pages of neighbours give every edge once, with the keys of both ends and only where the other end passes") {
  on_random_graphs(150, [](Loaded& on) {
    ReferenceHop hop = random_hop(on.random);
    std::string key = key_of(below(on.random, 6));
    std::multiset<Slot> expected, got;
    for (const auto& step : on.graph.steps(key, hop.way, hop.edges))
      if (hop.vertices.admits(on.graph.vertices.at(step.to)))
        expected.insert({step.edge->source, step.edge->type, step.edge->target, step.edge->rank});
    std::uint32_t limit = static_cast<std::uint32_t>(1 + below(on.random, 6));
    std::string cursor;
    do {
      Script<schema::NeighborsRequest> request([&](schema::NeighborsRequest::Builder builder) {
        builder.initVertex().setKey(key.c_str());
        builder.setDirection(direction_of(hop.way));
        write(hop.edges, builder.initFilter());
        write(hop.vertices, builder.initTarget());
        builder.setLimit(limit);
        builder.setCursor(data_of(cursor));
      });
      REQUIRE(validate(schema::NeighborsRequest::Reader(request)).message() == "");
      Frame frame = on.loop.run(make_neighbors(on.cluster.context(), request));
      auto reply = frame.read<schema::NeighborsReply>();
      require_no_error(reply);
      REQUIRE(reply.getEdges().size() <= limit);
      auto next = reply.getCursor();
      if (next.size() > 0) REQUIRE(reply.getEdges().size() == limit);
      for (auto edge : reply.getEdges()) got.insert(slot_of(edge));
      cursor = bytes_of(next);
    } while (!cursor.empty());
    REQUIRE(got == expected);
  });
}

TEST_CASE("an edge too large for a page is an error, and no page that leads to itself") {
  CoreCluster cluster(1);
  load(cluster, line(3));
  Graph& graph = cluster.core({0}).graph();
  std::vector<PropertyChange> changes;
  Script<schema::Value> value([](schema::Value::Builder builder) { builder.initBytes(1'000'000); });
  for (std::size_t i = 0; i * 1'000'000 < max_answer_bytes; ++i) {
    changes.push_back({graph.dictionary().intern("p" + std::to_string(i)), {}});
    REQUIRE(pack_value(value, changes.back().value).ok());
  }
  std::string properties = change_properties({}, std::move(changes), true);
  LocalId id = cluster.find("v1")->local();
  EdgeEntry entry;
  REQUIRE(graph.vertex_with(id, Side::out)->out.begin().next(entry));
  EdgeEntry before = entry;
  entry.properties = as_bytes(properties);
  graph.put_edge(id, Side::out, *graph.spaces().find(SpaceId{0}), entry, before);

  auto neighbors_of_v1 = [&](bool all_properties) {
    Script<schema::NeighborsRequest> request([&](schema::NeighborsRequest::Builder builder) {
      builder.initVertex().setKey("v1");
      builder.setDirection(schema::Direction::BOTH);
      if (!all_properties) builder.initProjection().initOnly(1).set(0, "p7");
    });
    QueryLoop loop(cluster);
    loop.interrupt_at = 20;
    return loop.run(make_neighbors(cluster.context(), request));
  };
  auto refused = neighbors_of_v1(true);
  CHECK(refused.read<schema::NeighborsReply>().getError().getCode() == schema::ErrorCode::LIMIT_EXCEEDED);
  CHECK(text(refused.read<schema::NeighborsReply>().getError().getField()) == "projection");
  auto page = neighbors_of_v1(false);
  require_no_error(page.read<schema::NeighborsReply>());
  CHECK(page.read<schema::NeighborsReply>().getEdges().size() == 2);
}

TEST_CASE("neighbours whose keys nobody asked for cost one request") {
  Loaded on(3, 5);
  Script<schema::NeighborsRequest> request([&](schema::NeighborsRequest::Builder builder) {
    builder.initVertex().setKey("v0");
    builder.initProjection().setKeys(false);
  });
  on.loop.run(make_neighbors(on.cluster.context(), request));
  CHECK(on.loop.requests == 1);
}

TEST_CASE("a filtered page whose edges change while it is read repeats and skips nothing that stayed") {
  ReferenceGraph graph;
  graph.vertices["hub"];
  for (std::uint64_t i = 0; i < 40; ++i) {
    graph.vertices[key_of(i)].labels.insert(i % 3 == 0 ? "person" : "robot");
    graph.put({"hub", "knows", key_of(i), 0, 1.0, {}});
  }
  CoreCluster cluster(3);
  load(cluster, graph);
  QueryLoop loop(cluster);
  // The second look at the page, for its cursor, finds one edge less than the first.
  delete_before(loop, cluster, "v0", 2, [](schema::Request::Reader request) { return request.isNeighbors(); });
  std::set<std::string> got;
  std::string cursor;
  do {
    Script<schema::NeighborsRequest> request([&](schema::NeighborsRequest::Builder builder) {
      builder.initVertex().setKey("hub");
      builder.initTarget().initLabels(1).set(0, "person");
      builder.setLimit(5);
      builder.setCursor(data_of(cursor));
    });
    Frame frame = loop.run(make_neighbors(cluster.context(), request));
    auto reply = frame.read<schema::NeighborsReply>();
    require_no_error(reply);
    for (auto edge : reply.getEdges()) REQUIRE(got.insert(text(edge.getTargetKey())).second);
    cursor = bytes_of(reply.getCursor());
  } while (!cursor.empty());
  got.erase("v0");
  CHECK(got.size() == 13);
}

TEST_CASE("degrees and statistics count what is there") {
  on_random_graphs(40, [](Loaded& on) {
    std::map<std::string, std::uint64_t> labels, types;
    for (const auto& [key, vertex] : on.graph.vertices)
      for (const std::string& label : vertex.labels) ++labels[label];
    for (const auto& [slot, edge] : on.graph.edges) ++types[edge.type];
    Frame frame = on.loop.run(make_statistics(on.cluster.context()));
    auto statistics = frame.read<schema::StatisticsReply>();
    require_no_error(statistics);
    CHECK(statistics.getSpace().getVertices() == on.graph.vertices.size());
    CHECK(statistics.getSpace().getEdges() == on.graph.edges.size());
    std::map<std::string, std::uint64_t> got_labels, got_types;
    for (auto label : statistics.getLabels()) got_labels[text(label.getName())] = label.getCount();
    for (auto type : statistics.getTypes()) got_types[text(type.getName())] = type.getCount();
    CHECK(got_labels == labels);
    CHECK(got_types == types);

    Script<schema::DegreeRequest> request([](schema::DegreeRequest::Builder builder) {
      builder.initVertex().setKey("v1");
      auto wanted = builder.initTypes(3);  // an edge counts once, however often its type is asked for
      wanted.set(0, "knows");
      wanted.set(1, "hates");
      wanted.set(2, "knows");
    });
    Frame degree_frame = on.loop.run(make_degree(on.cluster.context(), request));
    auto degree = degree_frame.read<schema::DegreeReply>();
    require_no_error(degree);
    EdgeCondition knows;
    knows.types = {"knows"};
    CHECK(degree.getOut() == on.graph.steps("v1", Way::out, knows).size());
    CHECK(degree.getIn() == on.graph.steps("v1", Way::in, knows).size());
    CHECK(on.loop.requests == 1);
  });
}

TEST_CASE("a scan gives every vertex and every edge once, page by page, and can be taken up from any cursor") {
  on_random_graphs(60, [](Loaded& on) {
    VertexCondition condition = random_vertex_condition(on.random);
    std::set<std::string> expected, got;
    std::multiset<Slot> expected_edges, got_edges;
    for (const auto& [key, vertex] : on.graph.vertices)
      if (condition.admits(vertex)) expected.insert(key);
    for (const auto& [slot, edge] : on.graph.edges)
      if (expected.contains(edge.source)) expected_edges.insert(slot);
    std::string cursor;
    bool goes_on = false;
    std::uint32_t page_bytes = on.random() % 2 == 0 ? 1 << 20 : 300;  // or less than most vertices' edges take
    do {
      Script<schema::ScanRequest> request([&](schema::ScanRequest::Builder builder) {
        write(condition, builder.initFilter());
        builder.setEdges(true);
        builder.setCursor(data_of(cursor));
      });
      REQUIRE(validate(schema::ScanRequest::Reader(request)).message() == "");
      auto page_vertices = static_cast<std::uint32_t>(1 + below(on.random, 4));
      Frame frame = on.loop.run(make_scan_page(on.cluster.context(), request, page_vertices, page_bytes));
      auto answer = frame.read<schema::Answer>();
      require_no_error(answer);
      auto page = answer.getScan();
      REQUIRE(page.getVertices().size() <= page_vertices);
      REQUIRE((page.getVertices().size() + page.getEdges().size() > 0 || page.getCursor().size() == 0));
      REQUIRE(page.getEdges().size() <= page_bytes / 128 + 1);
      if (goes_on) REQUIRE(page.getEdges().size() > 0);
      goes_on = page.getEdgesGoOn();
      for (auto vertex : page.getVertices()) REQUIRE(got.insert(text(vertex.getKey())).second);
      for (auto edge : page.getEdges()) got_edges.insert(slot_of(edge));
      cursor = bytes_of(page.getCursor());
    } while (!cursor.empty());
    REQUIRE_FALSE(goes_on);
    REQUIRE(got == expected);
    REQUIRE(got_edges == expected_edges);
  });
}

TEST_CASE("a space that is kept together is read from its partition alone") {
  CoreCluster cluster(5);
  SpaceRoute space{{}, Placement::together, home_of_space("small", 5)};
  Effects effects = cluster.apply(space.home, [](schema::Command::Builder command) {
    auto create = command.initCreateSpace();
    create.setName("small");
    create.setPlacement(schema::Placement::TOGETHER);
  });
  REQUIRE(effects.at(0).outcome.status.ok());
  space.id = effects.at(0).outcome.space;
  cluster.use(space);
  Random random(1);
  ReferenceGraph graph = random_graph(random, {20, 40});
  load(cluster, graph);
  QueryLoop loop(cluster);
  Frame statistics = loop.run(make_statistics(cluster.context()));
  CHECK(statistics.read<schema::StatisticsReply>().getSpace().getVertices() == 20);
  CHECK(loop.requests == 1);
  Script<schema::ScanRequest> scan([](schema::ScanRequest::Builder builder) {});
  Frame page = loop.run(make_scan_page(cluster.context(), scan, 100, 1 << 20));
  CHECK(page.read<schema::Answer>().getScan().getVertices().size() == 20);
  CHECK(page.read<schema::Answer>().getScan().getCursor().size() == 0);
  CHECK(loop.requests == 1);
}
