#include "cluster/gateway/kj_log.h"

#include "cluster/logging/logging.h"

namespace engram {
namespace {

LogLevel level_of(kj::LogSeverity severity) {
  switch (severity) {
    case kj::LogSeverity::INFO: return LogLevel::info;
    case kj::LogSeverity::WARNING: return LogLevel::warn;
    case kj::LogSeverity::DBG: return LogLevel::debug;
    case kj::LogSeverity::ERROR:
    case kj::LogSeverity::FATAL: break;
  }
  return LogLevel::error;
}

}  // namespace

void KjLog::logMessage(kj::LogSeverity severity, const char* file, int line, int, kj::String&& text) {
  log_event(level_of(severity), "rpc library", {{"file", file}, {"line", line}, {"message", text.cStr()}});
}

}  // namespace engram
