#pragma once
// Load on a cluster of real engines that counts what it was told, for tests in which nodes come and go.

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
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
    set([this] { stopping_ = true; });
    if (thread_.joinable()) thread_.join();
  }
  /// Nothing of it is under way when this returns, until it goes on.
  void rest() {
    set([this] { resting_ = true; });
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return between_visits_; });
  }
  void go_on() {
    set([this] { resting_ = false; });
  }
  [[nodiscard]] unsigned visits() const { return visits_; }
  // After `stop`:
  [[nodiscard]] const std::vector<std::string>& errors() const { return errors_; }
  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& edges() const { return edges_; }
  [[nodiscard]] std::int64_t longest_pause_ms() const { return longest_pause_ms_; }

 private:
  void run() {
    auto client = client::Client::connect(patient_options(servers_));
    if (!client.ok()) {
      errors_.push_back(client.status().message());
      return set([this] { between_visits_ = true; });
    }
    for (int i = 0; goes_on(); ++i) {
      auto began = std::chrono::steady_clock::now();
      visit(*client, i);
      auto took = std::chrono::steady_clock::now() - began;
      longest_pause_ms_ = std::max<std::int64_t>(
          longest_pause_ms_, std::chrono::duration_cast<std::chrono::milliseconds>(took).count());
      ++visits_;
    }
  }

  /// Between two visits: whether there is another one, once it has rested.
  bool goes_on() {
    std::unique_lock lock(mutex_);
    between_visits_ = true;
    changed_.notify_all();
    changed_.wait(lock, [this] { return stopping_ || !resting_; });
    between_visits_ = stopping_;
    return !stopping_;
  }
  void set(const std::function<void()>& change) {
    std::lock_guard lock(mutex_);
    change();
    changed_.notify_all();
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
  std::atomic<unsigned> visits_{0};
  std::mutex mutex_;
  std::condition_variable changed_;
  bool stopping_ = false, resting_ = false, between_visits_ = false;
  std::thread thread_;
};

using Visitors = std::vector<std::unique_ptr<Visitor>>;

inline void require_all_there(ClusterProcesses& cluster, const Visitors& visitors) {
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

/// Until each has made so many more visits.
inline void let_visit(const Visitors& visitors, unsigned times) {
  for (const auto& visitor : visitors) {
    unsigned enough = visitor->visits() + times;
    REQUIRE(comes_true([&] { return visitor->visits() >= enough; }));
  }
}

inline Visitors send_visitors(ClusterProcesses& cluster, unsigned count) {
  Visitors visitors;
  for (unsigned i = 0; i < count; ++i) visitors.push_back(std::make_unique<Visitor>(cluster, i));
  return visitors;
}
}  // namespace engram::test
