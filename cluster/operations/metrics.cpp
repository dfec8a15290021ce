#include "cluster/operations/metrics.h"

namespace engram {

const char* operation_name(Operation operation) {
  switch (operation) {
    case Operation::ping:
      return "ping";
    case Operation::authenticate:
      return "authenticate";
    case Operation::info:
      return "info";
    case Operation::open_space:
      return "open_space";
    case Operation::list_spaces:
      return "list_spaces";
    case Operation::submit:
      return "submit";
    case Operation::admin_submit:
      return "admin_submit";
    case Operation::admin_statistics:
      return "admin_statistics";
    case Operation::admin_finalize:
      return "admin_finalize";
    case Operation::admin_forget_volume:
      return "admin_forget_volume";
    case Operation::get:
      return "get";
    case Operation::neighbors:
      return "neighbors";
    case Operation::expand:
      return "expand";
    case Operation::path:
      return "path";
    case Operation::recall:
      return "recall";
    case Operation::lookup:
      return "lookup";
    case Operation::degree:
      return "degree";
    case Operation::statistics:
      return "statistics";
    case Operation::scan:
      return "scan";
    case Operation::get_edges:
      return "get_edges";
    case Operation::count_:
      break;
  }
  return "unknown";
}

std::size_t metric_shard() {
  static std::atomic<std::size_t> threads{0};
  thread_local const std::size_t shard = threads.fetch_add(1, std::memory_order_relaxed) % metric_shards;
  return shard;
}

std::uint64_t RequestMetrics::count(Operation operation, Code code) const {
  std::uint64_t total = 0;
  for (const Shard& shard : shards_)
    total += shard.codes[static_cast<std::size_t>(operation)][static_cast<std::size_t>(code)].load(
        std::memory_order_relaxed);
  return total;
}

RequestMetrics::Latency RequestMetrics::latency(Operation operation) const {
  Latency latency;
  for (const Shard& shard : shards_) {
    const auto& cells = shard.latency[static_cast<std::size_t>(operation)];
    for (std::size_t i = 0; i < latency.buckets.size(); ++i)
      latency.buckets[i] += cells.buckets[i].load(std::memory_order_relaxed);
    latency.sum_ns += cells.sum.load(std::memory_order_relaxed);
  }
  return latency;
}

MetricRegistration& MetricRegistration::operator=(MetricRegistration&& other) noexcept {
  std::swap(metrics_, other.metrics_);
  std::swap(id_, other.id_);
  return *this;
}

MetricRegistration::~MetricRegistration() {
  if (metrics_ != nullptr) metrics_->remove(id_);
}

Metrics::Metrics(const Clock& clock)
    : clock_(clock), started_ns_(clock.monotonic_ns()), started_wall_ns_(clock.wall_ns()) {}

MetricRegistration Metrics::add(MetricSource source) {
  std::lock_guard guard(mutex_);
  sources_.emplace(++last_id_, std::move(source));
  return {*this, last_id_};
}

void Metrics::remove(std::uint64_t id) {
  std::lock_guard guard(mutex_);
  sources_.erase(id);
}

void Metrics::add_volume(std::string name, std::string path) {
  std::lock_guard guard(mutex_);
  volumes_.emplace_back(std::move(name), std::move(path));
}

double Metrics::uptime_seconds() const {
  return static_cast<double>(clock_.monotonic_ns() - started_ns_) / 1e9;
}

const char* engram_version() {
  return ENGRAM_VERSION;
}

}  // namespace engram
