#pragma once
// One call of a client of a simulated cluster: sent to a node, and sent again with the same bytes, to whatever node, until its
// answer is final or its attempts are over.

#include <functional>
#include <memory>
#include <vector>

#include "tests/sim/sim_node.h"

namespace engram::test {

/// All nodes, as a client sees them.
using SimNodes = std::vector<std::unique_ptr<SimNode>>;

struct SimRequest {
  PartitionId to;
  std::function<Mail(ReplyPortPtr, std::int64_t deadline_ns)> make;
  std::function<bool(const Frame& answer)> is_final;
  /// With the final answer, or with none when the attempts are over.
  std::function<void(const Frame* answer)> done;
  unsigned attempts = 4;  // 0: never gives up
};

class SimCall {
 public:
  SimCall(SimSurroundings& around, SimNodes& nodes, SimRequest request)
      : around_(around), nodes_(nodes), request_(std::move(request)) {}

  /// Sends, or looks for an answer. True: it is over, and `done` was called.
  bool step();

 private:
  class Port;
  void send();
  bool give_up();

  SimSurroundings& around_;
  SimNodes& nodes_;
  SimRequest request_;
  std::shared_ptr<Port> port_;
  unsigned attempts_ = 0;
  std::int64_t next_ns_ = 0;  // of the next attempt, or the end of this one
};

}  // namespace engram::test
