#pragma once
// The program's messages: one line an event, with named values. An event has a fixed name and small values, so that no
// payload and no secret gets in by accident:
//
//   log_event(LogLevel::info, "segment sealed", {{"segment", position}, {"bytes", size}});
//
//   2026-01-31T10:20:30.123456789Z info  segment sealed segment=4096 bytes=67108864
//   {"ts":"2026-01-31T10:20:30.123456789Z","level":"info","event":"segment sealed","segment":4096,"bytes":67108864}
//
// Lines go through a bounded queue to a thread of their own, so that a stuck reader of standard error never stops an
// actor; when the queue is full the oldest lines are dropped and counted.

#include <concepts>
#include <cstdint>
#include <functional>
#include <initializer_list>
#include <string>
#include <string_view>
#include <variant>

#include "storage/base/clock.h"

namespace engram {

enum class LogLevel : std::uint8_t { trace, debug, info, warn, error, off };
enum class LogFormat : std::uint8_t { text, json };

/// As in the configuration ("info", "json"); unknown text gives info, text.
LogLevel log_level_from(std::string_view name);
LogFormat log_format_from(std::string_view name);

class LogField {
 public:
  using Value = std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool>;

  LogField(std::string_view key, std::string_view value) : key_(key), value_(value) {}
  LogField(std::string_view key, const char* value) : key_(key), value_(std::string_view(value)) {}
  LogField(std::string_view key, const std::string& value) : key_(key), value_(std::string_view(value)) {}
  LogField(std::string_view key, std::same_as<bool> auto value) : key_(key), value_(value) {}
  LogField(std::string_view key, std::signed_integral auto value)
      : key_(key), value_(static_cast<std::int64_t>(value)) {}
  LogField(std::string_view key, std::unsigned_integral auto value) requires(!std::same_as<decltype(value), bool>)
      : key_(key), value_(static_cast<std::uint64_t>(value)) {}
  LogField(std::string_view key, std::floating_point auto value) : key_(key), value_(static_cast<double>(value)) {}

  [[nodiscard]] std::string_view key() const { return key_; }
  [[nodiscard]] const Value& value() const { return value_; }

 private:
  std::string_view key_;
  Value value_;
};

using LogFields = std::initializer_list<LogField>;

/// Writes one line if `level` is shown. Any thread, any time; before `start_logging` warnings and errors go to standard
/// error as text. Text values longer than 1 KiB are cut, and the cut is marked.
void log_event(LogLevel level, std::string_view event, LogFields fields = {});
/// Whether such an event would be shown: for values that are costly to make.
bool log_enabled(LogLevel level);

struct LoggingOptions {
  LogFormat format = LogFormat::text;
  LogLevel level = LogLevel::info;
  std::size_t queue_lines = 8192;
  /// Where complete lines go; empty: standard error. Called from the logging thread only.
  std::function<void(std::string_view line)> sink;
};

/// Called by main, once; again replaces the settings. `clock` stamps the lines and must live until `stop_logging`.
void start_logging(LoggingOptions options, const Clock& clock);
/// Writes out what is queued and ends the thread. For the end of main and before a deliberate end. False: nobody took the
/// lines for a second; then the thread is left behind, and writing to standard error may wait for ever.
bool stop_logging();
/// Lines lost because the queue was full.
std::uint64_t dropped_log_lines();

/// One line without its end; pure.
std::string format_log_line(LogFormat format, std::int64_t wall_ns, LogLevel level, std::string_view event,
                            LogFields fields);

}  // namespace engram
