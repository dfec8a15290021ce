#pragma once
// The event loop of the connections to other nodes: CAF's, which any one thread at a time can run.
//
// A gateway's loop that has asked another node, and is looking for more work before it sleeps, runs this loop meanwhile: its
// question goes out and its answer comes in without waking the wire's thread, twice each. Waking a thread costs more than all
// that is done for a small read.

#include <condition_variable>
#include <memory>
#include <mutex>

#include <caf/io/network/default_multiplexer.hpp>

#include "actors/runtime/shared_loop.h"

namespace engram {

class WireLoop final : public caf::io::network::default_multiplexer {
 public:
  explicit WireLoop(caf::actor_system* system);

  /// What the loop's own thread does, until the loop has nothing to look at any more.
  void run() override;
  /// May outlive the loop: then there is nothing to do.
  [[nodiscard]] std::shared_ptr<SharedLoop> lease() const;

 private:
  class Lease;
  std::shared_ptr<Lease> lease_;
};

}  // namespace engram
