// Whole clusters under seeds. A seed that fails is printed with all its options, and gives the same again:
//
//   ENGRAM_SIM_SEED=4711 test_simulation           this seed alone; with ENGRAM_SIM_TRACE=1 every event is printed
//   ENGRAM_SIM_FIRST=1 ENGRAM_SIM_SEEDS=100000 test_simulation
//
// With sanitizers it runs few of them; tools/test runs two thousand more in the preset `simulation`.

#include <catch2/catch.hpp>

#include <cstdlib>

#include "tests/sim/simulate.h"

using namespace engram;
using namespace engram::test;

namespace {

constexpr std::uint64_t usual_seeds = 120;

std::uint64_t number_from(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): one thread
  return text == nullptr ? otherwise : std::strtoull(text, nullptr, 10);
}

void add(SimTally& sum, const SimTally& one) {
  for (auto member : {&SimTally::kills, &SimTally::power_cuts, &SimTally::stops, &SimTally::torn_writes, &SimTally::flips_found,
                      &SimTally::flips_harmless, &SimTally::full_disks, &SimTally::broken_connections, &SimTally::ok,
                      &SimTally::failed, &SimTally::unknown, &SimTally::reads, &SimTally::steps})
    sum.*member += one.*member;
}

}  // namespace

TEST_CASE("clusters keep their promises under every seed") {
  std::uint64_t only = number_from("ENGRAM_SIM_SEED", 0);
  std::uint64_t first = only != 0 ? only : number_from("ENGRAM_SIM_FIRST", 1);
  std::uint64_t seeds = only != 0 ? 1 : number_from("ENGRAM_SIM_SEEDS", usual_seeds);
  SimTally sum;
  for (std::uint64_t seed = first; seed < first + seeds; ++seed) {
    Simulated simulated = simulate(seed);
    add(sum, simulated.tally);
    if (!simulated.failure.empty()) FAIL_CHECK(simulated.failure << "again with ENGRAM_SIM_SEED=" << seed);
  }
  WARN(seeds << " seeds from " << first << ": " << sum.steps << " steps, " << sum.ok << " changes acknowledged, " << sum.failed
             << " refused, " << sum.unknown << " open, " << sum.reads << " reads; " << sum.kills << " kills, " << sum.power_cuts
             << " power cuts (" << sum.torn_writes << " in a write), " << sum.stops << " stops, " << sum.full_disks
             << " full disks, " << sum.broken_connections << " connections broken off, " << sum.flips_found
             << " flipped bits found, " << sum.flips_harmless << " without effect");
  if (seeds < 100) return;
  for (std::uint64_t seen : {sum.kills, sum.power_cuts, sum.torn_writes, sum.stops, sum.full_disks, sum.broken_connections,
                             sum.flips_found, sum.unknown, sum.failed})
    CHECK(seen > 0);
}

TEST_CASE("a seed gives the same history twice, event by event") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    INFO("seed " << seed);
    std::uint64_t first = simulate(seed).trace_hash;
    CHECK(first == simulate(seed).trace_hash);
    CHECK(first != simulate(seed + 1'000'000).trace_hash);
  }
}
