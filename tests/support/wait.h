#pragma once
// Waiting for what has to come. The bound is for what never comes: a machine that tests may be slow, and have much to do.

#include <chrono>
#include <cstdint>
#include <functional>
#include <thread>

namespace engram::test {

constexpr std::chrono::minutes longest_wait{2};
constexpr int longest_wait_ms = static_cast<int>(std::chrono::milliseconds(longest_wait).count());

inline void pause_ms(std::int64_t duration_ms) { std::this_thread::sleep_for(std::chrono::milliseconds(duration_ms)); }

/// Whether it holds within `longest_wait`. Asked again after each pause.
inline bool comes_true(const std::function<bool()>& holds, std::int64_t between_ms = 2) {
  const auto last = std::chrono::steady_clock::now() + longest_wait;
  while (!holds()) {
    if (std::chrono::steady_clock::now() > last) return false;
    pause_ms(between_ms);
  }
  return true;
}

}  // namespace engram::test
