#include "cluster/node/node.h"

#include <cstdio>
#include <utility>

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "actors/partition/core/reads.h"
#include "cluster/config/cluster_config.h"
#include "cluster/logging/logging.h"
#include "cluster/node/end_timer.h"
#include "cluster/node/open_files.h"
#include "storage/base/failpoint.h"

namespace engram {
namespace {

/// The end of a process that must not go on: nothing is flushed, since what is on disk is what can be trusted.
[[noreturn]] void stop_at_once(const Status& status) {
  EndTimer timer(std::chrono::seconds(1), 70);  // nobody may read what is said here
  log_event(LogLevel::error, "engine stopped", {{"error", status.message()}});
  stop_logging();
  std::fprintf(stderr, "engram: stopped: %s\n", status.message().c_str());
  ::_exit(70);
}

constexpr std::int64_t after_flush_ms = 2'000;  // of the time to stop, for sealing the log and the last messages
constexpr std::int64_t known_wait_ms = 3'000;  // for other nodes at the start, so that one who refuses us is heard

/// The thread that brought it serves all other nodes.
bool is_long(const Mail& mail) {
  const auto* request = std::get_if<RequestMail>(&mail);
  return request != nullptr && is_long_read(request->request.read<schema::Request>());
}

void report_reload(const char* what, const Result<bool>& changed) {
  if (!changed.ok()) {
    log_event(LogLevel::error, "reload failed: the old ones stay in use", {{"what", what}, {"error", changed.status().message()}});
  } else if (changed.value()) {
    log_event(LogLevel::info, "reloaded", {{"what", what}});
  }
}

}  // namespace

Status Node::start(const std::function<void()>& before_clients) {
  log_event(LogLevel::info, "starting", {{"version", engram_version()}, {"data", config_.data.dir}});
  for (const std::string& warning : loaded_.warnings) log_event(LogLevel::warn, "configuration", {{"warning", warning}});
  // A node that waits for the others to make or join a cluster with them lives, and is asked whether it does.
  auto membership = Membership::open(loaded_, files_, random_, clock_, [this](const Status& status) { fail(status); },
                                     [this] { return open_operations(); });
  if (!membership.ok()) return membership.status();
  membership_ = std::move(*membership);
  live_membership_ = membership_.get();
  view_ = std::make_unique<ClusterView>(*membership_, client_address(config_), [this] { return own_status(); });
  if (Status status = open_security(); !status.ok()) return status;
  if (Status status = open_operations(); !status.ok()) return status;
  if (Status status = open_engine(); !status.ok()) return status;
  leave_room_for_files();
  services_.config = &config_;
  services_.engine = engine_.get();
  services_.metrics = &metrics_;
  services_.clock = &clock_;
  services_.tokens = tokens_.get();
  services_.tls = tls_.get();
  services_.limiter = &limiter_;
  services_.read_memory.set_limit(config_.limits.reads_memory_bytes);
  services_.node = membership_->identity().ordinal;
  services_.cluster_id = membership_->identity().cluster_id;
  services_.members = [this] { return view_->members(); };
  services_.last_request = random_.next64();
  services_.status = [this] { return status_.text(); };
  services_.forget_volume = [this](std::uint32_t ordinal) {
    Peers* peers = membership_->peers();
    return peers != nullptr ? peers->forget_volume(ordinal)
                            : Status(Code::invalid_argument, "This engine is a single node: it knows no other volumes.");
  };
  services_.finalize = [this]() -> Result<std::uint32_t> {
    Peers* peers = membership_->peers();
    if (peers != nullptr) return peers->finalize();
    return membership_->level_in_force();
  };
  if (before_clients) before_clients();
  auto gateway = Gateway::start(services_);
  if (!gateway.ok()) return gateway.status();
  gateway_ = std::move(*gateway);
  Failpoints::hit("start.listening");
  readiness_.ready();
  log_event(LogLevel::info, "ready",
            {{"rpc", gateway_->address().empty() ? "none" : gateway_->address()},
             {"unix", config_.listen.unix},
             {"operations", operations_ == nullptr ? "none" : operations_->endpoint().text()},
             {"data", config_.data.dir},
             {"partitions", engine_->own().size()}});
  return {};
}

void Node::fail(const Status& status) {
  readiness_.fail(status.message());
  stop_at_once(status);
}

Status Node::open_security() {
  if (!config_.security.tokens.empty()) {
    auto tokens = TokenStore::open(config_.security.tokens, clock_);
    if (!tokens.ok()) return tokens.status();
    tokens_ = std::move(*tokens);
  }
  if (!config_.tls.certificate.empty()) {
    auto tls = TlsFiles::open({config_.tls.certificate, config_.tls.key, config_.tls.client_ca}, clock_);
    if (!tls.ok()) return tls.status();
    tls_ = std::move(*tls);
  }
  return {};
}

Status Node::open_operations() {
  if (std::exchange(operations_opened_, true)) return {};
  status_.set_section("node", [this](nlohmann::json& out) {
    out["version"] = engram_version();
    out["ordinal"] = config_.node.ordinal;
    out["nodes"] = config_.cluster.nodes;
    if (const Membership* membership = live_membership_.load()) {
      const NodeIdentity& identity = membership->identity();
      out["ordinal"] = identity.ordinal;
      out["cluster_id"] = identity.cluster_id.hex();
      out["nodes"] = identity.nodes;
      out["partitions"] = identity.partitions;
    }
    out["data_dir"] = config_.data.dir;
    out["phase"] = phase_name(readiness_.phase());
    out["uptime_seconds"] = metrics_.uptime_seconds();
  });
  registrations_.push_back(metrics_.add(
      {.name = "replay_done_bytes", .help = "How much of the command log this start has replayed.", .labels = {}, .read = [this] {
         return static_cast<double>(readiness_.replayed_bytes());
       }}));
  registrations_.push_back(metrics_.add(
      {.name = "replay_total_bytes", .help = "How much of the command log this start has to replay.", .labels = {}, .read = [this] {
         return static_cast<double>(readiness_.replay_total_bytes());
       }}));
  metrics_.add_volume("data", config_.data.dir);
  metrics_.add_volume("archived", config_.data.archived_dir);
  if (is_off(config_.operations.address)) return {};
  auto endpoint = parse_endpoint(config_.operations.address);
  if (!endpoint.ok()) return endpoint.status();
  auto metrics = [this] {
    if (Engine* engine = live_engine_.load()) engine->refresh_metrics();
    metrics_.connections.calls_in_flight.set(static_cast<std::int64_t>(services_.calls_in_flight.load()));
    metrics_.connections.read_memory.set(static_cast<std::int64_t>(services_.read_memory.held()));
    return metrics_.text();
  };
  auto server = OperationsServer::start(*endpoint, readiness_, {metrics, [this] { return status_.text(); }});
  if (!server.ok()) return server.status();
  operations_ = std::move(*server);
  return {};
}

Status Node::open_engine() {
  EngineOptions options;
  options.config = config_;
  options.identity = membership_->identity();
  options.map = &membership_->map();
  Peers* peers = membership_->peers();
  if (peers != nullptr) {
    options.others = peers;
    options.partitions_open = [peers, this](Engine& engine) {
      peer_unit_ = std::make_unique<InlineUnit>(&engine.actors());
      Status opened = peers->open([this, &engine](PartitionId to, Mail mail) {
        engine.send(to, std::move(mail), is_long(mail) ? nullptr : peer_unit_.get());
        peer_unit_->run();
      }, [this] { return own_status(); });
      return opened.ok() ? peers->wait_until_known(known_wait_ms) : opened;
    };
    options.partitions_close = [peers] { peers->close(); };
    options.new_partitions_ask = !membership_->made_cluster() && membership_->level_in_force() >= spaces_feature_level;
  }
  options.all_know_deletions = [this] { return membership_->level_in_force() >= deletions_feature_level; };
  options.cores = loaded_.machine.cores;
  last_progress_ns_ = clock_.monotonic_ns();  // who is ready within a second has nothing to tell
  options.replay_progress = [this](std::uint64_t done, std::uint64_t total) {
    readiness_.replaying(done, total);
    if (clock_.monotonic_ns() - last_progress_ns_ < 1'000'000'000) return;
    last_progress_ns_ = clock_.monotonic_ns();
    log_event(LogLevel::info, "replaying the log", {{"done_bytes", done}, {"total_bytes", total}});
  };
  options.fatal = [this](const Status& status) { fail(status); };
  auto engine = Engine::open(std::move(options), files_, clock_, random_, metrics_);
  if (!engine.ok()) return engine.status();
  engine_ = std::move(*engine);
  live_engine_ = engine_.get();
  show_partitions();
  status_.set_section("cluster", [this](nlohmann::json& out) { out = view_->document(); });
  if (membership_->peers() != nullptr) view_->register_metrics(metrics_, registrations_);
  status_.set_section("log", [this](nlohmann::json& out) {
    LogStats stats = engine_->log().stats();
    out = {{"end_position", stats.end_position}, {"records", stats.records},   {"groups", stats.groups},
           {"syncs", stats.syncs},               {"segments", stats.segments}, {"archived_segments", stats.archived_segments},
           {"archive_error", stats.archive_error}};
  });
  return {};
}

void Node::show_partitions() {
  status_.set_section("partitions", [this](nlohmann::json& out) {
    out = nlohmann::json::array();
    for (const auto& [id, gauges, store] : engine_->own())
      out.push_back({{"partition", id.value},
                     {"epoch", engine_->map().epoch(id)},
                     {"applied_lsn", gauges.applied_lsn.load()},
                     {"hot_bytes", gauges.hot_bytes.load()},
                     {"hot_vertices", gauges.hot_vertices.load()},
                     {"dirty_bytes", gauges.dirty_bytes.load()},
                     {"pending_commands", gauges.pending_records.load()},
                     {"transactions", gauges.transactions.load()},
                     {"in_doubt", gauges.in_doubt.load()},
                     {"sessions", gauges.sessions.load()},
                     {"spaces", gauges.spaces.load()},
                     {"warm_used_bytes", store.sizes().used_bytes},
                     {"warm_synced_lsn", store.synced_lsn().value}});
  });
}

/// Any thread.
NodeStatus Node::own_status() const {
  NodeStatus status;
  status.phase = phase_name(readiness_.phase());
  status.feature_level = membership_->level_in_force();
  status.uptime_ms = static_cast<std::uint64_t>(metrics_.uptime_seconds() * 1000);
  status.calls_in_flight = static_cast<std::uint32_t>(services_.calls_in_flight.load());
  if (Engine* engine = live_engine_.load()) engine->tell(status);
  return status;
}

/// To be called when all files of the engine are open.
void Node::leave_room_for_files() {
  std::uint64_t limit = open_files_limit();
  std::uint64_t room = connections_within(limit, open_files(), std::max<std::uint64_t>(config_.listen.loops, 1));
  if (config_.listen.max_connections <= room) return;
  log_event(LogLevel::warn, "the limit of open files is too low for listen.max_connections: raise it (ulimit -n)",
            {{"max_connections", config_.listen.max_connections}, {"open_files_limit", limit}, {"connections", room}});
  config_.listen.max_connections = room;
}

void Node::reload() {
  auto done = [](const Status& status) { return status.ok() ? Result<bool>(true) : Result<bool>(status); };
  if (tokens_ != nullptr) report_reload("tokens", done(tokens_->reload()));
  if (tls_ != nullptr) report_reload("certificate", done(tls_->reload()));
  if (TlsFiles* peers = membership_->tls()) report_reload("certificate between nodes", done(peers->reload()));
}

void Node::reload_if_changed() {
  if (tokens_ != nullptr) report_reload("tokens", tokens_->reload_if_changed());
  if (tls_ != nullptr) report_reload("certificate", tls_->reload_if_changed());
  if (TlsFiles* peers = membership_->tls()) report_reload("certificate between nodes", peers->reload_if_changed());
}

Status Node::stop(std::int64_t timeout_ms) {
  std::int64_t started = clock_.monotonic_ns();
  readiness_.draining();
  log_event(LogLevel::info, "stopping");
  // First the own clients, who go to other nodes. Through these they still get what is here, and so do all others: a call that
  // takes long holds up nobody. From the moment that the others are told, they wait for the process after this one.
  gateway_->drain(timeout_ms / 3);
  if (membership_->peers() != nullptr) membership_->peers()->drain();
  gateway_.reset();
  std::int64_t left = std::max<std::int64_t>(timeout_ms - (clock_.monotonic_ns() - started) / 1'000'000, 0);
  status_.remove_section("partitions");
  status_.remove_section("log");
  status_.remove_section("cluster");
  Status status = engine_->shut_down(left - std::min(left / 4, after_flush_ms));
  readiness_.stopping();
  operations_.reset();
  engine_.reset();
  log_event(status.ok() ? LogLevel::info : LogLevel::warn, "stopped",
            {{"ms", (clock_.monotonic_ns() - started) / 1'000'000}, {"error", status.message()}});
  return status;
}

}  // namespace engram
