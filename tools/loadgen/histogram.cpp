#include "tools/loadgen/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>

namespace engram::loadgen {

namespace {

// Values below 2^11 have a bucket each. Above, every power of two is cut into 2^10 buckets.
constexpr unsigned linear_bits = 11;
constexpr std::uint64_t per_octave = std::uint64_t{1} << (linear_bits - 1);

std::size_t bucket_of(std::uint64_t value) {
  if (value < 2 * per_octave) return value;
  unsigned shift = static_cast<unsigned>(std::bit_width(value)) - linear_bits;
  return shift * per_octave + (value >> shift);
}

/// The highest value that falls into the bucket.
std::uint64_t highest_of(std::size_t bucket) {
  if (bucket < 2 * per_octave) return bucket;
  unsigned shift = static_cast<unsigned>(bucket / per_octave) - 1;
  std::uint64_t top = bucket - shift * per_octave;
  return ((top + 1) << shift) - 1;
}

}  // namespace

Histogram::Histogram() : counts_(bucket_of(highest) + 1) {}

void Histogram::record(std::uint64_t value) {
  value = std::min(value, highest);
  ++counts_[bucket_of(value)];
  ++count_;
  max_ = std::max(max_, value);
  sum_ += static_cast<double>(value);
}

void Histogram::merge(const Histogram& other) {
  for (std::size_t i = 0; i < counts_.size(); ++i) counts_[i] += other.counts_[i];
  count_ += other.count_;
  max_ = std::max(max_, other.max_);
  sum_ += other.sum_;
}

double Histogram::mean() const { return count_ == 0 ? 0 : sum_ / static_cast<double>(count_); }

std::uint64_t Histogram::at(double quantile) const {
  if (count_ == 0) return 0;
  auto wanted = static_cast<std::uint64_t>(std::ceil(quantile * static_cast<double>(count_)));
  wanted = std::clamp<std::uint64_t>(wanted, 1, count_);
  std::uint64_t seen = 0;
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    seen += counts_[i];
    if (seen >= wanted) return std::min(highest_of(i), max_);
  }
  return max_;
}

}  // namespace engram::loadgen
