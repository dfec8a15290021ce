// The histogram keeps three digits over the whole range, and answers as sorting all values would.

#include "tools/loadgen/histogram.h"

#include <algorithm>
#include <cmath>
#include <vector>

#include <catch2/catch.hpp>

#include "tools/loadgen/keys.h"

using engram::loadgen::Dice;
using engram::loadgen::Histogram;

TEST_CASE("an empty histogram answers zero") {
  Histogram histogram;
  CHECK(histogram.count() == 0);
  CHECK(histogram.at(0.5) == 0);
  CHECK(histogram.max() == 0);
  CHECK(histogram.mean() == 0);
}

TEST_CASE("a value is read back exactly when small, and to a thousandth at any size") {
  for (std::uint64_t value = 1; value < Histogram::highest; value += value / 3 + 1) {
    CAPTURE(value);
    Histogram histogram;
    histogram.record(value);
    histogram.record(Histogram::highest);   // so that the maximum does not help
    std::uint64_t read = histogram.at(0.5);
    CHECK(read >= value);
    CHECK(static_cast<double>(read - value) <= static_cast<double>(value) / 1000);
    if (value < 2048) CHECK(read == value);
  }
}

TEST_CASE("the edges between buckets belong where they should") {
  for (unsigned power = 10; power < 42; ++power) {
    for (std::int64_t off : {-1, 0, 1}) {
      Histogram histogram;
      std::uint64_t value = (std::uint64_t{1} << power) + static_cast<std::uint64_t>(off);
      histogram.record(value);
      CHECK(histogram.at(1.0) == std::min(value, Histogram::highest));
    }
  }
}

TEST_CASE("values over the highest count as the highest") {
  Histogram histogram;
  histogram.record(~std::uint64_t{0});
  CHECK(histogram.max() == Histogram::highest);
  CHECK(histogram.at(0.5) == Histogram::highest);
}

TEST_CASE("quantiles are those of the sorted values") {
  Dice dice(7);
  std::vector<std::uint64_t> values;
  Histogram histogram;
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(static_cast<std::uint64_t>(std::exp(dice.unit() * 20)));   // 1 ns to half a second
    histogram.record(values.back());
  }
  std::sort(values.begin(), values.end());
  for (double quantile : {0.0, 0.01, 0.5, 0.9, 0.99, 0.999, 1.0}) {
    CAPTURE(quantile);
    auto rank = static_cast<std::size_t>(std::max(1.0, std::ceil(quantile * 20'000))) - 1;
    CHECK(static_cast<double>(histogram.at(quantile)) == Approx(static_cast<double>(values[rank])).epsilon(0.001));
  }
  CHECK(histogram.max() == values.back());
  CHECK(histogram.at(1.0) == values.back());
}

TEST_CASE("merged histograms are as one that saw all") {
  Histogram low, high, both;
  for (std::uint64_t value : {1, 5, 700, 90'000}) {
    low.record(value);
    both.record(value);
  }
  for (std::uint64_t value : {1'000'000, 2'000'000}) {
    high.record(value);
    both.record(value);
  }
  low.merge(high);
  CHECK(low.count() == 6);
  CHECK(low.max() == both.max());
  CHECK(low.mean() == Approx(both.mean()));
  for (double quantile : {0.1, 0.5, 0.9}) CHECK(low.at(quantile) == both.at(quantile));
}
