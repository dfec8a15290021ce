// Nodes that are restarted one after the other, or are away for a while: a client sees a pause, and no error.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "tests/support/cluster_processes.h"

using namespace engram;
using namespace engram::test;
using client::Batch;
using client::Fate;

namespace {

/// A client that writes and reads without an end, and remembers what it was told.
class Visitor {
 public:
  Visitor(ClusterProcesses& cluster, unsigned number)
      : servers_(cluster.servers()), number_(number), thread_([this] { run(); }) {}
  ~Visitor() { stop(); }

  void stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }
  // After `stop`:
  [[nodiscard]] const std::vector<std::string>& errors() const { return errors_; }
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& edges() const { return edges_; }
  [[nodiscard]] std::int64_t longest_pause_ms() const { return longest_pause_ms_; }

 private:
  void run() {
    client::Options options;
    options.server = servers_;
    options.timeout_ms = 30'000;
    options.backoff_max_ms = 50;
    auto client = client::Client::connect(options);
    if (!client.ok()) return errors_.push_back(client.status().message());
    for (int i = 0; !stopping_; ++i) {
      auto began = std::chrono::steady_clock::now();
      visit(*client, i);
      auto took = std::chrono::steady_clock::now() - began;
      longest_pause_ms_ = std::max<std::int64_t>(
          longest_pause_ms_, std::chrono::duration_cast<std::chrono::milliseconds>(took).count());
    }
  }

  /// Two vertices and an edge between them, which are on different nodes more often than not.
  void visit(client::Client& client, int i) {
    std::string source = name(i), target = name(i) + "'";
    Batch batch;
    batch.put_vertex(source, {.mode = client::PutMode::create}).put_vertex(target, {.mode = client::PutMode::create});
    batch.link(source, "T", target);
    auto outcome = client.submit(batch);
    if (!outcome.committed()) return errors_.push_back("submit: " + outcome.status.message());
    edges_.emplace_back(source, target);
    const auto& [seen_source, seen_target] = edges_[static_cast<std::size_t>(i) * 7 % edges_.size()];
    auto degree = client.degree(seen_target);
    if (!degree.ok()) return errors_.push_back("degree: " + degree.status().message());
    if (degree->in != 1) errors_.push_back(seen_target + " has " + std::to_string(degree->in) + " incoming edges");
  }
  [[nodiscard]] std::string name(int i) const { return "v" + std::to_string(number_) + "/" + std::to_string(i); }

  std::string servers_;
  unsigned number_;
  std::vector<std::string> errors_;
  std::vector<std::pair<std::string, std::string>> edges_;
  std::int64_t longest_pause_ms_ = 0;
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

void require_all_there(ClusterProcesses& cluster, const std::vector<std::unique_ptr<Visitor>>& visitors) {
  std::size_t edges = 0;
  for (const auto& visitor : visitors) {
    INFO(cluster.outputs());
    CHECK(visitor->errors() == std::vector<std::string>());
    edges += visitor->edges().size();
  }
  for (unsigned node = 0; node < cluster.nodes(); ++node) {
    auto statistics = cluster.connect(cluster.server(node)).statistics();
    REQUIRE(statistics.ok());
    CHECK(statistics->space.edges == edges);
    CHECK(statistics->space.vertices == 2 * edges);
  }
  CHECK(edges > 0);
}

void pause_ms(int duration_ms) { std::this_thread::sleep_for(std::chrono::milliseconds(duration_ms)); }

}  // namespace

TEST_CASE("nodes restarted from the highest ordinal to the lowest, under load: no error, nothing lost, nothing twice") {
  ClusterProcesses cluster(3);
  cluster.start_all();
  std::vector<std::unique_ptr<Visitor>> visitors;
  for (unsigned i = 0; i < 4; ++i) visitors.push_back(std::make_unique<Visitor>(cluster, i));
  pause_ms(500);
  for (unsigned node : {2u, 1u, 0u}) {
    cluster.stop(node);
    cluster.start(node);
    cluster.require_ready(node);
    pause_ms(300);
  }
  for (auto& visitor : visitors) visitor->stop();
  require_all_there(cluster, visitors);
  std::int64_t longest_ms = 0;
  for (const auto& visitor : visitors) longest_ms = std::max(longest_ms, visitor->longest_pause_ms());
  WARN("longest pause of a client: " << longest_ms << " ms");
}

TEST_CASE("while a node is away the others are ready, and what needs it waits for it") {
  ClusterProcesses cluster(3);
  cluster.start_all();
  cluster.engine(1).kill_now();
  std::vector<std::unique_ptr<Visitor>> visitors;
  for (unsigned i = 0; i < 2; ++i) visitors.push_back(std::make_unique<Visitor>(cluster, i));
  // Another one starts while it is away: its readiness is its own.
  cluster.stop(2);
  cluster.start(2);
  cluster.require_ready(2);
  cluster.start(1);
  cluster.require_ready(1);
  pause_ms(1500);
  for (auto& visitor : visitors) visitor->stop();
  require_all_there(cluster, visitors);
}

TEST_CASE("all nodes killed at once become ready by themselves, in whatever order they start") {
  ClusterProcesses cluster(3);
  cluster.start_all();
  std::vector<std::unique_ptr<Visitor>> visitors;
  visitors.push_back(std::make_unique<Visitor>(cluster, 0));
  pause_ms(800);
  for (unsigned node = 0; node < 3; ++node) cluster.engine(node).kill_now();
  for (unsigned node : {1u, 2u, 0u}) cluster.start(node);
  for (unsigned node = 0; node < 3; ++node) cluster.require_ready(node);
  pause_ms(800);
  visitors[0]->stop();
  require_all_there(cluster, visitors);
}
