// Prints what the hot tier costs on a graph of the size of amazon0601 (random edges): memory by real RSS, and
// nanoseconds for the operations that reads and writes are made of. A benchmark, not a test.
//
//   bench_hot [vertices] [edges]

#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <string>

#include "storage/hot/hot_tier.h"
#include "storage/hot/vertex_head.h"

namespace engram {
namespace {

constexpr std::size_t partitions = 2;

std::size_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::size_t total_pages = 0;
  std::size_t resident_pages = 0;
  file >> total_pages >> resident_pages;
  return resident_pages * static_cast<std::size_t>(sysconf(_SC_PAGESIZE));
}

double per(std::size_t bytes, std::size_t count) { return static_cast<double>(bytes) / static_cast<double>(count); }

class Stopwatch {
 public:
  double ns() const {
    return std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - start_).count();
  }

 private:
  std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

void print(const char* what, double value, const char* unit) { std::printf("%-44s %10.1f %s\n", what, value, unit); }

class Graph {
 public:
  Graph(std::size_t vertices, std::size_t edges) : vertices_(vertices), edges_(edges) {}

  void load() {
    std::size_t before = resident_bytes();
    Stopwatch adding;
    for (std::size_t i = 0; i < vertices_; ++i) add_vertex(i);
    print("add a vertex", adding.ns() / static_cast<double>(vertices_), "ns");
    print("resident for a vertex", per(resident_bytes() - before, vertices_), "B");

    std::size_t between = resident_bytes();
    Stopwatch putting;
    for (std::size_t i = 0; i < edges_; ++i) add_edge(i);
    print("put an edge at both ends, accounted", putting.ns() / static_cast<double>(edges_), "ns");
    print("resident for an edge at both ends", per(resident_bytes() - between, edges_), "B");
    print("resident in all", static_cast<double>(resident_bytes() - before) / 1e6, "MB");
    print("accounted in all", static_cast<double>(tiers_[0].bytes() + tiers_[1].bytes()) / 1e6, "MB");
  }

  void read() {
    double weights = 0;
    std::size_t decoded = 0;
    for (Side side : {Side::out, Side::in}) {
      Stopwatch walking;
      decoded = 0;
      for (std::size_t i = 0; i < vertices_; ++i)
        decoded += walk(tiers_[i % partitions].find(local(i))->edges(side), weights);
      print(side == Side::out ? "walk all out-edges, an edge" : "walk all in-edges, an edge",
            walking.ns() / static_cast<double>(decoded), "ns");
    }
    walk_from_random_vertices(weights);
    measure_in_cache(weights);
    constexpr std::size_t lookups = 2'000'000;
    Stopwatch finding;
    std::size_t found = 0;
    for (std::size_t n = 0; n < lookups; ++n) {
      std::size_t i = random_() % vertices_;
      found += tiers_[i % partitions].find_key({0}, key(i)).has_value() ? 1 : 0;
    }
    print("find_key", finding.ns() / lookups, "ns");
    Stopwatch missing;
    for (std::size_t n = 0; n < lookups; ++n)
      found += tiers_[n % partitions].find_key({0}, key(vertices_ + random_() % vertices_)).has_value() ? 1 : 0;
    print("find_key, absent", missing.ns() / lookups, "ns");
    std::printf("(found %zu, sum of weights %.0f)\n", found, weights);
  }

 private:
  static LocalId local(std::size_t i) { return {i / partitions}; }
  static VertexId id(std::size_t i) { return VertexId::of({static_cast<std::uint16_t>(i % partitions)}, local(i)); }
  static std::string key(std::size_t i) { return std::to_string(1'000'000 + i); }

  static std::size_t walk(const Adjacency& adjacency, double& weights) {
    Adjacency::Cursor cursor = adjacency.begin();
    EdgeEntry entry;
    std::size_t count = 0;
    for (; cursor.next(entry); ++count) weights += entry.weight + static_cast<double>(entry.slot.neighbour.value & 1);
    return count;
  }

  /// What a traversal does: the out-edges of a batch of vertices from all over the graph.
  void walk_from_random_vertices(double& weights) {
    constexpr std::size_t count = 400'000;
    std::vector<std::size_t> batch(count);
    for (std::size_t& i : batch) i = random_() % vertices_;
    for (bool ahead : {false, true}) {
      Stopwatch walking;
      for (std::size_t n = 0; n < count; ++n) {
        if (ahead && n + 12 < count) {
          tiers_[batch[n + 12] % partitions].prefetch(local(batch[n + 12]));
          tiers_[batch[n + 6] % partitions].prefetch_edges(local(batch[n + 6]), Side::out);
        }
        walk(tiers_[batch[n] % partitions].find(local(batch[n]))->out, weights);
      }
      print(ahead ? "walk out-edges of a random vertex, prefetched" : "walk out-edges of a random vertex",
            walking.ns() / count, "ns");
    }
  }

  /// The same on few vertices, so that it is the processor that is measured and not its caches.
  void measure_in_cache(double& weights) {
    constexpr std::size_t few = 200;
    for (Side side : {Side::out, Side::in}) {
      double best_ns = 1e9;
      for (int round = 0; round < 1000; ++round) {
        Stopwatch walking;
        std::size_t decoded = 0;
        for (std::size_t i = 0; i < few; ++i)
          decoded += walk(tiers_[i % partitions].find(local(i))->edges(side), weights);
        best_ns = std::min(best_ns, walking.ns() / static_cast<double>(decoded));
      }
      print(side == Side::out ? "walk out-edges in cache, an edge" : "walk in-edges in cache, an edge", best_ns, "ns");
    }
    double best_ns = 1e9;
    for (int round = 0; round < 100; ++round) best_ns = std::min(best_ns, put_in_cache(few));
    print("put up to 16 out-edges in cache, an edge", best_ns, "ns");
  }

  double put_in_cache(std::size_t few) {
    std::vector<Adjacency> adjacencies(few, Adjacency::empty(Side::out));
    Stopwatch putting;
    for (std::size_t n = 0; n < few * 16; ++n) {
      std::int64_t now_ns = stamp(n * 300);
      adjacencies[n % few].put({{{1}, id(random_() % vertices_), 0}, 1.0, now_ns, now_ns, n, {}});
    }
    return putting.ns() / static_cast<double>(few * 16);
  }

  void add_vertex(std::size_t i) {
    HotTier& tier = tiers_[i % partitions];
    HotVertex& vertex = tier.obtain(local(i));
    std::string name = key(i);
    std::int64_t now_ns = stamp(i);
    vertex.head = pack_head({{0}, name, now_ns, now_ns, i + 1, {{1}}, {}});
    vertex.out = Adjacency::empty(Side::out);
    vertex.in = Adjacency::empty(Side::in);
    tier.index_key({0}, name, local(i));
    tier.account(local(i));
  }

  void add_edge(std::size_t n) {
    std::size_t source = random_() % vertices_;
    std::size_t target = random_() % vertices_;
    std::int64_t now_ns = stamp(n);
    HotTier& source_tier = tiers_[source % partitions];
    source_tier.obtain(local(source)).out.put({{{1}, id(target), 0}, 1.0, now_ns, now_ns, vertices_ + n / 1000, {}});
    source_tier.account(local(source));
    HotTier& target_tier = tiers_[target % partitions];
    target_tier.obtain(local(target)).in.put({{{1}, id(source), 0}});
    target_tier.account(local(target));
  }

  /// A batch of a thousand every two milliseconds.
  static std::int64_t stamp(std::size_t n) {
    return 1'700'000'000'000'000'000 + static_cast<std::int64_t>(n / 1000) * 2'000'137;
  }

  std::size_t vertices_;
  std::size_t edges_;
  std::mt19937_64 random_{1};
  HotTier tiers_[partitions] = {HotTier(std::size_t{1} << 40), HotTier(std::size_t{1} << 40)};
};

void measure_one_large_vertex() {
  constexpr std::size_t edges = 1'000'000;
  std::mt19937_64 random(2);
  Adjacency adjacency = Adjacency::empty(Side::in);
  Stopwatch putting;
  for (std::size_t i = 0; i < edges; ++i) adjacency.put({{{1}, {random() % 100'000'000}, 0}});
  print("put into a vertex of up to a million edges", putting.ns() / edges, "ns");
  print("its memory for an edge", static_cast<double>(adjacency.memory_bytes()) / edges, "B");
  std::size_t handed_out = 0;
  adjacency.take_changes([&](const EdgeSlot&, BlobRef chunk) { handed_out += chunk.size(); });
  Stopwatch taking;
  for (std::size_t i = 0; i < 1000; ++i) {
    adjacency.put({{{1}, {random() % 100'000'000}, 0}});
    adjacency.take_changes([&](const EdgeSlot&, BlobRef chunk) { handed_out += chunk.size(); });
  }
  print("put and take_changes there", taking.ns() / 1000, "ns");
  Stopwatch walking;
  EdgeEntry entry;
  std::size_t count = 0;
  double weights = 0;
  for (auto cursor = adjacency.begin(); cursor.next(entry); ++count) weights += entry.weight;
  print("walk it, an edge", walking.ns() / static_cast<double>(count), "ns");
  std::printf("(%zu bytes handed out, sum of weights %.0f)\n", handed_out, weights);
}

}  // namespace
}  // namespace engram

int main(int count, char** arguments) {
  std::size_t vertices = count > 1 ? std::strtoull(arguments[1], nullptr, 10) : 403'394;
  std::size_t edges = count > 2 ? std::strtoull(arguments[2], nullptr, 10) : 3'387'388;
  engram::Graph graph(vertices, edges);
  graph.load();
  graph.read();
  engram::measure_one_large_vertex();
}
