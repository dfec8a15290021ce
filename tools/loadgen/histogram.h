#pragma once
// Latencies at a fixed relative precision, whatever their range: log-linear buckets, the idea of Gil Tene's HdrHistogram.

#include <cstdint>
#include <vector>

namespace engram::loadgen {

/// Counts values (nanoseconds) to three significant digits: a value that is read back is at most 0.1 % above the recorded
/// one. Recording is a few instructions, and merging adds up, so that every thread has its own. Not thread-safe.
class Histogram {
 public:
  Histogram();

  /// Values over `highest` count as `highest`.
  void record(std::uint64_t value);
  void merge(const Histogram& other);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] std::uint64_t max() const { return max_; }
  [[nodiscard]] double mean() const;
  /// The value that a share `quantile` (0 to 1) of all values does not exceed; 0 if nothing was recorded.
  [[nodiscard]] std::uint64_t at(double quantile) const;

  static constexpr std::uint64_t highest = (std::uint64_t{1} << 42) - 1;  // over an hour, in nanoseconds

 private:
  std::vector<std::uint64_t> counts_;
  std::uint64_t count_ = 0;
  std::uint64_t max_ = 0;
  double sum_ = 0;
};

}  // namespace engram::loadgen
