#pragma once
// Randomness that repeats.

#include <random>

#include "storage/base/random.h"

namespace engram::test {

class SeededRandom final : public Random {
 public:
  explicit SeededRandom(std::uint64_t seed) : generator_(seed) {}
  void fill(std::span<std::byte> out) override {
    for (std::byte& byte : out) byte = static_cast<std::byte>(generator_());
  }

 private:
  std::mt19937_64 generator_;
};

}  // namespace engram::test
