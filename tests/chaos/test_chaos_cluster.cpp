// Three real engines on hosts of their own, under load all the while, and one fault after the other: the network cut in both or
// in one direction, processes stopped, killed and restarted, clocks shifted, volumes copied or lost. What clients were told is
// checked as a whole (tests/history), and after each fault there is progress within a stated time.
//
// ENGRAM_CHAOS_SECONDS=600 runs for longer, ENGRAM_CHAOS_SEED=... makes another plan, ENGRAM_CHAOS_FAULTS="kill,clock ahead" takes
// these kinds only, ENGRAM_CHAOS_PROGRESS_SECONDS=15 is stricter than a busy machine allows. Seed, plan and times are printed.

#include <catch2/catch.hpp>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <sstream>
#include <thread>

#include "tests/chaos/nemesis.h"
#include "tests/support/quiet_watch.h"
#include "tests/support/run_program.h"
#include "tests/support/skip.h"
#include "tests/support/wait.h"

using namespace engram;
using namespace engram::test;

namespace {

using Clock = std::chrono::steady_clock;
constexpr unsigned clients = 6;

std::int64_t elapsed_ms(Clock::time_point since) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - since).count();
}

/// Whether a kind of faults is possible and wanted.
bool wanted(Fault fault) {
  if (!can_shift_clocks() && (fault == Fault::clock_ahead || fault == Fault::clock_behind)) return false;
  const char* list = std::getenv("ENGRAM_CHAOS_FAULTS");
  if (list == nullptr || *list == '\0') return true;
  return ("," + std::string(list) + ",").find("," + std::string(name_of(fault)) + ",") != std::string::npos;
}

/// What clients gave up may still be under way.
void wait_until_settled(const ChaosCluster& cluster) {
  QuietWatch watch(cluster.servers());
  INFO(cluster.outputs());
  REQUIRE(comes_true([&] { return watch.look(); }, 1000));
}

void require_none(const history::Anomalies& anomalies) {
  constexpr std::size_t most = 10;
  std::string text;
  for (std::size_t i = 0; i < std::min(most, anomalies.size()); ++i)
    text += anomalies[i].kind + ": " + anomalies[i].text + "\n";
  INFO(anomalies.size() << " anomalies:\n" << text);
  REQUIRE(anomalies.empty());
}

std::string summary(const Histories& histories) {
  Counts counts = count_operations(histories);
  std::ostringstream text;
  text << counts.ok << " changes acknowledged, " << counts.failed << " refused, " << counts.unknown
       << " without an answer, " << counts.reads << " reads";
  return text.str();
}

}  // namespace

TEST_CASE("one fault after the other under load: every history can be true, and there is progress after each", "[faults]") {
  if (std::string obstacle = Network::obstacle(); !obstacle.empty()) return skip_case(obstacle);
  std::uint64_t seed = number_from("ENGRAM_CHAOS_SEED", 11);
  std::int64_t least_ms = 1000 * static_cast<std::int64_t>(number_from("ENGRAM_CHAOS_SECONDS", 0));
  std::mt19937_64 random(seed);
  ChaosCluster cluster;
  Load load("main", cluster.servers(), clients, random());
  Nemesis nemesis(cluster, load, random);
  std::string did = "seed " + std::to_string(seed) + "\n";
  auto began = Clock::now();
  unsigned faults = 0;
  load.begin();
  do {
    for (Fault fault : plan_of_faults(random)) {
      if (!wanted(fault)) continue;
      INFO(did << "now: " << name_of(fault) << "\n" << cluster.outputs());
      auto fault_began = Clock::now();
      nemesis.apply(fault);
      std::int64_t lasted_ms = elapsed_ms(fault_began), progress_ms = nemesis.wait_for_progress();
      ++faults;
      did += std::string(name_of(fault)) + ": " + std::to_string(lasted_ms) + " ms, progress after " +
             std::to_string(progress_ms) + " ms\n";
    }
  } while (elapsed_ms(began) < least_ms);
  load.stop();
  wait_until_settled(cluster);
  Histories histories = load.finish(cluster.server(static_cast<unsigned>(random() % ChaosCluster::nodes)));
  WARN(did << faults << " faults in " << elapsed_ms(began) / 1000 << " s; " << summary(histories));
  CHECK(count_operations(histories).ok > 20 * faults);  // else it says nothing
  require_none(check_all(histories));
  for (unsigned node = 0; node < ChaosCluster::nodes; ++node) cluster.stop(node);
  cluster.verify_offline();
}

namespace {

/// Inserts into the partitions of some nodes: what must be there whatever happens to the volumes of the others.
class Inserts {
 public:
  Inserts(const ChaosCluster& cluster, unsigned lost_node)
      : server_(cluster.server(0)), lost_node_(lost_node), thread_([this] { run(); }) {}
  ~Inserts() { stop(); }
  void stop() {
    stopping_ = true;
    if (thread_.joinable()) thread_.join();
  }
  [[nodiscard]] std::size_t acknowledged() const { return acknowledged_; }
  /// What was acknowledged and is not there.
  std::vector<std::string> missing(client::Client& client) const {
    std::vector<std::string> all;
    for (const std::string& key : keys_)
      if (auto vertex = client.get(key); !vertex.ok()) all.push_back(key + ": " + vertex.status().message());
    return all;
  }

 private:
  void run() {
    client::Options options;
    options.server = server_;
    auto client = client::Client::connect(options);
    for (int i = 0; client.ok() && !stopping_; ++i) {
      std::string key = "kept/" + std::to_string(i);
      if (client->owner_of(key).value % ChaosCluster::nodes == lost_node_) continue;
      client::Batch batch;
      if (!client->submit(batch.put_vertex(key, {.mode = client::PutMode::create})).committed()) continue;
      keys_.push_back(key);
      ++acknowledged_;
    }
  }

  std::string server_;
  unsigned lost_node_;
  std::vector<std::string> keys_;
  std::atomic<std::size_t> acknowledged_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace

TEST_CASE("an empty volume is refused until the others forget the old one; what they have stays, and all works again",
          "[volume]") {
  if (std::string obstacle = Network::obstacle(); !obstacle.empty()) return skip_case(obstacle);
  constexpr unsigned lost = 1;
  ChaosCluster cluster;
  Inserts inserts(cluster, lost);
  REQUIRE(comes_true([&] { return inserts.acknowledged() > 10; }));
  cluster.kill(lost);
  std::filesystem::remove_all(cluster.setup(lost).data_dir);
  std::string refused = refused_start(cluster.setup(lost));
  CHECK_THAT(refused, Catch::Contains("forget-volume"));
  CHECK(!std::filesystem::exists(cluster.setup(lost).data_dir + "/NODE"));
  auto others_go_on = [&] {
    std::size_t before = inserts.acknowledged();
    return comes_true([&] { return inserts.acknowledged() > before + 1; });  // the first may have been on its way
  };
  CHECK(others_go_on());

  for (unsigned node = 0; node < ChaosCluster::nodes; ++node) {
    if (node == lost) continue;
    Ran ran = run_program({engine_binary(), "cluster", "forget-volume", std::to_string(lost), "--server",
                           cluster.server(node)});
    INFO(ran.output << ran.errors);
    REQUIRE(ran.exit_code == 0);
  }
  cluster.start(lost);
  cluster.require_ready(lost);
  CHECK(others_go_on());

  // A load that begins now meets nothing of what was lost, and everything is promised again.
  std::mt19937_64 random(number_from("ENGRAM_CHAOS_SEED", 11));
  Load load("again", cluster.servers(), clients, random());
  Nemesis nemesis(cluster, load, random);
  load.begin();
  pause_ms(2000);
  nemesis.apply(Fault::kill);
  (void)nemesis.wait_for_progress();
  load.stop();
  inserts.stop();
  wait_until_settled(cluster);
  Histories histories = load.finish(cluster.server(lost));
  require_none(check_all(histories));
  client::Client client = connect_to(cluster.server(lost));
  CHECK(inserts.missing(client) == std::vector<std::string>());
  WARN(inserts.acknowledged() << " inserts kept; " << summary(histories));
}
