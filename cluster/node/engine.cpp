#include "cluster/node/engine.h"

#include <future>

#include "cluster/logging/logging.h"
#include "cluster/node/replay.h"
#include "cluster/node/space_seeding.h"
#include "storage/base/failpoint.h"

namespace engram {

namespace {

constexpr unsigned loader_threads = 4;
constexpr auto settle_timeout = std::chrono::seconds(10);

/// For who waits until every partition has answered.
class Answers {
 public:
  ReplyPortPtr port() {
    auto port = std::make_shared<Port>();
    answers_.push_back(port->done.get_future());
    return port;
  }
  /// False: not all of them came in time.
  bool wait_until(std::chrono::steady_clock::time_point deadline) {
    bool in_time = true;
    for (auto& one : answers_) in_time = one.wait_until(deadline) == std::future_status::ready && in_time;
    return in_time;
  }

 private:
  struct Port final : ReplyPort {
    void reply(Frame) override { done.set_value(); }
    std::promise<void> done;
  };
  std::vector<std::future<void>> answers_;
};

}  // namespace

PartitionLimits partition_limits(const Config& config, std::uint32_t partitions) {
  constexpr std::size_t least_write_back_bytes = std::size_t{1} << 20;
  std::size_t share = config.hot.bytes / partitions;
  PartitionLimits limits;
  limits.write_back_bytes =
      std::min<std::size_t>(config.warm.write_back_bytes, std::max(share / 8, least_write_back_bytes));
  limits.write_back_after_ns = config.warm.write_back_after_ms * 1'000'000;
  // While the warm store cannot be written, what is dirty stays in memory; past this, writes are refused.
  limits.max_dirty_bytes = std::max(share / 2, 4 * limits.write_back_bytes);
  return limits;
}

Engine::Engine(EngineOptions options, const Clock& clock, Metrics& metrics)
    : options_(std::move(options)), clock_(clock), metrics_(metrics) {}

Result<std::unique_ptr<Engine>> Engine::open(EngineOptions options, Files& files, const Clock& clock, Random& random,
                                             Metrics& metrics) {
  std::unique_ptr<Engine> engine(new Engine(std::move(options), clock, metrics));
  const Config& config = engine->options_.config;
  LogOptions log_options;
  log_options.dir = config.data.dir;
  log_options.archived_dir = config.data.archived_dir;
  log_options.log_id = engine->options_.identity.log_id;
  log_options.segment_bytes = config.log.segment_bytes;
  log_options.rotate_after_ns = config.log.rotate_after_ms * 1'000'000;
  log_options.spare_segments = static_cast<unsigned>(config.log.spare_segments);
  auto log = CommandLog::open(files, clock, log_options);
  if (!log.ok()) return log.status();
  engine->log_ = std::move(log).value();
  engine->first_log_ = engine->log_->stats();
  const EngineOptions& own = engine->options_;
  if (Status status = check_stores_are_there(files, config.data.dir, owned_by(*own.map, own.identity.ordinal)); !status.ok())
    return status;
  if (Status status = engine->open_stores(random); !status.ok()) return status;
  if (Status status = engine->replay(files); !status.ok()) return status;
  if (Status status = engine->start_actors(); !status.ok()) return status;
  engine->register_metrics();
  return engine;
}

Status Engine::open_stores(Random& random) {
  const Config& config = options_.config;
  std::vector<PartitionId> own = owned_by(*options_.map, options_.identity.ordinal);
  auto count = static_cast<std::uint32_t>(own.size());
  for (PartitionId partition : own) {
    WarmOptions warm;
    warm.path = warm_store_path(config.data.dir, partition);
    warm.initial_map_bytes = config.warm.initial_map_bytes;
    auto store = WarmStore::open(warm);
    if (!store.ok()) return store.status();
    CoreOptions core;
    core.self = partition;
    core.partitions = options_.map->partitions();
    core.epoch = options_.map->epoch(partition);
    core.hot_bytes = config.hot.bytes / count;
    core.sessions.ttl_ns = config.limits.session_ttl_ms * 1'000'000;
    core.sessions.max_sessions = config.limits.max_sessions;
    core.key_hash_seed = random.next64();
    std::uint64_t seed = random.next64();
    runtimes_.push_back(std::make_unique<PartitionRuntime>(core, partition_limits(config, count),
                                                           std::move(store).value(), services_, clock_, seed));
  }
  return {};
}

Status Engine::replay(Files& files) {
  Failpoints::hit("replay.before");
  std::int64_t started = clock_.monotonic_ns();
  std::vector<Replayed> partitions;
  std::size_t write_back_bytes = partition_limits(options_.config, static_cast<std::uint32_t>(runtimes_.size())).write_back_bytes;
  for (auto& runtime : runtimes_) {
    PartitionCore& core = runtime->partition().core();
    if (Status status = core.open(&runtime->store()); !status.ok()) return status;
    partitions.push_back({&core, &runtime->store(), write_back_bytes, {}, {}});
  }
  auto replayed = replay_log(
      files, {options_.config.data.dir, options_.identity.log_id, options_.replay_progress}, partitions);
  if (!replayed.ok()) return replayed.status();
  for (std::size_t i = 0; i < runtimes_.size(); ++i) {
    PartitionRuntime& runtime = *runtimes_[i];
    stored_.push_back(WarmStore::View(runtime.store()).applied_lsn());
    if (!partitions[i].unwritten.empty()) runtime.begin_with(std::move(partitions[i].unwritten), partitions[i].cut);
    runtime.store().release_pages();  // what was hot is in the hot tier now
  }
  log_event(LogLevel::info, "log replayed",
            {{"commands", *replayed}, {"ms", (clock_.monotonic_ns() - started) / 1'000'000}});
  return {};
}

Status Engine::start_actors() {
  system_config_ = std::make_unique<caf::actor_system_config>();
  std::size_t workers = std::max(2u, options_.cores);
  // Work stealing lets a worker sleep 50 us between polls, and an enqueue cannot wake it: measured 100 us a message.
  system_config_->set("scheduler.policy", caf::atom("sharing")).set("scheduler.max-threads", workers);
  system_ = std::make_unique<caf::actor_system>(*system_config_);
  loaders_ = std::make_unique<BlockingPool>(loader_threads);
  writers_ = std::make_unique<BlockingPool>(1);
  start_services();
  services_.partitions.resize(options_.map->partitions());
  for (auto& runtime : runtimes_) {
    if (runtime->partition().core().is_new() && options_.new_partitions_ask) runtime->partition().begin_as_new();
    services_.partitions[runtime->id().value] = system_->spawn<PartitionActor>(runtime.get());
  }
  start_log();
  if (options_.partitions_open)
    if (Status status = options_.partitions_open(*this); !status.ok()) return status;
  if (Status status = begin_new_partitions(); !status.ok()) return status;
  settle();
  return {};
}

/// What they begin with is in their warm stores before any command is: a replay finds it there, and another start knows that it
/// need not ask. Their actors touch nothing before RecoveredMail.
Status Engine::begin_new_partitions() {
  if (options_.map->nodes() == 1) return {};
  std::vector<PartitionRuntime*> fresh;
  for (auto& runtime : runtimes_)
    if (runtime->partition().core().is_new()) fresh.push_back(runtime.get());
  if (fresh.empty()) return {};
  std::vector<SpaceSeed> seeds;
  if (options_.new_partitions_ask)
    seeds = ask_for_spaces(*options_.map, first_own(), clock_,
                           [this](PartitionId to, Mail mail) { send(to, std::move(mail), nullptr); });
  for (PartitionRuntime* runtime : fresh) {
    PartitionCore& core = runtime->partition().core();
    for (const SpaceSeed& seed : seeds) core.take_over(seed);
    if (Status status = runtime->store().write(core.take_all(), Lsn{0}); !status.ok()) return status;
    core.written_back();
  }
  if (!seeds.empty())
    log_event(LogLevel::info, "new partitions know the spaces of the cluster",
              {{"partitions", fresh.size()}, {"spaces", seeds.size()}});
  return {};
}

void Engine::start_services() {
  services_.inbox = &inbox_;
  services_.loaders = loaders_.get();
  services_.writers = writers_.get();
  services_.others = options_.others;
  services_.fatal = options_.fatal;
  services_.all_know_deletions = options_.all_know_deletions;
  services_.observe_write_back = [this](std::size_t records, std::int64_t elapsed_ns) {
    metrics_.write_back.batches.add();
    metrics_.write_back.records.add(records);
    metrics_.write_back.batch.record(static_cast<std::uint64_t>(elapsed_ns));
  };
  services_.report_write_back = [this](PartitionId partition, const Status& status) {
    if (!status.ok()) metrics_.write_back.errors.add();
    log_event(status.ok() ? LogLevel::info : LogLevel::error,
              status.ok() ? "warm store can be written again" : "warm store cannot be written",
              {{"partition", partition.value}, {"error", status.message()}});
  };
  services_.report_unreadable = [](PartitionId partition, const Status& status) {
    log_event(LogLevel::error, "warm store cannot be read", {{"partition", partition.value}, {"error", status.message()}});
  };
}

void Engine::start_log() {
  LogActorOptions log;
  log.log = log_.get();
  log.inbox = &inbox_;
  log.gauges = &log_gauges_;
  log.partitions = services_.partitions;
  for (std::uint32_t i = 0; i < options_.map->partitions(); ++i)
    log.ownership_epochs.push_back(options_.map->epoch({static_cast<std::uint16_t>(i)}));
  log.fatal = options_.fatal;
  log.busy_poll_ns = static_cast<std::int64_t>(options_.config.listen.busy_poll_us) * 1000;
  log.observe = [this](std::int64_t sync_ns, std::size_t records) {
    metrics_.log.records.add(records);
    metrics_.log.groups.add();
    metrics_.log.group_records.record(records);
    metrics_.log.sync.record(static_cast<std::uint64_t>(sync_ns));
  };
  services_.log = system_->spawn<LogActor, caf::detached>(std::move(log));
  // A partition that nobody writes to never tells the log: its share of old segments has to be known from the start.
  for (auto& runtime : runtimes_)
    deliver(services_.log, std::make_shared<Released>(Released{runtime->id(), runtime->store().synced_lsn()}), nullptr);
}

/// Whoever is let in then sees nothing of before the start change any more. A full disk may keep decisions from being
/// logged, and other nodes may be away: reads go on without them.
void Engine::settle() {
  Answers settled;
  for (std::size_t i = 0; i < runtimes_.size(); ++i)
    send(runtimes_[i]->id(), RecoveredMail{stored_[i], settled.port()}, nullptr);
  if (!settled.wait_until(std::chrono::steady_clock::now() + settle_timeout))
    log_event(LogLevel::warn, "transactions of before the start are still open", {});
}

std::vector<Engine::OwnPartition> Engine::own() {
  std::vector<OwnPartition> own;
  for (auto& runtime : runtimes_) own.push_back({runtime->id(), runtime->partition().gauges(), runtime->store()});
  return own;
}

Status Engine::away(PartitionId partition) const {
  return is_own(partition) || options_.others == nullptr ? Status() : options_.others->away(partition);
}

Status Engine::no_answer(PartitionId partition) const {
  if (Status away_now = away(partition); !away_now.ok()) return away_now;
  return {Code::deadline_exceeded, "The time given ran out: partition " + std::to_string(partition.value) + ", on node " +
                                       std::to_string(options_.map->owner(partition)) + ", did not answer."};
}

/// Has all partitions write back what is logged. False: not in time.
bool Engine::flush(std::chrono::steady_clock::time_point deadline) {
  Answers flushed;
  for (auto& runtime : runtimes_) send(runtime->id(), FlushMail{flushed.port()}, nullptr);
  return flushed.wait_until(deadline);
}

Status Engine::shut_down(std::int64_t timeout_ms) {
  if (system_ == nullptr) return {};
  auto deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  // Twice: what the last transactions left to be logged in one partition may come when it has flushed for the first time.
  bool in_time = flush(deadline) && flush(deadline);
  if (options_.partitions_close) {
    options_.partitions_close();
    in_time = in_time && flush(deadline);  // what other nodes still sent was logged: the next start would replay it
  }
  for (auto& partition : services_.partitions)
    if (partition != nullptr) caf::anon_send_exit(partition, caf::exit_reason::user_shutdown);
  caf::anon_send_exit(services_.log, caf::exit_reason::user_shutdown);
  system_->await_all_actors_done();  // they use what goes next
  writers_.reset();  // what they still tell the partitions goes nowhere
  loaders_.reset();
  services_.partitions.clear();
  services_.log = nullptr;
  system_.reset();  // waits for the actors
  Status closed = log_->close();
  if (!in_time)
    return {Code::deadline_exceeded, "Not everything could be written back in time; the next start replays the log."};
  return closed;
}

Engine::~Engine() {
  registrations_.clear();
  if (system_ != nullptr) (void)shut_down(0);
}

}  // namespace engram
