#include "cluster/logging/logging.h"

#include <spdlog/async.h>
#include <spdlog/async_logger.h>
#include <spdlog/sinks/base_sink.h>
#include <spdlog/sinks/stdout_sinks.h>

#include <atomic>
#include <memory>
#include <mutex>

namespace engram {
namespace {

class FunctionSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit FunctionSink(std::function<void(std::string_view)> take_line) : take_line_(std::move(take_line)) {}

 protected:
  void sink_it_(const spdlog::details::log_msg& message) override {
    take_line_(std::string_view(message.payload.data(), message.payload.size()));
  }
  void flush_() override {}

 private:
  std::function<void(std::string_view)> take_line_;
};

/// What `start_logging` makes. The logger gets finished lines; spdlog queues and writes them.
struct Logging {
  LogFormat format;
  const Clock& clock;
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

void replace_current(std::shared_ptr<Logging> next) {
  std::shared_ptr<Logging> old = std::atomic_exchange(&current, std::move(next));
  if (old) dropped_before.fetch_add(old->thread->overrun_counter());
  // The last reference, here or in a thread that is just logging, writes out the queue and joins the thread.
}

}  // namespace

bool log_enabled(LogLevel level) {
  return level != LogLevel::off && level >= shown_from.load(std::memory_order_relaxed);
}

void log_event(LogLevel level, std::string_view event, LogFields fields) {
  if (!log_enabled(level)) return;
  std::shared_ptr<Logging> logging = std::atomic_load(&current);
  if (!logging) {
    std::string line = format_log_line(LogFormat::text, SystemClock().wall_ns(), level, event, fields) + "\n";
    std::fwrite(line.data(), 1, line.size(), stderr);
    return;
  }
  std::string line = format_log_line(logging->format, logging->clock.wall_ns(), level, event, fields);
  logging->logger->log(spdlog_level(level), spdlog::string_view_t(line.data(), line.size()));
}

void start_logging(LoggingOptions options, const Clock& clock) {
  std::shared_ptr<spdlog::sinks::sink> sink;
  if (options.sink)
    sink = std::make_shared<FunctionSink>(std::move(options.sink));
  else
    sink = std::make_shared<spdlog::sinks::stderr_sink_mt>();
  sink->set_pattern("%v");
  auto thread = std::make_shared<spdlog::details::thread_pool>(options.queue_lines, 1);
  auto logger = std::make_shared<spdlog::async_logger>("engram", std::move(sink), thread,
                                                       spdlog::async_overflow_policy::overrun_oldest);
  logger->set_level(spdlog::level::trace);
  replace_current(std::make_shared<Logging>(Logging{options.format, clock, std::move(thread), std::move(logger)}));
  shown_from.store(options.level, std::memory_order_relaxed);
}

void stop_logging() {
  shown_from.store(LogLevel::warn, std::memory_order_relaxed);
  replace_current(nullptr);
}

std::uint64_t dropped_log_lines() {
  std::shared_ptr<Logging> logging = std::atomic_load(&current);
  return dropped_before.load() + (logging ? logging->thread->overrun_counter() : 0);
}

}  // namespace engram
