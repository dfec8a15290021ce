#pragma once
// What a seed makes of a simulation: printed with every failure, and drawn anew from the seed.

#include <cstdint>
#include <random>
#include <string>

namespace engram::test {

using SimRandom = std::mt19937_64;

inline bool one_in(SimRandom& random, std::uint64_t count) { return random() % count == 0; }

struct SimOptions {
  std::uint64_t seed = 0;
  unsigned nodes = 3;
  unsigned partitions = 6;
  unsigned clients = 3;
  unsigned calls = 24;  // of each client
  bool warm = false;    // LMDB behind the partitions, and so write-backs and a log that is trimmed
  // Of 10,000 steps:
  unsigned cuts = 60;          // a connection breaks, with what is on it
  unsigned losses = 10;        // a packet is lost, comes twice, or before another
  unsigned crashes = 20;       // a node's process ends; half of them with the power
  unsigned stops = 8;          // a node ends cleanly
  unsigned full_disks = 10;    // for a while
  unsigned torn_writes = 20;   // the power goes in the middle of a write or a sync
  unsigned flips = 30;         // of 100 starts: a bit of what is on the disk is another one
  unsigned small_parts = 0;    // bytes of a packet's payload; 0: as always

  static SimOptions of(std::uint64_t seed) {
    SimRandom random(seed * 0x9e3779b97f4a7c15ULL + 1);
    SimOptions options;
    options.seed = seed;
    options.nodes = 1 + static_cast<unsigned>(random() % 4);
    options.partitions = options.nodes + static_cast<unsigned>(random() % 6);
    options.clients = 2 + static_cast<unsigned>(random() % 3);
    options.calls = 10 + static_cast<unsigned>(random() % 20);
    options.warm = one_in(random, 16);
    auto rate = [&](unsigned usual) {  // none, usual, or wild
      auto dice = random() % 4;
      return dice == 0 ? 0 : dice == 1 ? usual * 4 : usual;
    };
    options.cuts = rate(60);
    options.losses = rate(10);
    options.crashes = rate(20);
    options.stops = rate(8);
    options.full_disks = rate(10);
    options.torn_writes = rate(20);
    options.flips = rate(15);
    options.small_parts = one_in(random, 4) ? 16 + static_cast<unsigned>(random() % 200) : 0;
    return options;
  }
  [[nodiscard]] std::string text() const {
    return "seed " + std::to_string(seed) + ": " + std::to_string(nodes) + " nodes, " + std::to_string(partitions) +
           " partitions, " + std::to_string(clients) + " clients with " + std::to_string(calls) + " calls" +
           (warm ? ", warm stores" : "") + ", cuts " + std::to_string(cuts) + ", losses " + std::to_string(losses) +
           ", crashes " + std::to_string(crashes) + ", stops " + std::to_string(stops) + ", full disks " +
           std::to_string(full_disks) + ", torn writes " + std::to_string(torn_writes) + ", flips " + std::to_string(flips) +
           ", parts of " + std::to_string(small_parts);
  }
};

}  // namespace engram::test
