#include "tools/loadgen/run.h"

#include <algorithm>
#include <barrier>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <thread>

#include "tools/loadgen/floors.h"

namespace engram::loadgen {

namespace {

constexpr std::uint64_t sampled_keys = 20'000;
constexpr std::size_t keys_a_call = 1'000;
constexpr double floor_seconds = 1.5;

bool needs_partitions(const BenchOptions& options) {
  if (!options.key_partitions.empty()) return true;
  auto needs = [&](const Share& share) {
    return share.call == CallKind::link || (share.call == CallKind::put && options.batch_in_one_partition);
  };
  return std::any_of(options.mix.begin(), options.mix.end(), needs);
}

/// Indexes of keys, drawn at random: all of them if there are few.
std::vector<std::uint64_t> sample(const BenchOptions& options) {
  std::set<std::uint64_t> chosen;
  Dice dice(options.seed);
  std::uint64_t wanted = std::min(sampled_keys, options.keys.size());
  while (chosen.size() < wanted) chosen.insert(wanted == options.keys.size() ? chosen.size() : dice.below(options.keys.size()));
  return {chosen.begin(), chosen.end()};
}

using KeysByPartition = std::map<std::uint16_t, std::vector<std::uint64_t>>;

Result<KeysByPartition> find_partitions(client::Client& client, const BenchOptions& options) {
  auto indexes = sample(options);
  KeysByPartition by_partition;
  char buffer[24];
  for (std::size_t at = 0; at < indexes.size(); at += keys_a_call) {
    std::size_t end = std::min(at + keys_a_call, indexes.size());
    std::vector<client::VertexRef> refs;
    for (std::size_t i = at; i < end; ++i) refs.emplace_back(options.keys.key(indexes[i], buffer));
    auto vertices = client.get(refs, {.properties = false, .labels = false});
    if (!vertices.ok()) return vertices.status();
    for (std::size_t i = at; i < end; ++i) {
      auto& vertex = (*vertices)[i - at];
      if (vertex.found) by_partition[vertex.id.partition().value].push_back(indexes[i]);
    }
  }
  if (by_partition.empty()) {
    return Status(Code::unknown_vertex, "none of the keys asked for is in the graph; see --keys and --key-file", "keys");
  }
  return by_partition;
}

/// The keys of these partitions together.
Result<std::vector<std::uint64_t>> keys_of(const KeysByPartition& by_partition, const std::vector<std::uint16_t>& partitions,
                                           const char* option) {
  std::vector<std::uint64_t> keys;
  for (std::uint16_t partition : partitions) {
    auto found = by_partition.find(partition);
    if (found != by_partition.end()) keys.insert(keys.end(), found->second.begin(), found->second.end());
  }
  if (!keys.empty() || partitions.empty()) return keys;
  return Status(Code::unknown_vertex, std::string("--") + option + ": none of the keys is in these partitions", option);
}

Result<PartitionedKeys> choose_keys(client::Client& client, const BenchOptions& options) {
  auto by_partition = find_partitions(client, options);
  if (!by_partition.ok()) return by_partition.status();
  PartitionedKeys partitioned;
  auto chosen = keys_of(*by_partition, options.key_partitions, "key-partitions");
  if (!chosen.ok()) return chosen.status();
  auto targets = keys_of(*by_partition, options.target_partitions, "target-partitions");
  if (!targets.ok()) return targets.status();
  partitioned.chosen = std::move(chosen).value();
  partitioned.targets = std::move(targets).value();
  auto& wanted = options.key_partitions;
  for (auto& [partition, keys] : *by_partition) {
    if (wanted.empty() || std::find(wanted.begin(), wanted.end(), partition) != wanted.end())
      partitioned.indexes.push_back(std::move(keys));
  }
  return partitioned;
}

/// What the threads of a run share.
struct Crew {
  explicit Crew(const BenchOptions& run_options)
      : options(run_options), live_calls(run_options.threads), connected(run_options.threads, SetWindow{this}) {}

  struct SetWindow {
    Crew* crew;
    void operator()() noexcept { crew->set_window(); }
  };

  void set_window() {
    std::int64_t now = now_ns();
    window.begin = now + static_cast<std::int64_t>(options.warmup_seconds * 1e9);
    window.end = window.begin + static_cast<std::int64_t>(options.seconds * 1e9);
    window.by_calls = options.calls > 0;
    window.calls_left = static_cast<std::int64_t>(options.calls);
  }

  const BenchOptions& options;
  PartitionedKeys partitioned;
  std::vector<std::atomic<std::uint64_t>> live_calls;
  std::barrier<SetWindow> connected;
  Window window;

  std::mutex mutex;
  std::condition_variable changed;
  unsigned finished = 0;
  Status failure;
  TotalsByCall totals;
  std::uint64_t unsent = 0;
  std::int64_t last_answer_ns = 0;
};

void work(Crew& crew, unsigned index) {
  Worker worker(crew.options, crew.partitioned, index, crew.live_calls[index]);
  auto status = worker.connect();
  {
    std::lock_guard lock(crew.mutex);
    if (!status.ok()) crew.failure = status;
  }
  crew.connected.arrive_and_wait();
  if (crew.failure.ok()) worker.run(crew.window);
  std::lock_guard lock(crew.mutex);
  for (std::size_t i = 0; i < crew.totals.size(); ++i) crew.totals[i].merge(worker.totals()[i]);
  crew.unsent += worker.unsent();
  crew.last_answer_ns = std::max(crew.last_answer_ns, worker.last_answer_ns());
  ++crew.finished;
  crew.changed.notify_all();
}

void wait_for(Crew& crew, const OnProgress& on_progress) {
  std::int64_t begin = now_ns();
  std::unique_lock lock(crew.mutex);
  while (!crew.changed.wait_for(lock, std::chrono::seconds(1), [&] { return crew.finished == crew.options.threads; })) {
    std::uint64_t calls = 0;
    for (auto& live : crew.live_calls) calls += live.load(std::memory_order_relaxed);
    if (on_progress) on_progress(static_cast<double>(now_ns() - begin) / 1e9, calls);
  }
}

Status measure_floors(const BenchOptions& options, RunResult& result) {
  std::uint64_t measured = 0;
  for (auto& totals : result.totals) {
    measured += totals.measured;
    result.floors.request_bytes += totals.request_bytes;
    result.floors.reply_bytes += totals.reply_bytes;
  }
  if (measured == 0) return {};
  result.floors.request_bytes /= measured;
  result.floors.reply_bytes /= measured;
  auto round_trip = measure_tcp_round_trip(result.floors.request_bytes, result.floors.reply_bytes, floor_seconds);
  if (!round_trip.ok()) return round_trip.status();
  result.floors.tcp_round_trip_ns = std::move(round_trip).value();
  if (options.floor_dir.empty()) return {};
  auto sync = measure_sync(options.floor_dir, result.floors.request_bytes, floor_seconds);
  if (!sync.ok()) return sync.status();
  result.floors.sync_ns = std::move(sync).value();
  return {};
}

/// Looks at the engine once, with a client that waits for it and says clearly what is wrong.
Status prepare(const BenchOptions& options, PartitionedKeys& partitioned) {
  auto client = client::Client::connect(options.client);
  if (!client.ok()) return client.status();
  if (!needs_partitions(options)) return {};
  auto found = choose_keys(*client, options);
  if (!found.ok()) return found.status();
  partitioned = std::move(found).value();
  return {};
}

}  // namespace

Result<RunResult> run_bench(const BenchOptions& options, const OnProgress& on_progress) {
  if (auto status = check(options); !status.ok()) return status;
  Crew crew(options);
  if (auto status = prepare(options, crew.partitioned); !status.ok()) return status;
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < options.threads; ++i) threads.emplace_back(work, std::ref(crew), i);
  wait_for(crew, on_progress);
  for (auto& thread : threads) thread.join();
  if (!crew.failure.ok()) return crew.failure;

  RunResult result;
  result.totals = std::move(crew.totals);
  result.unsent = crew.unsent;
  std::int64_t end = crew.window.by_calls ? crew.last_answer_ns : crew.window.end;
  result.seconds = static_cast<double>(std::max<std::int64_t>(end - crew.window.begin, 1)) / 1e9;
  if (options.floors) {
    if (auto status = measure_floors(options, result); !status.ok()) return status;
  }
  return result;
}

}  // namespace engram::loadgen
