#include "tests/chaos/cluster.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <map>
#include <utility>

#include "tests/support/run_program.h"

namespace engram::test {
namespace {

constexpr const char* peer_port = ":9472";
constexpr std::size_t most_output = 3000;

// Small and quick, so that faults meet write-backs and new segments too.
const std::vector<std::string> usual_settings = {
    "ENGRAM_LOG_SEGMENT_BYTES=1MiB",          "ENGRAM_LOG_SPARE_SEGMENTS=1",         "ENGRAM_HOT_BYTES=64MiB",
    "ENGRAM_WARM_WRITE_BACK_AFTER_MS=500ms",  "ENGRAM_WARM_INITIAL_MAP_BYTES=16MiB",
};

std::string name_of(unsigned node) { return "engram-" + std::to_string(node); }

void require_run(const std::vector<std::string>& words) {
  Ran ran = run_program(words);
  INFO(ran.output << ran.errors);
  REQUIRE(ran.exit_code == 0);
}

}  // namespace

bool can_shift_clocks() {
#ifdef ENGRAM_BUILT_WITH_SANITIZERS
  return !is_default_binary();
#else
  return true;
#endif
}

std::vector<std::string> shifted_clock(const std::string& offset) {
  return {"LD_PRELOAD=/usr/$LIB/faketime/libfaketimeMT.so.1", "FAKETIME=" + offset, "FAKETIME_DONT_FAKE_MONOTONIC=1",
          "NO_FAKE_STAT=1"};
}

ChaosCluster::ChaosCluster() : network_(nodes + 1) {
  make_certificates();
  for (unsigned i = 0; i < nodes; ++i) nodes_.push_back({setup_of(i), i, nullptr});
  for (unsigned i = 0; i < nodes; ++i) set_host(i, i);
  for (unsigned i = 0; i < nodes; ++i) start(i);
  for (unsigned i = 0; i < nodes; ++i) require_ready(i);
}

/// Yesterday: to a node whose clock is behind, a certificate of today may not be valid yet, and it would be cut off rightly.
void ChaosCluster::make_certificates() {
  std::vector<std::string> yesterday{"env"};
  if (can_shift_clocks())
    for (std::string& one : shifted_clock("-1d")) yesterday.push_back(std::move(one));
  auto certs = [&](std::vector<std::string> words) {
    words.insert(words.begin(), yesterday.begin(), yesterday.end());
    require_run(words);
  };
  certs({engine_binary(), "certs", "init", directory_ / "certs"});
  certs({engine_binary(), "certs", "node", directory_ / "certs", "--nodes", std::to_string(nodes)});
}

EngineSetup ChaosCluster::setup_of(unsigned node) const {
  std::string name = name_of(node), peers, certificates = directory_ / "certs/";
  for (unsigned i = 0; i < nodes; ++i) peers += (i == 0 ? "" : ",") + name_of(i) + peer_port;
  EngineSetup setup;
  setup.data_dir = directory_ / ("data-" + std::to_string(node));
  setup.socket = directory_ / ("socket-" + std::to_string(node));
  setup.output = directory_ / ("output-" + std::to_string(node));
  setup.flags = {"--cluster-nodes",       std::to_string(nodes),
                 "--cluster-partitions",  "6",
                 "--node-name",           name,
                 "--cluster-peers",       peers,
                 "--cluster-certificate", certificates + name + ".pem",
                 "--cluster-key",         certificates + name + ".key",
                 "--cluster-ca",          certificates + "ca.pem",
                 "--cluster-address",     {}};
  return setup;
}

void ChaosCluster::set_host(unsigned node, unsigned host) {
  nodes_[node].host = host;
  nodes_[node].setup.inside = network_.inside(host);
  nodes_[node].setup.flags.back() = network_.address(host) + peer_port;
  std::map<std::string, unsigned> hosts;
  for (unsigned i = 0; i < nodes; ++i) hosts[name_of(i)] = nodes_[i].host;
  network_.set_names(hosts);
}

std::vector<std::string> ChaosCluster::servers() const {
  std::vector<std::string> all;
  for (const Node& node : nodes_) all.push_back(node.setup.server());
  return all;
}

std::string ChaosCluster::outputs() const {
  std::string all;
  for (const Node& node : nodes_) {
    if (node.engine == nullptr) continue;
    std::string printed = node.engine->output();
    if (printed.size() > most_output) printed = "..." + printed.substr(printed.size() - most_output);
    all += node.setup.data_dir + ":\n" + printed + "\n";
  }
  return all;
}

void ChaosCluster::isolate(unsigned node) {
  for (unsigned other = 0; other < nodes; ++other)
    if (other != node) cut(node, other);
}

void ChaosCluster::start(unsigned node, std::vector<std::string> environment) {
  Node& one = nodes_[node];
  one.engine.reset();
  one.setup.environment = usual_settings;
  std::move(environment.begin(), environment.end(), std::back_inserter(one.setup.environment));
  one.engine = std::make_unique<EngineProcess>(one.setup);
}

void ChaosCluster::require_ready(unsigned node) {
  bool ready = nodes_[node].engine->wait_ready();
  INFO("node " << node << "\n" << outputs());
  REQUIRE(ready);
}

void ChaosCluster::stop(unsigned node) {
  auto ended = nodes_[node].engine->terminate();
  INFO("node " << node << "\n" << outputs());
  REQUIRE(ended);
  REQUIRE(ended->exit_code() == 0);
}

void ChaosCluster::pause(unsigned node) const { nodes_[node].engine->send_signal(SIGSTOP); }
void ChaosCluster::go_on(unsigned node) const { nodes_[node].engine->send_signal(SIGCONT); }

std::unique_ptr<EngineProcess> ChaosCluster::start_copy(unsigned node) {
  Node& one = nodes_[node];
  std::string suffix = "-copy-" + std::to_string(++copies_), volume = one.setup.data_dir;
  one.setup.data_dir = directory_ / ("data-" + std::to_string(node) + suffix);
  one.setup.socket = directory_ / ("socket-" + std::to_string(node) + suffix);
  one.setup.output = directory_ / ("output-" + std::to_string(node) + suffix);
  std::filesystem::copy(volume, one.setup.data_dir, std::filesystem::copy_options::recursive);
  move(node);
  std::unique_ptr<EngineProcess> older = std::move(one.engine);
  start(node);
  return older;
}

void ChaosCluster::move(unsigned node) {
  set_host(node, std::exchange(spare_host_, nodes_[node].host));
}

void ChaosCluster::verify_offline() {
  for (const Node& node : nodes_) {
    Ran ran = run_program({node.setup.binary, "verify", "--data-dir", node.setup.data_dir});
    INFO(node.setup.data_dir << "\n" << ran.output << ran.errors);
    CHECK(ran.exit_code == 0);
    CHECK_THAT(ran.output, Catch::Contains("all is well"));
  }
}

}  // namespace engram::test
