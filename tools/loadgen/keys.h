#pragma once
// Which vertex a call is about.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "storage/base/result.h"

namespace engram::loadgen {

/// Reproducible and fast random numbers (SplitMix64 of Steele, Lea and Flood). Not for secrets.
class Dice {
 public:
  explicit Dice(std::uint64_t seed) : state_(seed) {}
  std::uint64_t next() {
    std::uint64_t mixed = state_ += 0x9E3779B97F4A7C15;
    mixed = (mixed ^ (mixed >> 30)) * 0xBF58476D1CE4E5B9;
    mixed = (mixed ^ (mixed >> 27)) * 0x94D049BB133111EB;
    return mixed ^ (mixed >> 31);
  }
  /// From 0 to below `end`, which is at most 2^32.
  std::uint64_t below(std::uint64_t end) { return ((next() >> 32) * end) >> 32; }
  /// From 0 to below 1.
  double unit() { return static_cast<double>(next() >> 11) * 0x1.0p-53; }

 private:
  std::uint64_t state_;
};

/// Ranks from 0 to below `count`, rank r with a probability proportional to 1 / (r + 1)^exponent: exact, without tables
/// (rejection-inversion of Hörmann and Derflinger, 1996). Exponent > 0.
class Zipf {
 public:
  Zipf(std::uint64_t count, double exponent);
  std::uint64_t draw(Dice& dice) const;

 private:
  [[nodiscard]] double integral(double x) const;
  [[nodiscard]] double integral_inverse(double x) const;
  [[nodiscard]] double density(double x) const;

  double count_;
  double exponent_;
  double integral_first_;
  double integral_last_;
  double squeeze_;
};

/// The keys of the graph that is driven: either the decimal numbers from 0 to below a count, or the lines of a file.
class KeySpace {
 public:
  static KeySpace numbers(std::uint64_t count);
  /// One key a line; an empty line ends nothing and is skipped.
  static Result<KeySpace> from_file(const std::string& path);

  [[nodiscard]] std::uint64_t size() const { return count_; }
  /// The key's text; `buffer` holds it for numbers.
  [[nodiscard]] std::string_view key(std::uint64_t index, char (&buffer)[24]) const;

 private:
  std::uint64_t count_ = 0;
  std::shared_ptr<const std::vector<std::string>> lines_;
};

/// Draws indexes of keys for one thread: uniform, or Zipf with the popular ones strewn over the whole space.
class KeyDraw {
 public:
  /// `zipf_exponent` 0: uniform.
  KeyDraw(const KeySpace& keys, double zipf_exponent, std::uint64_t seed);
  std::uint64_t next();
  Dice& dice() { return dice_; }

 private:
  std::uint64_t count_;
  std::uint64_t stride_;
  Dice dice_;
  std::vector<Zipf> zipf_;   // none or one
};

}  // namespace engram::loadgen
