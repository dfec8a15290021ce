#pragma once
// A cluster of real engines, each on a host of its own: what a test may do to them.

#include <memory>
#include <string>
#include <vector>

#include "tests/support/engine_process.h"
#include "tests/support/network.h"
#include "tests/support/temporary_directory.h"

namespace engram::test {

/// False: the engine has sanitizers, whose library and libfaketime wait for each other when they are loaded.
bool can_shift_clocks();
/// What has a program see another time of day; its monotonic clock goes on as it does. "+2h", "-1d".
std::vector<std::string> shifted_clock(const std::string& offset);

/// Clients come by Unix sockets: faults of the network are between nodes, and what a client is told is known. Between nodes there
/// is TLS, since their addresses are not loopback; they call each other by their names.
class ChaosCluster {
 public:
  static constexpr unsigned nodes = 3;

  /// Starts them; they are ready.
  ChaosCluster();

  [[nodiscard]] std::string server(unsigned node) const { return nodes_[node].setup.server(); }
  [[nodiscard]] std::vector<std::string> servers() const;
  [[nodiscard]] bool running(unsigned node) { return nodes_[node].engine->running(); }
  /// What all have printed since their last start: the last lines of each.
  [[nodiscard]] std::string outputs() const;
  EngineSetup& setup(unsigned node) { return nodes_[node].setup; }

  // --- The network between nodes
  void isolate(unsigned node);
  void cut(unsigned one, unsigned other) { network_.cut(nodes_[one].host, nodes_[other].host); }
  void cut_one_way(unsigned from, unsigned to) { network_.cut_one_way(nodes_[from].host, nodes_[to].host); }
  void heal() { network_.heal(); }

  // --- Processes
  /// `environment` is in addition to what all have. Does not wait.
  void start(unsigned node, std::vector<std::string> environment = {});
  void require_ready(unsigned node);
  void kill(unsigned node) { (void)nodes_[node].engine->kill_now(); }
  /// SIGTERM, and its end with exit code 0.
  void stop(unsigned node);
  void pause(unsigned node) const;
  void go_on(unsigned node) const;

  // --- Volumes
  /// A second process with a copy of the volume of a node, which has to be paused: nothing that it acknowledged is missing in the
  /// copy. The copy runs on a host of its own, where the node's name leads from now on, and is what all functions mean by this
  /// node. The old process is returned.
  std::unique_ptr<EngineProcess> start_copy(unsigned node);
  /// A node that does not run gets the address that no other has: its name leads there from now on.
  void move(unsigned node);

  /// `engram verify` of all volumes; all have to be stopped.
  void verify_offline();

 private:
  struct Node {
    EngineSetup setup;
    unsigned host = 0;
    std::unique_ptr<EngineProcess> engine;
  };
  void make_certificates();
  [[nodiscard]] EngineSetup setup_of(unsigned node) const;
  void set_host(unsigned node, unsigned host);

  TemporaryDirectory directory_;
  Network network_;
  std::vector<Node> nodes_;
  unsigned spare_host_ = nodes;
  unsigned copies_ = 0;
};

}  // namespace engram::test
