#include "tests/crash/crash_campaign.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>

#include "tests/support/cluster_flags.h"
#include "tests/support/patient_client.h"
#include "tests/support/quiet_watch.h"
#include "tests/support/run_program.h"

namespace engram::test {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::uint32_t call_timeout_ms = 1000;
constexpr std::int64_t between_looks_ms = 300;
constexpr unsigned lives_to_a_check = 10;
constexpr int named_load_ms = 20'000;  // a point that is not reached in this time is killed at random

// Small and quick, so that a short life goes through everything. Flags win over them.
const std::vector<std::string> usual_settings = {
    "ENGRAM_LOG_SEGMENT_BYTES=1MiB",        "ENGRAM_LOG_SPARE_SEGMENTS=1",       "ENGRAM_HOT_BYTES=64MiB",
    "ENGRAM_WARM_WRITE_BACK_AFTER_MS=50ms", "ENGRAM_WARM_INITIAL_MAP_BYTES=16MiB",
};

/// So that a dead engine is noticed soon: whoever needs more time asks again.
client::Options hasty_options(const std::string& server, std::uint32_t timeout_ms) {
  client::Options options;
  options.server = server;
  options.backoff_max_ms = 50;
  options.timeout_ms = options.connect_wait_ms = timeout_ms;
  return options;
}

}  // namespace

CrashCampaign::CrashCampaign(const CampaignOptions& options) : seed_(options.seed), random_(options.seed) {
  for (unsigned i = 0; i < options.nodes; ++i) nodes_.push_back({setup_of(options, i), nullptr});
  for (NodeProcess& node : nodes_) start_node(node, {});  // a new cluster waits for all of its nodes
  for (NodeProcess& node : nodes_) require_ready(*node.engine);
  create_hubs();
  for (unsigned i = 1; i <= options.workers; ++i)
    workers_.push_back(
        std::make_unique<LoadWorker>(i, nodes_[i % nodes_.size()].setup.server(), random_(), ledger_));
}

EngineSetup CrashCampaign::setup_of(const CampaignOptions& options, unsigned node) {
  std::string suffix = options.nodes == 1 ? "" : "-" + std::to_string(node);
  EngineSetup setup;
  setup.data_dir = options.data_dir.empty() ? directory_ / ("data" + suffix) : options.data_dir;
  setup.socket = directory_ / ("socket" + suffix);
  setup.output = directory_ / ("output" + suffix);
  setup.flags = options.flags;
  setup.max_file_bytes = options.max_file_bytes;
  if (options.nodes == 1) return setup;
  for (std::string& flag : cluster_flags(node, options.nodes)) setup.flags.push_back(std::move(flag));
  return setup;
}

void CrashCampaign::start_node(NodeProcess& node, const std::vector<std::string>& environment) {
  node.engine.reset();
  node.setup.environment = usual_settings;
  node.setup.environment.insert(node.setup.environment.end(), environment.begin(), environment.end());
  node.engine = std::make_unique<EngineProcess>(node.setup);
}

/// The one that the last life was about lives again.
void CrashCampaign::choose(unsigned node) {
  if (node != chosen_ && !engine().running()) {
    start();
    require_ready(engine());
  }
  chosen_ = node;
}

void CrashCampaign::start(const std::vector<std::string>& environment) { start_node(nodes_[chosen_], environment); }

bool CrashCampaign::all_running() {
  return std::all_of(nodes_.begin(), nodes_.end(), [](NodeProcess& node) { return node.engine->running(); });
}

std::string CrashCampaign::outputs() const {
  std::string all;
  for (const NodeProcess& node : nodes_) all += node.engine->output() + "\n";
  return all;
}

void CrashCampaign::create_hubs() {
  client::Client client = connect_patiently(nodes_.back().setup.server());
  client::Batch batch;
  Effects effects;
  auto put = [&](const std::string& key, std::int64_t value) {
    client::VertexOptions options;
    options.properties = {{"value", value}};
    batch.put_vertex(key, options);
    effects[vertex_item(key)] = value;
  };
  for (const std::string& hub : Ledger::hubs()) put(hub, 0);
  for (unsigned i = 0; i < Ledger::accounts; ++i) put(Ledger::account(i), Ledger::first_balance);
  put("counter", 0);
  REQUIRE(client.submit(batch).committed());
  ledger_.commit(effects, {});
}

// --- What is there

/// Workers that were in the middle of a change repeat it by themselves. False: the engine ended meanwhile.
bool CrashCampaign::wait_idle() {
  auto deadline = Clock::now() + longest_wait;
  for (auto& worker : workers_) {
    while (!worker->idle()) {
      if (!all_running()) return false;
      INFO("seed " << seed_ << ", life " << lives_ << "\n" << outputs());
      if (Clock::now() > deadline) FAIL("a change gets no answer from a running engine");
      pause_ms(1);
    }
  }
  return all_running();
}

/// Nodes that were not killed may still work on what clients have given up. False: an engine ended meanwhile.
bool CrashCampaign::wait_quiet() {
  std::vector<std::string> servers;
  for (const NodeProcess& node : nodes_) servers.push_back(node.setup.server());
  QuietWatch watch(servers);
  auto deadline = Clock::now() + longest_wait;
  while (all_running() && !watch.look()) {
    INFO("seed " << seed_ << ", life " << lives_ << "\n" << outputs());
    if (Clock::now() > deadline) FAIL("the cluster does not come to rest");
    pause_ms(between_looks_ms);
  }
  return all_running();
}

std::optional<GraphState> CrashCampaign::read() {
  auto deadline = Clock::now() + longest_wait;
  for (std::uint32_t timeout_ms = call_timeout_ms; all_running(); timeout_ms *= 2) {  // else it was killed by its failpoint
    auto client = client::Client::connect(hasty_options(nodes_.back().setup.server(), timeout_ms));
    std::vector<std::string> problems;
    auto state = client.ok() ? read_graph(*client, nodes_.back().setup.server(), problems)
                             : Result<GraphState>(client.status());
    if (state.ok() || Clock::now() > deadline) {
      if (!state.ok()) problems.push_back("the graph cannot be read: " + state.status().message());
      require_no_problems(std::move(problems));
      return std::move(*state);
    }
  }
  return std::nullopt;
}

void CrashCampaign::require_no_problems(std::vector<std::string> problems) {
  for (std::string& one : ledger_.problems()) problems.push_back(std::move(one));
  if (problems.empty()) return;
  std::string text;
  for (const std::string& one : problems) text += one + "\n";
  FAIL("seed " << seed_ << ", life " << lives_ << ":\n" << text << outputs());
}

bool CrashCampaign::verify_and_settle() {
  if (!wait_idle()) return false;
  if (nodes_.size() > 1 && !wait_quiet()) return false;
  std::optional<GraphState> actual = read();
  if (!actual) return false;
  GraphState expected = ledger_.expected();
  std::vector<std::string> problems;
  std::vector<std::pair<LoadWorker*, bool>> unsettled;
  for (auto& worker : workers_) {
    if (!worker->pending()) continue;
    Presence presence = worker->presence_in(*actual);
    if (presence == Presence::torn) problems.push_back("a change without an answer is there in part");
    unsettled.emplace_back(worker.get(), presence == Presence::whole);
    if (presence != Presence::whole) continue;
    apply(worker->pending()->change.own, expected);
    for (const auto& [item, more] : worker->pending()->change.added) expected[item] += more;
  }
  compare(expected, *actual, problems);
  std::int64_t sum = 0;
  for (unsigned i = 0; i < Ledger::accounts; ++i) sum += (*actual)[vertex_item(Ledger::account(i))];
  if (sum != Ledger::accounts * Ledger::first_balance) problems.push_back("the bank has " + std::to_string(sum));
  require_no_problems(std::move(problems));
  for (auto [worker, present] : unsettled) worker->begin_settle(present);
  if (!wait_idle()) return false;
  for (auto [worker, present] : unsettled)
    if (!worker->settled_late().empty())
      problems.push_back("asked again, a change that is not there is said to have happened: " + worker->settled_late());
  require_no_problems(std::move(problems));
  return std::none_of(workers_.begin(), workers_.end(), [](auto& worker) { return worker->pending().has_value(); });
}

// --- Lives

void CrashCampaign::begin_load() {
  for (auto& worker : workers_) worker->begin_load();
}

void CrashCampaign::stop_load() {
  for (auto& worker : workers_) worker->stop_load();
}

void CrashCampaign::load_until_death(const Kill& kill) {
  begin_load();
  std::uint64_t load_ms = kill.when == Kill::When::at_point ? named_load_ms : 5 + random_() % 120;
  std::optional<Ended> ended = engine().wait_end(static_cast<std::int64_t>(load_ms));
  if (ended && kill.when == Kill::When::at_point) points_.insert(kill.point);
  if (!ended) ended = engine().kill_now();
  stop_load();
  INFO("seed " << seed_ << ", life " << lives_ << ", point " << kill.point << "\n" << outputs());
  REQUIRE(ended->signal == SIGKILL);
}

/// What a kill left is whole for `engram verify` as well, which reads every byte of it.
void CrashCampaign::verify_offline() {
  Ran ran = run_program({setup().binary, "verify", "--data-dir", setup().data_dir});
  INFO("seed " << seed_ << ", life " << lives_ << "\n" << ran.output << ran.errors << outputs());
  REQUIRE(ran.exit_code == 0);
  REQUIRE_THAT(ran.output, Catch::Contains("all is well"));
}

void CrashCampaign::live_and_die(const Kill& kill) {
  if (engine().running()) (void)engine().kill_now();
  if (lives_ % lives_to_a_check == lives_to_a_check - 1) verify_offline();
  ++lives_;
  ++kills_;
  std::vector<std::string> environment;
  if (kill.when == Kill::When::at_point)
    environment = {"ENGRAM_FAILPOINT=" + kill.point + "=kill:" + std::to_string(kill.times)};
  start(environment);
  if (kill.when == Kill::When::while_starting) {
    pause_ms(static_cast<std::int64_t>(random_() % (is_default_binary() ? 400 : 100)));
    (void)engine().kill_now();
    return;
  }
  if (engine().wait_ready() && verify_and_settle()) return load_until_death(kill);
  // Its failpoint was in the way of the start or of the questions: a death like any other.
  auto ended = engine().wait_end(longest_wait_ms);
  INFO("seed " << seed_ << ", life " << lives_ << ", point " << kill.point << "\n" << outputs());
  REQUIRE(ended);
  REQUIRE(ended->signal == SIGKILL);
  REQUIRE(kill.when == Kill::When::at_point);
  points_.insert(kill.point);
}

void CrashCampaign::end_in_peace() {
  if (engine().running()) (void)engine().kill_now();
  ++lives_;
  start();
  require_ready(engine());
  REQUIRE(verify_and_settle());
  begin_load();
  pause_ms(200);
  auto ended = engine().terminate();
  stop_load();
  INFO("seed " << seed_ << "\n" << outputs());
  REQUIRE(ended);
  REQUIRE(ended->code == 0);
  start();
  require_ready(engine());
  CHECK_THAT(engine().output(), Catch::Contains("log replayed commands=0 "));
  REQUIRE(verify_and_settle());
  ended = engine().terminate();
  REQUIRE(ended);
  REQUIRE(ended->code == 0);
}

}  // namespace engram::test
