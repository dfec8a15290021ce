#pragma once
// One line on the terminal that tells how far a long job is.

#include <cstdint>
#include <cstdio>
#include <string>

#include "storage/base/clock.h"

namespace engram::import {

struct ProgressState {
  std::string what;                // the file at work
  std::uint64_t rows = 0;
  std::uint64_t done_bytes = 0;
  std::uint64_t total_bytes = 0;   // 0: unknown, and no share and no time left are shown
};

/// "routes.csv  [######----]  61 %  34,000,000 rows  612,000 rows/s  12 s left"
std::string progress_text(const ProgressState& state, std::int64_t elapsed_ns);

/// Draws the line over itself, ten times a second at most. `out` null: draws nothing.
class ProgressLine {
 public:
  ProgressLine(const Clock& clock, std::FILE* out) : clock_(clock), out_(out), started_ns_(clock.monotonic_ns()) {}
  ~ProgressLine() { clear(); }
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;

  /// Whether it is time to show something new: cheap enough for every thousand rows.
  [[nodiscard]] bool due() const { return out_ != nullptr && clock_.monotonic_ns() - drawn_ns_ >= 100'000'000; }
  void draw(const ProgressState& state);
  void clear();
  [[nodiscard]] std::int64_t elapsed_ns() const { return clock_.monotonic_ns() - started_ns_; }

 private:
  const Clock& clock_;
  std::FILE* out_;
  std::int64_t started_ns_;
  std::int64_t drawn_ns_ = 0;
  bool visible_ = false;
};

}  // namespace engram::import
