#pragma once
// What the engine counts. The hot path pays for relaxed atomics only; reading and naming happens when Prometheus asks
// (metrics_export.cpp). One Metrics lives in main and is passed to those who count.

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "storage/base/clock.h"
#include "storage/base/result.h"

namespace engram {

/// What a client can ask for: the label `operation`.
enum class Operation : std::uint8_t {
  ping,
  authenticate,
  info,
  open_space,
  list_spaces,
  submit,
  admin_submit,
  admin_statistics,
  admin_forget_volume,
  admin_finalize,
  get,
  neighbors,
  expand,
  path,
  recall,
  lookup,
  degree,
  statistics,
  scan,
  get_edges,
  count_
};
const char* operation_name(Operation operation);

inline constexpr std::size_t operation_count = static_cast<std::size_t>(Operation::count_);
inline constexpr std::size_t code_count = static_cast<std::size_t>(Code::index_exists) + 1;

/// A number that only grows. On a cache line of its own, so that neighbours do not slow each other down.
class alignas(64) Counter {
 public:
  void add(std::uint64_t amount = 1) { value_.fetch_add(amount, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// A number that goes up and down.
class alignas(64) Gauge {
 public:
  void set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
  void add(std::int64_t amount) { value_.fetch_add(amount, std::memory_order_relaxed); }
  [[nodiscard]] std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

/// Number of shards that threads are spread over; each thread keeps to one.
inline constexpr std::size_t metric_shards = 16;
std::size_t metric_shard();

/// How often values fell into each bucket (upper bounds included), and their sum.
template <std::size_t bounds_count>
struct HistogramCells {
  std::array<std::atomic<std::uint64_t>, bounds_count + 1> buckets{};  // the last: above all bounds
  std::atomic<std::uint64_t> sum{0};

  void record(const std::array<std::uint64_t, bounds_count>& bounds, std::uint64_t value) {
    std::size_t bucket = 0;
    while (bucket < bounds_count && value > bounds[bucket]) ++bucket;
    buckets[bucket].fetch_add(1, std::memory_order_relaxed);
    sum.fetch_add(value, std::memory_order_relaxed);
  }
};

/// Times in ns: 10 µs to 10 s in steps 1-2-5.
inline constexpr std::array<std::uint64_t, 19> latency_bounds_ns = {
    10'000,      20'000,        50'000,        100'000,       200'000,       500'000,     1'000'000,
    2'000'000,   5'000'000,     10'000'000,    20'000'000,    50'000'000,    100'000'000, 200'000'000,
    500'000'000, 1'000'000'000, 2'000'000'000, 5'000'000'000, 10'000'000'000};
/// Numbers of things in a group: 1 to 4096 in powers of two.
inline constexpr std::array<std::uint64_t, 13> group_bounds = {1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096};

template <const auto& bounds>
class Histogram {
 public:
  using Cells = HistogramCells<std::tuple_size_v<std::remove_cvref_t<decltype(bounds)>>>;
  void record(std::uint64_t value) { cells_.record(bounds, value); }
  [[nodiscard]] const Cells& cells() const { return cells_; }

 private:
  alignas(64) Cells cells_;
};
using LatencyHistogram = Histogram<latency_bounds_ns>;
using GroupHistogram = Histogram<group_bounds>;

/// Requests by operation: sharded, since every request of every thread counts here.
class RequestMetrics {
 public:
  void record(Operation operation, Code code, std::uint64_t elapsed_ns) {
    Shard& shard = shards_[metric_shard()];
    auto index = static_cast<std::size_t>(operation);
    shard.latency[index].record(latency_bounds_ns, elapsed_ns);
    shard.codes[index][static_cast<std::size_t>(code)].fetch_add(1, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t count(Operation operation, Code code) const;
  struct Latency {
    std::array<std::uint64_t, latency_bounds_ns.size() + 1> buckets{};
    std::uint64_t sum_ns = 0;
  };
  [[nodiscard]] Latency latency(Operation operation) const;

 private:
  struct alignas(64) Shard {
    std::array<HistogramCells<latency_bounds_ns.size()>, operation_count> latency;
    std::array<std::array<std::atomic<std::uint64_t>, code_count>, operation_count> codes{};
  };
  std::array<Shard, metric_shards> shards_;
};

enum class MetricKind : std::uint8_t { counter, gauge };

/// A number that somebody else keeps, read when Prometheus asks. `name` without the prefix "engram_"; counters end in
/// "_total". `read` must not block, and may be called from any thread until the registration ends.
struct MetricSource {
  std::string name;
  std::string help;
  MetricKind kind = MetricKind::gauge;
  std::map<std::string, std::string> labels;
  std::function<double()> read;
};

class Metrics;

/// Ends a registration when it goes. Must not outlive the Metrics.
class MetricRegistration {
 public:
  MetricRegistration() = default;
  MetricRegistration(Metrics& metrics, std::uint64_t id) : metrics_(&metrics), id_(id) {}
  MetricRegistration(MetricRegistration&& other) noexcept
      : metrics_(std::exchange(other.metrics_, nullptr)), id_(other.id_) {}
  MetricRegistration& operator=(MetricRegistration&& other) noexcept;
  ~MetricRegistration();

 private:
  Metrics* metrics_ = nullptr;
  std::uint64_t id_ = 0;
};

class Metrics {
 public:
  explicit Metrics(const Clock& clock);

  RequestMetrics requests;

  struct Connections {
    Counter accepted, refused, authentication_failures;
    Gauge open, calls_in_flight, sessions, read_memory;
  } connections;

  struct Log {
    Counter records, bytes, groups, segments_sealed, segments_archived, errors;
    GroupHistogram group_records;
    LatencyHistogram sync;
    Gauge segments, spare_segments;
  } log;

  struct Tiers {
    Counter hits_hot, hits_warm, warm_reads, evictions;
    Gauge hot_bytes, dirty_bytes;
  } tiers;

  struct WriteBack {
    Counter batches, records, errors;
    LatencyHistogram batch;
  } write_back;

  struct Transactions {
    Counter committed, aborted;
    Gauge in_doubt;
  } transactions;

  /// Registers a number that is kept elsewhere (LMDB sizes, mailbox depths, ...).
  [[nodiscard]] MetricRegistration add(MetricSource source);
  /// The volume of `path`: engram_volume_{free,size}_bytes{volume=`name`}.
  void add_volume(std::string name, std::string path);

  /// The Prometheus text format, version 0.0.4.
  [[nodiscard]] std::string text() const;
  [[nodiscard]] double uptime_seconds() const;

 private:
  friend class MetricRegistration;
  friend class MetricsCollector;
  void remove(std::uint64_t id);

  const Clock& clock_;
  const std::int64_t started_ns_;
  const std::int64_t started_wall_ns_;
  mutable std::mutex mutex_;
  std::uint64_t last_id_ = 0;
  std::map<std::uint64_t, MetricSource> sources_;
  std::vector<std::pair<std::string, std::string>> volumes_;
};

/// The version of this build, for example "0.1.0".
const char* engram_version();

}  // namespace engram
