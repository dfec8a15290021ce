// The names under which Prometheus sees the numbers.
#include <prometheus/collectable.h>
#include <prometheus/metric_family.h>
#include <prometheus/text_serializer.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "cluster/logging/logging.h"
#include "cluster/operations/metrics.h"

namespace engram {
namespace {

using prometheus::ClientMetric;
using prometheus::MetricFamily;
using prometheus::MetricType;
using Labels = std::vector<ClientMetric::Label>;

constexpr double ns_per_second = 1e9;

/// Collects metrics under their families: all of one name have to stand together.
class Families {
 public:
  void counter(const std::string& name, const char* help, double value, Labels labels = {}) {
    ClientMetric metric;
    metric.label = std::move(labels);
    metric.counter.value = value;
    family("engram_" + name, help, MetricType::Counter).metric.push_back(std::move(metric));
  }
  void counter(const std::string& name, const char* help, const Counter& value, Labels labels = {}) {
    counter(name, help, static_cast<double>(value.value()), std::move(labels));
  }
  void gauge(const std::string& name, const char* help, double value, Labels labels = {}) {
    named_gauge("engram_" + name, help, value, std::move(labels));
  }
  void gauge(const std::string& name, const char* help, const Gauge& value) {
    gauge(name, help, static_cast<double>(value.value()));
  }
  void named_gauge(const std::string& name, const char* help, double value, Labels labels = {}) {
    ClientMetric metric;
    metric.label = std::move(labels);
    metric.gauge.value = value;
    family(name, help, MetricType::Gauge).metric.push_back(std::move(metric));
  }

  /// `counts[i]` fell into the bucket up to `bounds[i]`, the last above all; `scale` is what one unit of the output is.
  template <typename Bounds, typename Counts>
  void histogram(const std::string& name, const char* help, const Bounds& bounds, const Counts& counts, double sum,
                 double scale, Labels labels = {}) {
    ClientMetric metric;
    metric.label = std::move(labels);
    std::uint64_t cumulative = 0;
    for (std::size_t i = 0; i < bounds.size(); ++i) {
      cumulative += counts[i];
      metric.histogram.bucket.push_back({cumulative, static_cast<double>(bounds[i]) / scale});
    }
    metric.histogram.sample_count = cumulative + counts[bounds.size()];
    metric.histogram.sample_sum = sum / scale;
    metric.histogram.bucket.push_back({metric.histogram.sample_count, std::numeric_limits<double>::infinity()});
    family("engram_" + name, help, MetricType::Histogram).metric.push_back(std::move(metric));
  }
  template <const auto& bounds>
  void histogram(const std::string& name, const char* help, const Histogram<bounds>& from, double scale) {
    std::array<std::uint64_t, bounds.size() + 1> counts{};
    for (std::size_t i = 0; i < counts.size(); ++i) counts[i] = from.cells().buckets[i].load(std::memory_order_relaxed);
    histogram(name, help, bounds, counts, static_cast<double>(from.cells().sum.load(std::memory_order_relaxed)), scale);
  }

  std::vector<MetricFamily> take() { return std::move(families_); }

 private:
  MetricFamily& family(const std::string& name, const char* help, MetricType type) {
    auto [place, added] = index_.try_emplace(name, families_.size());
    if (added) families_.push_back({name, help, type, {}});
    return families_[place->second];
  }

  std::vector<MetricFamily> families_;
  std::map<std::string, std::size_t> index_;
};

void collect_requests(const RequestMetrics& requests, Families& out) {
  for (std::size_t i = 0; i < operation_count; ++i) {
    auto operation = static_cast<Operation>(i);
    const std::string name = operation_name(operation);
    RequestMetrics::Latency latency = requests.latency(operation);
    out.histogram("request_duration_seconds", "Time from a request's arrival to its answer.", latency_bounds_ns,
                  latency.buckets, static_cast<double>(latency.sum_ns), ns_per_second, {{"operation", name}});
    for (std::size_t c = 0; c < code_count; ++c) {
      auto code = static_cast<Code>(c);
      std::uint64_t count = requests.count(operation, code);
      // A series for every code of every operation would be mostly zeros; "ok" is always there, to divide by.
      if (count == 0 && code != Code::none) continue;
      out.counter("requests_total", "Requests that were answered, by operation and result.", static_cast<double>(count),
                  {{"operation", name}, {"code", code == Code::none ? "ok" : code_name(code)}});
    }
  }
}

void collect_connections(const Metrics& metrics, Families& out) {
  const auto& from = metrics.connections;
  out.counter("connections_accepted_total", "Connections that were accepted.", from.accepted);
  out.counter("connections_refused_total", "Connections that were refused because there were too many.", from.refused);
  out.counter("authentication_failures_total", "Attempts to authenticate without a valid token.", from.authentication_failures);
  out.gauge("connections", "Open connections.", from.open);
  out.gauge("calls_in_flight", "Calls that are being worked on.", from.calls_in_flight);
  out.gauge("read_memory_bytes", "What all reads hold together; near limits.reads_memory_bytes they are refused.", from.read_memory);
  out.gauge("sessions", "Authenticated sessions of open connections.", from.sessions);
}

void collect_log(const Metrics& metrics, Families& out) {
  const auto& from = metrics.log;
  out.counter("log_records_total", "Records written to the command log; a transaction has several.", from.records);
  out.counter("log_bytes_total", "Bytes written to the command log, headers and padding included.", from.bytes);
  out.counter("log_groups_total", "Groups of records that were written and synced together.", from.groups);
  out.counter("log_segments_sealed_total", "Segments that were sealed.", from.segments_sealed);
  out.counter("log_segments_archived_total", "Segments that were moved to the archive.", from.segments_archived);
  out.counter("log_errors_total", "Groups that were refused because the log had no room.", from.errors);
  out.gauge("log_segments", "Segments in the data directory, the open one included.", from.segments);
  out.gauge("log_spare_segments", "Segments that are ready for the next rotation.", from.spare_segments);
  out.histogram("log_group_records", "Records in a group.", from.group_records, 1);
  out.histogram("log_sync_seconds", "Time of one sync of the command log.", from.sync, ns_per_second);
}

void collect_tiers(const Metrics& metrics, Families& out) {
  const auto& from = metrics.tiers;
  const char* hits = "Read requests that a partition answered: from memory (hot), or after reading the warm store.";
  out.counter("tier_hits_total", hits, from.hits_hot, {{"tier", "hot"}});
  out.counter("tier_hits_total", hits, from.hits_warm, {{"tier", "warm"}});
  out.counter("warm_reads_total", "Heads and edge lists of vertices read from the warm store.", from.warm_reads);
  out.counter("hot_evictions_total", "Vertices that left memory to make room.", from.evictions);
  out.gauge("hot_bytes", "Memory of the hot tier in use.", from.hot_bytes);
  out.gauge("dirty_bytes", "Changed data that is not in the warm store yet (it is in the log).", from.dirty_bytes);
  out.counter("write_back_batches_total", "Batches written to the warm store.", metrics.write_back.batches);
  out.counter("write_back_records_total", "Records written to the warm store.", metrics.write_back.records);
  out.counter("write_back_errors_total", "Times that the warm store could not be written any more; the batch is tried again until it can.",
              metrics.write_back.errors);
  out.histogram("write_back_seconds", "Time of one batch to the warm store.", metrics.write_back.batch, ns_per_second);
  out.counter("transactions_committed_total", "Transactions over partitions that committed.",
              metrics.transactions.committed);
  out.counter("transactions_aborted_total", "Transactions over partitions that aborted.", metrics.transactions.aborted);
  out.gauge("transactions_in_doubt", "Shares of transactions that are prepared and not yet decided.",
            metrics.transactions.in_doubt);
}

void collect_volumes(const std::vector<std::pair<std::string, std::string>>& volumes, Families& out) {
  for (const auto& [name, path] : volumes) {
    struct statvfs info {};
    if (::statvfs(path.c_str(), &info) != 0) continue;  // a missing series is what an alert on absence looks for
    auto block = static_cast<double>(info.f_frsize);
    out.gauge("volume_free_bytes", "Space that engram may still use on a volume.",
              static_cast<double>(info.f_bavail) * block, {{"volume", name}});
    out.gauge("volume_size_bytes", "Size of a volume.", static_cast<double>(info.f_blocks) * block, {{"volume", name}});
  }
}

double resident_bytes() {
  std::ifstream file("/proc/self/statm");
  double size_pages = 0, resident_pages = 0;
  file >> size_pages >> resident_pages;
  return resident_pages * static_cast<double>(::sysconf(_SC_PAGESIZE));
}

double open_descriptors() {
  std::error_code failed;
  auto entries = std::filesystem::directory_iterator("/proc/self/fd", failed);
  if (failed) return 0;
  return static_cast<double>(std::distance(entries, std::filesystem::directory_iterator()));
}

void collect_process(double uptime_seconds, double started_seconds, Families& out) {
  out.named_gauge("process_resident_memory_bytes", "Resident memory size in bytes.", resident_bytes());
  out.named_gauge("process_open_fds", "Number of open file descriptors.", open_descriptors());
  out.named_gauge("process_start_time_seconds", "Start time of the process since the Unix epoch.", started_seconds);
  out.gauge("uptime_seconds", "Time since the start.", uptime_seconds);
  out.gauge("build_info", "Always 1; what runs is in the labels.", 1,
            {{"version", engram_version()}, {"compiler", __VERSION__}});
  out.counter("dropped_log_lines_total", "Messages that were lost because nobody read them.",
              static_cast<double>(dropped_log_lines()));
}

}  // namespace

class MetricsCollector final : public prometheus::Collectable {
 public:
  explicit MetricsCollector(const Metrics& metrics) : metrics_(metrics) {}

  [[nodiscard]] std::vector<MetricFamily> Collect() const override {
    Families out;
    collect_requests(metrics_.requests, out);
    collect_connections(metrics_, out);
    collect_log(metrics_, out);
    collect_tiers(metrics_, out);
    collect_process(metrics_.uptime_seconds(), static_cast<double>(metrics_.started_wall_ns_) / ns_per_second, out);
    // Under the lock, so that a source whose registration has ended is not running any more.
    std::lock_guard guard(metrics_.mutex_);
    collect_volumes(metrics_.volumes_, out);
    for (const auto& [id, source] : metrics_.sources_) {
      Labels labels;
      for (const auto& [name, value] : source.labels) labels.push_back({name, value});
      if (source.kind == MetricKind::counter)
        out.counter(source.name, source.help.c_str(), source.read(), std::move(labels));
      else
        out.gauge(source.name, source.help.c_str(), source.read(), std::move(labels));
    }
    return out.take();
  }

 private:
  const Metrics& metrics_;
};

std::string Metrics::text() const {
  std::ostringstream out;
  prometheus::TextSerializer().Serialize(out, MetricsCollector(*this).Collect());
  return out.str();
}

}  // namespace engram
