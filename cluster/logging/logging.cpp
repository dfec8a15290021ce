#include "cluster/logging/logging.h"

#include <spdlog/async.h>
#include <spdlog/async_logger.h>
#include <spdlog/sinks/base_sink.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <memory>
#include <mutex>
#include <vector>

namespace engram {
namespace {

/// For who reads the last lines of a process. Nobody may: a full pipe takes nothing, for ever.
constexpr auto last_lines_wait = std::chrono::seconds(1);

void write_to_standard_error(std::string_view line) {
  std::string whole = std::string(line) + "\n";  // in one write, so that no other process' text gets in between
  std::fwrite(whole.data(), 1, whole.size(), stderr);
}

class LineSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit LineSink(std::function<void(std::string_view)> take_line) : take_line_(std::move(take_line)) {}

  /// False: what was queued before the logger's flush is not written in time.
  bool wait_flushed(std::chrono::milliseconds wait) {
    std::unique_lock lock(flushed_mutex_);
    return flushed_changed_.wait_for(lock, wait, [this] { return flushed_; });
  }

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    take_line_(std::string_view(message.payload.data(), message.payload.size()));
  }
  void flush_() override {
    std::lock_guard lock(flushed_mutex_);
    flushed_ = true;
    flushed_changed_.notify_all();
  }

 private:
  std::function<void(std::string_view)> take_line_;
  std::mutex flushed_mutex_;
  std::condition_variable flushed_changed_;
  bool flushed_ = false;
};

/// What `start_logging` makes. The logger gets finished lines; spdlog queues and writes them.
struct Logging {
  LogFormat format;
  const Clock& clock;
  std::shared_ptr<LineSink> sink;
  std::shared_ptr<spdlog::details::thread_pool> thread;
  std::shared_ptr<spdlog::async_logger> logger;
};

std::shared_ptr<Logging> current;  // accessed by std::atomic_load / atomic_store
std::atomic<LogLevel> shown_from{LogLevel::warn};
std::atomic<std::uint64_t> dropped_before{0};  // by loggers that were replaced

spdlog::level::level_enum spdlog_level(LogLevel level) {
  switch (level) {
    case LogLevel::trace:
      return spdlog::level::trace;
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warn:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
    case LogLevel::off:
      break;
  }
  return spdlog::level::off;
}

/// Joining its thread would wait for the reader that does not come, so it stays for as long as the process does.
void leave_behind(std::shared_ptr<Logging> stuck) {
  static std::mutex mutex;
  static auto* all = new std::vector<std::shared_ptr<Logging>>;
  std::lock_guard lock(mutex);
  all->push_back(std::move(stuck));
}

/// False: not all lines of the one before could be written.
bool replace_current(std::shared_ptr<Logging> next) {
  std::shared_ptr<Logging> old = std::atomic_exchange(&current, std::move(next));
  if (!old) return true;
  old->logger->flush();  // queued like a line, behind all of them
  bool written = old->sink->wait_flushed(last_lines_wait);
  dropped_before.fetch_add(old->thread->overrun_counter());
  if (!written) leave_behind(std::move(old));
  return written;
  // Else the last reference, here or in a thread that is just logging, joins the thread.
}

}  // namespace

bool log_enabled(LogLevel level) {
  return level != LogLevel::off && level >= shown_from.load(std::memory_order_relaxed);
}

void log_event(LogLevel level, std::string_view event, LogFields fields) {
  if (!log_enabled(level)) return;
  std::shared_ptr<Logging> logging = std::atomic_load(&current);
  if (!logging) {
    return write_to_standard_error(format_log_line(LogFormat::text, SystemClock().wall_ns(), level, event, fields));
  }
  std::string line = format_log_line(logging->format, logging->clock.wall_ns(), level, event, fields);
  logging->logger->log(spdlog_level(level), spdlog::string_view_t(line.data(), line.size()));
}

void start_logging(LoggingOptions options, const Clock& clock) {
  auto sink = std::make_shared<LineSink>(options.sink ? std::move(options.sink) : write_to_standard_error);
  auto thread = std::make_shared<spdlog::details::thread_pool>(options.queue_lines, 1);
  auto logger = std::make_shared<spdlog::async_logger>("engram", sink, thread,
                                                       spdlog::async_overflow_policy::overrun_oldest);
  logger->set_level(spdlog::level::trace);
  (void)replace_current(std::make_shared<Logging>(
      Logging{options.format, clock, std::move(sink), std::move(thread), std::move(logger)}));
  shown_from.store(options.level, std::memory_order_relaxed);
}

bool stop_logging() {
  shown_from.store(LogLevel::warn, std::memory_order_relaxed);
  return replace_current(nullptr);
}

std::uint64_t dropped_log_lines() {
  std::shared_ptr<Logging> logging = std::atomic_load(&current);
  return dropped_before.load() + (logging ? logging->thread->overrun_counter() : 0);
}

}  // namespace engram
