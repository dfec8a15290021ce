#pragma once
// CAF's event loop, which looks for more work before it sleeps.

#include <chrono>

#include <caf/io/network/default_multiplexer.hpp>

namespace engram {

class WireLoop final : public caf::io::network::default_multiplexer {
 public:
  /// Where work comes right behind work, the last no longer ago than `busy_poll`, it looks for more for as long before it
  /// sleeps, and lets other threads go first. 0: it sleeps at once.
  WireLoop(caf::actor_system& system, std::chrono::nanoseconds busy_poll);

  void run() override;

 private:
  using Clock = std::chrono::steady_clock;

  void stay_awake(Clock::time_point last_work);

  std::chrono::nanoseconds busy_poll_;
};

}  // namespace engram
