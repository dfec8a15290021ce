#pragma once
// Load on a cluster of real engines that counts what it was told, for tests in which nodes come and go.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <thread>

#include "tests/support/cluster_processes.h"

namespace engram::test {

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
    client::Batch batch;
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

inline void require_all_there(ClusterProcesses& cluster, const std::vector<std::unique_ptr<Visitor>>& visitors) {
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

inline std::vector<std::unique_ptr<Visitor>> send_visitors(ClusterProcesses& cluster, unsigned count) {
  std::vector<std::unique_ptr<Visitor>> visitors;
  for (unsigned i = 0; i < count; ++i) visitors.push_back(std::make_unique<Visitor>(cluster, i));
  return visitors;
}

inline void pause_ms(int duration_ms) { std::this_thread::sleep_for(std::chrono::milliseconds(duration_ms)); }

}  // namespace engram::test
