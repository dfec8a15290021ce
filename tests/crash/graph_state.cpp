#include "tests/crash/graph_state.h"

#include <algorithm>
#include <random>

namespace engram::test {
namespace {

constexpr std::size_t sampled_vertices = 24;
constexpr std::size_t max_problems = 12;

std::string text_of(const std::optional<std::int64_t>& value) {
  return value ? std::to_string(*value) : "nothing";
}

std::optional<std::int64_t> find(const GraphState& state, const std::string& item) {
  auto found = state.find(item);
  return found == state.end() ? std::nullopt : std::optional(found->second);
}

std::int64_t value_of(const client::Vertex& vertex) {
  const client::Value* value = client::find_property(vertex.properties, "value");
  const std::int64_t* number = value == nullptr ? nullptr : value->get_if<std::int64_t>();
  return number == nullptr ? 0 : *number;
}

client::EdgeKey key_of(const client::Edge& edge) {
  return {edge.source_key, edge.type, edge.target_key, edge.rank};
}

/// What a vertex says of its own edges, in one direction.
Result<GraphState> edges_of(client::Client& client, const std::string& key, client::Direction direction) {
  GraphState edges;
  client::NeighborsQuery query;
  query.direction = direction;
  query.limit = 10'000;
  query.projection.properties = false;
  do {
    auto page = client.neighbors(key, query);
    if (!page.ok()) return page.status();
    for (const client::Edge& edge : page->edges)
      edges[edge_item(key_of(edge))] = static_cast<std::int64_t>(edge.weight);
    query.cursor = page->cursor;
  } while (!query.cursor.empty());
  return edges;
}

struct Scanned {
  GraphState state;
  std::vector<std::string> keys;
  std::size_t edges = 0;
  std::map<std::string, GraphState> out, in;  // as the sources have them
};

Result<Scanned> scan_all(client::Client& client, std::vector<std::string>& problems) {
  Scanned scanned;
  client::ScanQuery query;
  query.edges = true;
  query.projection.only = {"value"};
  auto end = client.scan(query, [&](client::ScanPage& page) {
    for (const client::Vertex& vertex : page.vertices) {
      if (!scanned.state.emplace(vertex_item(vertex.key), value_of(vertex)).second)
        problems.push_back("the vertex " + vertex.key + " is there twice");
      scanned.keys.push_back(vertex.key);
    }
    for (const client::Edge& edge : page.edges) {
      std::string item = edge_item(key_of(edge));
      auto weight = static_cast<std::int64_t>(edge.weight);
      if (!scanned.state.emplace(item, weight).second) problems.push_back("the edge " + item + " is there twice");
      scanned.out[edge.source_key][item] = weight;
      scanned.in[edge.target_key][item] = weight;
      ++scanned.edges;
    }
    return true;
  });
  if (!end.ok()) return end.status();
  return scanned;
}

void check_dangling(const Scanned& scanned, std::vector<std::string>& problems) {
  for (const auto* ends : {&scanned.out, &scanned.in})
    for (const auto& [key, edges] : *ends)
      if (!scanned.state.contains(vertex_item(key)))
        problems.push_back("edges hang at " + key + ", which is not there: " + edges.begin()->first);
}

}  // namespace

std::string vertex_item(const std::string& key) {
  return "vertex " + key;
}

std::string edge_item(const client::EdgeKey& edge) {
  return "edge " + edge.source + " -" + edge.type + "/" + std::to_string(edge.rank) + "-> " + edge.target;
}

void apply(const Effects& effects, GraphState& state) {
  for (const auto& [item, after] : effects) {
    if (after)
      state[item] = *after;
    else
      state.erase(item);
  }
}

void compare(const GraphState& expected, const GraphState& actual, std::vector<std::string>& problems) {
  std::size_t found = 0;
  auto check = [&](const std::string& item) {
    auto wanted = find(expected, item), there = find(actual, item);
    if (wanted == there || ++found > max_problems) return;
    problems.push_back(item + ": expected " + text_of(wanted) + ", found " + text_of(there));
  };
  for (const auto& [item, value] : expected) check(item);
  for (const auto& [item, value] : actual)
    if (!expected.contains(item)) check(item);
}

Result<GraphState> read_graph(client::Client& client, const std::vector<std::string>& hubs, std::uint64_t seed,
                              std::vector<std::string>& problems) {
  auto scanned = scan_all(client, problems);
  if (!scanned.ok()) return scanned.status();
  check_dangling(*scanned, problems);
  std::vector<std::string> looked_at = hubs;
  std::mt19937_64 random(seed);
  for (std::size_t i = 0; i < sampled_vertices && !scanned->keys.empty(); ++i)
    looked_at.push_back(scanned->keys[random() % scanned->keys.size()]);
  for (const std::string& key : looked_at) {
    auto incoming = edges_of(client, key, client::Direction::in);
    if (!incoming.ok()) return incoming.status();
    compare(scanned->in[key], *incoming, problems);
    auto outgoing = edges_of(client, key, client::Direction::out);
    if (!outgoing.ok()) return outgoing.status();
    compare(scanned->out[key], *outgoing, problems);
  }
  auto statistics = client.statistics();
  if (!statistics.ok()) return statistics.status();
  if (statistics->space.vertices != scanned->keys.size() || statistics->space.edges != scanned->edges)
    problems.push_back("the space counts " + std::to_string(statistics->space.vertices) + " vertices and " +
                       std::to_string(statistics->space.edges) + " edges, there are " +
                       std::to_string(scanned->keys.size()) + " and " + std::to_string(scanned->edges));
  return std::move(scanned->state);
}

}  // namespace engram::test
