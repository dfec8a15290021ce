#pragma once
// One simulation from its seed to what is wrong with it.

#include <optional>
#include <string>

#include "tests/sim/sim_world.h"
#include "tests/support/temporary_directory.h"

namespace engram::test {

struct Simulated {
  std::string failure;  // empty: nothing is wrong
  std::uint64_t trace_hash = 0;
  SimTally tally;
};

inline Simulated simulate(std::uint64_t seed) {
  SimOptions options = SimOptions::of(seed);
  std::optional<TemporaryDirectory> warm;
  if (options.warm) warm.emplace();
  Simulated simulated;
  SimWorld world(options, warm ? warm->path() : std::string());
  try {
    world.run();
    for (const std::string& one : world.complaints()) simulated.failure += one + "\n";
  } catch (const std::exception& error) {
    simulated.failure = std::string(error.what()) + "\n";
  }
  if (!simulated.failure.empty()) simulated.failure = options.text() + "\n" + simulated.failure;
  simulated.trace_hash = world.trace_hash();
  simulated.tally = world.tally();
  return simulated;
}

}  // namespace engram::test
