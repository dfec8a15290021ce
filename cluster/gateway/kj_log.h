#pragma once
// What KJ and Cap'n Proto have to say on a thread: to the program's log, instead of to standard error, where a reader that
// does not come would stop an event loop.

#include <kj/exception.h>

namespace engram {

/// On the stack of the thread, for as long as it is to listen.
class KjLog final : public kj::ExceptionCallback {
 public:
  void logMessage(kj::LogSeverity severity, const char* file, int line, int context_depth, kj::String&& text) override;
};

}  // namespace engram
