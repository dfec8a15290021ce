#pragma once
// Randomness enters through this interface, so that a whole engine can run under a seed.

#include <cstddef>
#include <cstdint>
#include <span>

namespace engram {

class Random {
 public:
  virtual ~Random() = default;
  /// Fills all of `out`.
  virtual void fill(std::span<std::byte> out) = 0;

  std::uint64_t next64();
};

/// The kernel's generator (getrandom), fit for keys and tokens. Thread-safe. Stops the process if the kernel has none:
/// a guessable token is worse than no engine.
class SystemRandom final : public Random {
 public:
  void fill(std::span<std::byte> out) override;
};

}  // namespace engram
