#pragma once
// Time enters through this interface, so that a whole engine can run under a simulated clock.

#include <cstdint>

namespace engram {

class Clock {
 public:
  virtual ~Clock() = default;
  /// Nanoseconds since the Unix epoch, UTC. May jump; only stamps, never safety, rest on it.
  [[nodiscard]] virtual std::int64_t wall_ns() const = 0;
  /// Nanoseconds since some start, never going back.
  [[nodiscard]] virtual std::int64_t monotonic_ns() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t wall_ns() const override;
  [[nodiscard]] std::int64_t monotonic_ns() const override;
};

}  // namespace engram
