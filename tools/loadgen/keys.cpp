#include "tools/loadgen/keys.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cmath>
#include <fstream>
#include <numeric>
#include <utility>

#include "storage/base/error_text.h"

namespace engram::loadgen {

namespace {

// log1p(x) / x and expm1(x) / x, at and near 0 too.
double log1p_over(double x) { return std::abs(x) > 1e-8 ? std::log1p(x) / x : 1 - x / 2 + x * x / 3; }
double expm1_over(double x) { return std::abs(x) > 1e-8 ? std::expm1(x) / x : 1 + x / 2 + x * x / 6; }

/// Coprime to `count`, so that multiplying by it strews all ranks over all keys.
std::uint64_t stride_for(std::uint64_t count) {
  std::uint64_t stride = 2654435761 % std::max<std::uint64_t>(count, 2);
  while (std::gcd(stride, count) != 1) ++stride;
  return stride;
}

}  // namespace

Zipf::Zipf(std::uint64_t count, double exponent) : count_(static_cast<double>(count)), exponent_(exponent) {
  integral_first_ = integral(1.5) - 1;
  integral_last_ = integral(count_ + 0.5);
  squeeze_ = 2 - integral_inverse(integral(2.5) - density(2));
}

double Zipf::integral(double x) const {
  double log = std::log(x);
  return expm1_over((1 - exponent_) * log) * log;
}

double Zipf::integral_inverse(double x) const {
  double t = std::max(x * (1 - exponent_), -1.0);
  return std::exp(log1p_over(t) * x);
}

double Zipf::density(double x) const { return std::exp(-exponent_ * std::log(x)); }

std::uint64_t Zipf::draw(Dice& dice) const {
  while (true) {
    double u = integral_last_ + dice.unit() * (integral_first_ - integral_last_);
    double x = integral_inverse(u);
    double k = std::clamp(std::floor(x + 0.5), 1.0, count_);
    if (k - x <= squeeze_ || u >= integral(k + 0.5) - density(k)) return static_cast<std::uint64_t>(k) - 1;
  }
}

KeySpace KeySpace::numbers(std::uint64_t count) {
  KeySpace keys;
  keys.count_ = count;
  return keys;
}

Result<KeySpace> KeySpace::from_file(const std::string& path) {
  std::ifstream file(path);
  if (!file) return Status(Code::invalid_argument, "cannot read " + path + ": " + error_text(errno), "key-file");
  auto lines = std::make_shared<std::vector<std::string>>();
  for (std::string line; std::getline(file, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty()) lines->push_back(std::move(line));
  }
  if (lines->empty()) return Status(Code::invalid_argument, path + " holds no keys: one a line is expected", "key-file");
  KeySpace keys;
  keys.count_ = lines->size();
  keys.lines_ = std::move(lines);
  return keys;
}

std::string_view KeySpace::key(std::uint64_t index, char (&buffer)[24]) const {
  if (lines_) return (*lines_)[index];
  auto end = std::to_chars(buffer, buffer + sizeof buffer, index).ptr;
  return {buffer, static_cast<std::size_t>(end - buffer)};
}

KeyDraw::KeyDraw(const KeySpace& keys, double zipf_exponent, std::uint64_t seed)
    : count_(keys.size()), stride_(stride_for(keys.size())), dice_(seed) {
  if (zipf_exponent > 0) zipf_.emplace_back(keys.size(), zipf_exponent);
}

std::uint64_t KeyDraw::next() {
  if (zipf_.empty()) return dice_.below(count_);
  return zipf_.front().draw(dice_) * stride_ % count_;
}

}  // namespace engram::loadgen
