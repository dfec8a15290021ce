#include "tools/import/timestamp_text.h"

#include <chrono>
#include <cstdio>

namespace engram::import {

namespace {

constexpr std::int64_t ns_per_second = 1'000'000'000;
constexpr std::int64_t seconds_per_day = 86'400;

/// Takes pieces off the front of a text; after the first that does not fit, `ok` stays false.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  int digits(std::size_t count) {
    if (rest_.size() < count) ok_ = false;
    int number = 0;
    for (std::size_t i = 0; ok_ && i < count; ++i) {
      char digit = rest_[i];
      if (digit < '0' || digit > '9') ok_ = false;
      number = number * 10 + (digit - '0');
    }
    if (ok_) rest_.remove_prefix(count);
    return ok_ ? number : 0;
  }
  bool take(std::string_view any_of) {
    if (!ok_ || rest_.empty() || any_of.find(rest_.front()) == std::string_view::npos) return false;
    taken_ = rest_.front();
    rest_.remove_prefix(1);
    return true;
  }
  void expect(std::string_view any_of) { ok_ = take(any_of) && ok_; }
  [[nodiscard]] char taken() const { return taken_; }
  [[nodiscard]] bool next_is_digit() const { return ok_ && !rest_.empty() && rest_[0] >= '0' && rest_[0] <= '9'; }
  [[nodiscard]] bool ok() const { return ok_; }
  [[nodiscard]] bool ended() const { return ok_ && rest_.empty(); }

 private:
  std::string_view rest_;
  bool ok_ = true;
  char taken_ = '\0';
};

std::int64_t read_fraction(Scanner& scanner) {
  std::int64_t ns = 0;
  std::int64_t unit = ns_per_second;
  if (!scanner.next_is_digit()) scanner.expect("");
  while (unit > 1 && scanner.next_is_digit()) {
    unit /= 10;
    ns += scanner.digits(1) * unit;
  }
  return ns;
}

/// Seconds east of UTC.
std::int64_t read_offset(Scanner& scanner) {
  if (scanner.take("Zz") || !scanner.take("+-")) return 0;
  int sign = scanner.taken() == '-' ? -1 : 1;
  int hours = scanner.digits(2);
  int minutes = scanner.take(":") || scanner.next_is_digit() ? scanner.digits(2) : 0;
  if (hours > 18 || minutes > 59) scanner.expect("");
  return sign * (hours * 3600 + minutes * 60);
}

}  // namespace

std::optional<std::int64_t> parse_timestamp(std::string_view text) {
  Scanner scanner(text);
  int year = scanner.digits(4);
  scanner.expect("-");
  int month = scanner.digits(2);
  scanner.expect("-");
  int day = scanner.digits(2);
  std::int64_t seconds = 0;
  std::int64_t fraction_ns = 0;
  if (scanner.take("Tt ")) {
    int hour = scanner.digits(2);
    scanner.expect(":");
    int minute = scanner.digits(2);
    int second = scanner.take(":") ? scanner.digits(2) : 0;
    if (scanner.take(".,")) fraction_ns = read_fraction(scanner);
    if (hour > 23 || minute > 59 || second > 59) return std::nullopt;
    seconds = hour * 3600 + minute * 60 + second - read_offset(scanner);
  }
  std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                   std::chrono::day(static_cast<unsigned>(day))};
  if (!scanner.ended() || !date.ok()) return std::nullopt;
  seconds += std::chrono::sys_days(date).time_since_epoch().count() * seconds_per_day;
  std::int64_t ns = 0;
  // The first second that 64 bits hold is held in part only: it is reached from the one behind it.
  if (seconds < 0 && fraction_ns > 0) {
    ++seconds;
    fraction_ns -= ns_per_second;
  }
  if (__builtin_mul_overflow(seconds, ns_per_second, &ns) || __builtin_add_overflow(ns, fraction_ns, &ns))
    return std::nullopt;
  return ns;
}

void append_timestamp(std::string& out, std::int64_t ns) {
  std::int64_t fraction_ns = ns % ns_per_second;
  std::int64_t seconds = ns / ns_per_second;
  if (fraction_ns < 0) {
    fraction_ns += ns_per_second;
    --seconds;
  }
  std::int64_t day = seconds / seconds_per_day - (seconds % seconds_per_day < 0 ? 1 : 0);
  auto of_day = static_cast<int>(seconds - day * seconds_per_day);
  std::chrono::year_month_day date{std::chrono::sys_days(std::chrono::days(day))};
  char buffer[40];
  std::snprintf(buffer, sizeof buffer, "%04d-%02u-%02uT%02d:%02d:%02d", static_cast<int>(date.year()),
                static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()), of_day / 3600,
                of_day / 60 % 60, of_day % 60);
  out += buffer;
  if (fraction_ns != 0) {
    std::snprintf(buffer, sizeof buffer, ".%09d", static_cast<int>(fraction_ns));
    std::string_view fraction = buffer;
    out += fraction.substr(0, fraction.find_last_not_of('0') + 1);
  }
  out += 'Z';
}

}  // namespace engram::import
