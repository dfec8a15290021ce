#include "tests/crash/graph_state.h"

#include <algorithm>
#include <deque>
#include <thread>

#include "client/engram/connection.h"

namespace engram::test {
namespace {

constexpr std::size_t calls_in_flight = 200;
constexpr std::uint32_t page_edges = 10'000;
constexpr std::uint32_t call_timeout_ms = 10'000;
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

/// What all vertices say of the edges that begin or end at them. Many questions are on their way at a time.
class NeighborsOfAll {
 public:
  NeighborsOfAll(const std::string& server, std::vector<std::string>& problems) : server_(server), problems_(problems) {
    query_.direction = client::Direction::both;
    query_.limit = page_edges;
    query_.projection.properties = false;
  }

  Result<GraphState> ask(const std::vector<std::string>& keys) {
    Status failed;
    std::thread([&] {  // a loop of its own: the client library has one in the test's thread
      try {
        failed = ask_all(keys);
      } catch (const kj::Exception& exception) {
        failed = Status(Code::unavailable, exception.getDescription().cStr());
      }
    }).join();
    if (!failed.ok()) return failed;
    for (const auto& [item, times] : named_)
      if (times != 2) problems_.push_back(item + " is named at its ends " + std::to_string(times) + " times");
    return std::move(edges_);
  }

 private:
  using Page = Result<client::NeighborsPage>;

  Status ask_all(const std::vector<std::string>& keys) {
    auto io = kj::setupAsyncIo();
    auto connection = client::Connection::connect(*io.provider, server_).wait(io.waitScope);
    if (!connection.ok()) return connection.status();
    auto access = connection.value()->authenticate("").wait(io.waitScope);
    if (!access.ok()) return access.status();
    auto space = client::open_space(access->session, "default").wait(io.waitScope);
    if (!space.ok()) return space.status();
    std::deque<kj::Promise<Page>> asked;
    for (std::size_t next = 0, answered = 0; answered < keys.size(); ++answered) {
      for (; next < keys.size() && asked.size() < calls_in_flight; ++next)
        asked.push_back(client::neighbors(space->reader, keys[next], query_, call_timeout_ms));
      Page page = asked.front().wait(io.waitScope);
      asked.pop_front();
      client::NeighborsQuery further = query_;
      while (true) {
        if (!page.ok()) return page.status();
        add(*page);
        further.cursor = page->cursor;
        if (further.cursor.empty()) break;
        page = client::neighbors(space->reader, keys[answered], further, call_timeout_ms).wait(io.waitScope);
      }
    }
    return {};
  }

  void add(const client::NeighborsPage& page) {
    for (const client::Edge& edge : page.edges) {
      std::string item = edge_item(key_of(edge));
      auto weight = static_cast<std::int64_t>(edge.weight);
      if (edges_.emplace(item, weight).first->second != weight) problems_.push_back(item + " has two weights");
      ++named_[item];
    }
  }

  std::string server_;
  std::vector<std::string>& problems_;
  client::NeighborsQuery query_;
  GraphState edges_;
  std::map<std::string, int> named_;  // once at either end, twice if that is one vertex
};

struct Scanned {
  GraphState state;
  std::vector<std::string> keys;
  GraphState edges;  // as the sources have them; these are in `state` too
  std::map<std::string, std::string> ends;  // of each edge one, by the vertex
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
      scanned.ends[edge.source_key] = scanned.ends[edge.target_key] = item;
      scanned.edges[item] = weight;
    }
    return true;
  });
  if (!end.ok()) return end.status();
  return scanned;
}

void check_dangling(const Scanned& scanned, std::vector<std::string>& problems) {
  for (const auto& [key, edge] : scanned.ends)
    if (!scanned.state.contains(vertex_item(key)))
      problems.push_back("edges hang at " + key + ", which is not there: " + edge);
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

Result<GraphState> read_graph(client::Client& client, const std::string& server, std::vector<std::string>& problems) {
  auto scanned = scan_all(client, problems);
  if (!scanned.ok()) return scanned.status();
  check_dangling(*scanned, problems);
  auto edges = NeighborsOfAll(server, problems).ask(scanned->keys);
  if (!edges.ok()) return edges.status();
  compare(scanned->edges, *edges, problems);
  auto statistics = client.statistics();
  if (!statistics.ok()) return statistics.status();
  if (statistics->space.vertices != scanned->keys.size() || statistics->space.edges != scanned->edges.size())
    problems.push_back("the space counts " + std::to_string(statistics->space.vertices) + " vertices and " +
                       std::to_string(statistics->space.edges) + " edges, there are " +
                       std::to_string(scanned->keys.size()) + " and " + std::to_string(scanned->edges.size()));
  return std::move(scanned->state);
}

}  // namespace engram::test
