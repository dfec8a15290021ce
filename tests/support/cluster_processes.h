#pragma once
// Several engines as children of the test: one cluster, each with a directory and a socket of its own.

#include <catch2/catch.hpp>

#include <memory>
#include <string>
#include <vector>

#include "tests/support/cluster_flags.h"
#include "tests/support/engine_process.h"
#include "tests/support/patient_client.h"
#include "tests/support/temporary_directory.h"

namespace engram::test {

class ClusterProcesses {
 public:
  explicit ClusterProcesses(unsigned nodes, std::vector<std::string> flags = {"--cluster-partitions", "6"}) {
    for (unsigned node = 0; node < nodes; ++node) {
      EngineSetup setup;
      setup.data_dir = directory_ / ("data-" + std::to_string(node));
      setup.socket = directory_ / ("socket-" + std::to_string(node));
      setup.output = directory_ / ("output-" + std::to_string(node));
      setup.flags = flags;
      setup.environment = {"ENGRAM_HOT_BYTES=64MiB", "ENGRAM_WARM_INITIAL_MAP_BYTES=16MiB",
                           "ENGRAM_LOG_SEGMENT_BYTES=4MiB", "ENGRAM_LOG_SPARE_SEGMENTS=1"};
      for (std::string& flag : cluster_flags(node, nodes)) setup.flags.push_back(std::move(flag));
      setups_.push_back(std::move(setup));
    }
    engines_.resize(nodes);
  }

  void start(unsigned node) { engines_[node] = std::make_unique<EngineProcess>(setups_[node]); }
  void start_all() {
    for (unsigned node = 0; node < nodes(); ++node) start(node);
    for (unsigned node = 0; node < nodes(); ++node) require_ready(node);
  }
  void require_ready(unsigned node) {
    bool ready = engine(node).wait_ready();
    INFO(outputs());
    REQUIRE(ready);
  }
  /// SIGTERM, and its end with exit code 0.
  void stop(unsigned node) {
    auto ended = engine(node).terminate();
    INFO(outputs());
    REQUIRE(ended);
    REQUIRE(ended->code == 0);
  }

  [[nodiscard]] unsigned nodes() const { return static_cast<unsigned>(setups_.size()); }
  EngineProcess& engine(unsigned node) { return *engines_[node]; }
  EngineSetup& setup(unsigned node) { return setups_[node]; }
  [[nodiscard]] std::string server(unsigned node) const { return setups_[node].server(); }
  /// All of them, as clients name them.
  [[nodiscard]] std::string servers() const {
    std::string all;
    for (const EngineSetup& setup : setups_) all += (all.empty() ? "" : ",") + setup.server();
    return all;
  }
  [[nodiscard]] client::Client connect(const std::string& servers) const {
    INFO(outputs());
    return connect_patiently(servers);
  }
  /// What all have printed.
  [[nodiscard]] std::string outputs() const {
    std::string all;
    for (const auto& engine : engines_)
      if (engine != nullptr) all += engine->setup().data_dir + ":\n" + engine->output() + "\n";
    return all;
  }

 private:
  TemporaryDirectory directory_;
  std::vector<EngineSetup> setups_;
  std::vector<std::unique_ptr<EngineProcess>> engines_;
};

}  // namespace engram::test
