#pragma once
// What a process says when it ends because something must not be.

#include <string_view>

namespace engram {

/// Writes "engram: TEXT" as a line to standard error. The caller ends the process right behind it. If nobody takes the
/// line (a full pipe) the process aborts after a second. Takes no lock and no memory, and may be called by any thread.
void last_words(std::string_view text);

}  // namespace engram
