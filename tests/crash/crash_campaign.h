#pragma once
// A graph and its clients through many lives of the engine, or of the engines of a cluster, of which one dies at a time.

#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "tests/support/engine_process.h"
#include "tests/crash/load_worker.h"
#include "tests/support/temporary_directory.h"

namespace engram::test {

struct CampaignOptions {
  std::uint64_t seed = 1;
  unsigned workers = 4;
  std::vector<std::string> flags;
  std::string data_dir = {};            // empty: in a temporary directory
  std::uint64_t max_file_bytes = 0;     // see EngineSetup
  unsigned nodes = 1;
};

/// Where an engine is to be killed.
struct Kill {
  enum class When { at_point, under_load, while_starting } when = When::under_load;
  std::string point = {};   // NAME of a failpoint
  int times = 1;            // when it is reached so often
};

/// Fails the Catch2 test at the first thing that is wrong, with the seed in the message.
class CrashCampaign {
 public:
  explicit CrashCampaign(const CampaignOptions& options);

  /// Which node the next life is about; 0 at first.
  void choose(unsigned node);
  /// One life of its engine: start, look whether everything is right, load, death.
  void live_and_die(const Kill& kill);
  /// SIGTERM under load; the next start has nothing to replay, and everything is there. The engine is stopped then.
  void end_in_peace();

  [[nodiscard]] unsigned kills() const { return kills_; }
  /// The failpoints that did kill an engine.
  [[nodiscard]] const std::set<std::string>& points() const { return points_; }
  Ledger& ledger() { return ledger_; }
  [[nodiscard]] const EngineSetup& setup() const { return nodes_[chosen_].setup; }

  // The parts of a life, for tests that need them one by one. --------------------------------------------------------
  void start(const std::vector<std::string>& environment = {});
  EngineProcess& engine() { return *nodes_[chosen_].engine; }
  /// False: the engine ended meanwhile. Else the graph is what the ledger says, and nothing is pending any more.
  bool verify_and_settle();
  void begin_load();
  void stop_load();

 private:
  void create_hubs();
  bool wait_idle();
  bool wait_quiet();
  std::optional<GraphState> read();
  void require_no_problems(std::vector<std::string> problems);
  void load_until_death(const Kill& kill);
  void verify_offline();

  struct NodeProcess {
    EngineSetup setup;
    std::unique_ptr<EngineProcess> engine;
  };
  [[nodiscard]] EngineSetup setup_of(const CampaignOptions& options, unsigned node);
  void start_node(NodeProcess& node, const std::vector<std::string>& environment);
  [[nodiscard]] bool all_running();
  [[nodiscard]] std::string outputs() const;

  TemporaryDirectory directory_;
  std::vector<NodeProcess> nodes_;
  unsigned chosen_ = 0;
  std::uint64_t seed_;
  std::mt19937_64 random_;
  Ledger ledger_;
  std::vector<std::unique_ptr<LoadWorker>> workers_;
  unsigned kills_ = 0, lives_ = 0;
  std::set<std::string> points_;
};

}  // namespace engram::test
