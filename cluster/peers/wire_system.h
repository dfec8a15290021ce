#pragma once
// The actor system that connections to other nodes live in, apart from that of the engine.

#include <chrono>
#include <cstdint>
#include <memory>

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/io/network/default_multiplexer.hpp>

namespace engram {

/// Threads: the middleman's, which does all the work, and those that CAF has anyway (a worker, its clock, its printer).
class WireSystem {
 public:
  /// `busy_poll`: see WireLoop.
  explicit WireSystem(std::chrono::nanoseconds busy_poll);
  /// Waits for all actors: they have to be ending.
  ~WireSystem() = default;

  caf::actor_system& actors() { return *system_; }
  caf::io::network::default_multiplexer& loop();

 private:
  caf::actor_system_config config_;
  std::unique_ptr<caf::actor_system> system_;
};

}  // namespace engram
