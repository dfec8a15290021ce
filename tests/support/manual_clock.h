#pragma once
// A clock that moves when a test says so.

#include <atomic>

#include "storage/base/clock.h"

namespace engram::test {

class ManualClock final : public Clock {
 public:
  [[nodiscard]] std::int64_t wall_ns() const override { return wall_ns_; }
  [[nodiscard]] std::int64_t monotonic_ns() const override { return monotonic_ns_; }
  void advance_ms(std::int64_t duration_ms) {
    wall_ns_ += duration_ms * 1'000'000;
    monotonic_ns_ += duration_ms * 1'000'000;
  }

 private:
  std::atomic<std::int64_t> wall_ns_{1'769'854'830'123'456'789};  // 2026-01-31T10:20:30.123456789Z
  std::atomic<std::int64_t> monotonic_ns_{1'000'000'000};
};

}  // namespace engram::test
