#pragma once
// Random graphs, loaded into clusters of several sizes and into the reference, and requests written from its
// conditions.

#include <catch2/catch.hpp>

#include "tests/support/core_cluster.h"
#include "tests/support/reference_graph.h"

namespace engram::test {

using Random = std::mt19937_64;

inline std::uint64_t below(Random& random, std::uint64_t bound) {
  return random() % bound;
}
inline bool one_in(Random& random, std::uint64_t chances) {
  return below(random, chances) == 0;
}

/// The numbers of partitions that every answer is the same for.
inline constexpr std::uint32_t cluster_sizes[] = {1, 2, 3, 5};

struct GraphShape {
  std::uint64_t vertices = 24;
  std::uint64_t edges = 60;
  bool negative_weights = false;
};

inline std::string key_of(std::uint64_t number) {
  return "v" + std::to_string(number);
}

inline ReferenceGraph random_graph(Random& random, const GraphShape& shape) {
  ReferenceGraph graph;
  for (std::uint64_t i = 0; i < shape.vertices; ++i) {
    ReferenceVertex vertex;
    if (!one_in(random, 3)) vertex.labels.insert("person");
    if (one_in(random, 3)) vertex.labels.insert("robot");
    if (!one_in(random, 4)) vertex.properties["age"] = static_cast<std::int64_t>(below(random, 10));
    graph.vertices[key_of(i)] = vertex;
  }
  for (std::uint64_t i = 0; i < shape.edges; ++i) {
    ReferenceEdge edge;
    edge.source = key_of(below(random, shape.vertices));
    edge.target = key_of(below(random, shape.vertices));
    edge.type = one_in(random, 3) ? "likes" : "knows";
    edge.rank = one_in(random, 6) ? 1 : 0;
    // Of few values, in eighths: many ties, and sums that are exact.
    edge.weight = static_cast<double>(below(random, 17)) / 8;
    if (one_in(random, 10)) edge.weight = static_cast<double>(below(random, 1000)) / 7;
    if (shape.negative_weights && one_in(random, 20)) edge.weight = -0.5;
    if (!one_in(random, 5)) edge.properties["cost"] = static_cast<std::int64_t>(below(random, 6));
    graph.put(edge);
  }
  return graph;
}

/// v0 -> v1 -> v2 ...
inline ReferenceGraph line(std::uint64_t length) {
  ReferenceGraph graph;
  for (std::uint64_t i = 0; i < length; ++i) graph.vertices[key_of(i)];
  for (std::uint64_t i = 0; i + 1 < length; ++i) graph.put({key_of(i), "next", key_of(i + 1), 0, 1.0, {}});
  return graph;
}

template <typename Properties>
void write_properties(const Numbers& numbers, const Properties& init) {
  auto list = init(static_cast<unsigned>(numbers.size()));
  unsigned at = 0;
  for (const auto& [name, number] : numbers) {
    list[at].setName(name.c_str());
    list[at++].initValue().setInt64(number);
  }
}

inline void put_edge(schema::PutEdge::Builder put, const ReferenceEdge& edge) {
  put.getEdge().setSource(edge.source.c_str());
  put.getEdge().setType(edge.type.c_str());
  put.getEdge().setTarget(edge.target.c_str());
  put.getEdge().setRank(edge.rank);
  put.setWeight(edge.weight);
  write_properties(edge.properties, [&](unsigned size) { return put.initProperties(size); });
}

inline void load(CoreCluster& cluster, const ReferenceGraph& graph) {
  Outcome vertices = cluster.batch([&](schema::Batch::Builder batch) {
    auto operations = batch.initOperations(static_cast<unsigned>(graph.vertices.size()));
    unsigned at = 0;
    for (const auto& [key, vertex] : graph.vertices) {
      auto put = operations[at++].initPutVertex();
      put.setKey(key.c_str());
      auto labels = put.initLabels(static_cast<unsigned>(vertex.labels.size()));
      unsigned label = 0;
      for (const std::string& name : vertex.labels) labels.set(label++, name.c_str());
      write_properties(vertex.properties, [&](unsigned size) { return put.initProperties(size); });
    }
  });
  REQUIRE(vertices.status.message() == "");
  if (graph.edges.empty()) return;
  Outcome edges = cluster.batch([&](schema::Batch::Builder batch) {
    auto operations = batch.initOperations(static_cast<unsigned>(graph.edges.size()));
    unsigned at = 0;
    for (const auto& [slot, edge] : graph.edges) put_edge(operations[at++].initPutEdge(), edge);
  });
  REQUIRE(edges.status.message() == "");
}

/// Runs `test(cluster, loop)` with the graph in clusters of all sizes, answers in an order that the seed gives.
template <typename Test>
void in_clusters(const ReferenceGraph& graph, std::uint64_t seed, const Test& test) {
  for (std::uint32_t partitions : cluster_sizes) {
    CAPTURE(partitions);
    CoreCluster cluster(partitions);
    load(cluster, graph);
    QueryLoop loop(cluster, seed);
    test(cluster, loop);
  }
}

/// While a query runs: deletes the vertex before the `nth` request that `matches` is answered.
template <typename Matches>
void delete_before(QueryLoop& loop, CoreCluster& cluster, const char* key, int nth, const Matches& matches) {
  loop.before_answer = [&cluster, key, nth, matches, seen = 0](schema::Request::Reader request) mutable {
    if (!matches(request) || ++seen != nth) return;
    cluster.batch([&](schema::Batch::Builder batch) { batch.initOperations(1)[0].initDeleteVertex().setKey(key); });
  };
}

// --- conditions -----------------------------------------------------------------------------------------------------

inline VertexCondition random_vertex_condition(Random& random) {
  VertexCondition condition;
  if (one_in(random, 2)) return condition;
  if (one_in(random, 2)) condition.labels.insert(one_in(random, 2) ? "person" : "robot");
  if (one_in(random, 2)) condition.property = AtLeast{"age", static_cast<std::int64_t>(below(random, 6))};
  return condition;
}

inline EdgeCondition random_edge_condition(Random& random, Way way) {
  EdgeCondition condition;
  if (one_in(random, 3)) condition.types.insert(one_in(random, 3) ? "likes" : "knows");
  if (one_in(random, 4)) condition.min_weight = 0.5;
  if (way == Way::out && one_in(random, 5)) condition.property = AtLeast{"cost", 1};
  return condition;
}

inline Way random_way(Random& random) {
  return static_cast<Way>(below(random, 3));
}

inline ReferenceHop random_hop(Random& random) {
  ReferenceHop hop;
  hop.way = random_way(random);
  hop.edges = random_edge_condition(random, hop.way);
  hop.vertices = random_vertex_condition(random);
  return hop;
}

inline schema::Direction direction_of(Way way) {
  return static_cast<schema::Direction>(way);
}

template <typename Names, typename List>
void write_names(const Names& names, List list) {
  unsigned at = 0;
  for (const std::string& name : names) list.set(at++, name.c_str());
}

inline void write_condition(const std::optional<AtLeast>& property, capnp::List<schema::PropertyFilter>::Builder list) {
  if (!property) return;
  list[0].setName(property->name.c_str());
  list[0].setComparison(schema::Comparison::GREATER_OR_EQUAL);
  list[0].initValue().setInt64(property->least);
}

inline void write(const VertexCondition& condition, schema::VertexFilter::Builder filter) {
  write_names(condition.labels, filter.initLabels(static_cast<unsigned>(condition.labels.size())));
  write_condition(condition.property, filter.initProperties(condition.property ? 1 : 0));
}

inline void write(const EdgeCondition& condition, schema::EdgeFilter::Builder filter) {
  write_names(condition.types, filter.initTypes(static_cast<unsigned>(condition.types.size())));
  filter.setMinWeight(condition.min_weight);
  write_condition(condition.property, filter.initProperties(condition.property ? 1 : 0));
}

/// A request with what it is made of. The message lives as long as this.
template <typename Request>
class Script {
 public:
  template <typename Fill>
  explicit Script(const Fill& fill) {
    fill(message_.initRoot<Request>());
  }
  operator typename Request::Reader() { return message_.getRoot<Request>().asReader(); }

 private:
  capnp::MallocMessageBuilder message_;
};

inline std::string text(capnp::Text::Reader reader) {
  return {reader.begin(), reader.size()};
}

inline std::string bytes_of(capnp::Data::Reader reader) {
  return {reinterpret_cast<const char*>(reader.begin()), reader.size()};
}

inline capnp::Data::Reader data_of(const std::string& bytes) {
  return {reinterpret_cast<const kj::byte*>(bytes.data()), bytes.size()};
}

template <typename Reply>
void require_no_error(Reply reply) {
  INFO(text(reply.getError().getMessage()));
  REQUIRE(reply.getError().getCode() == schema::ErrorCode::NONE);
}

}  // namespace engram::test
