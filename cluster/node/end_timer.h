#pragma once
// For a process that has to end, whatever its threads still wait for.

#include <chrono>

namespace engram {

/// After `wait` the process ends with `code`, unless this is destroyed before. Nothing is flushed or unlocked by hand: it
/// is a crash, which every start copes with. For waits that may have no end: a standard error that nobody reads, a disk
/// that hangs. The one that was made last counts, until any is destroyed; takes SIGALRM and the process's timer.
class EndTimer {
 public:
  EndTimer(std::chrono::milliseconds wait, int code);
  ~EndTimer();
  EndTimer(const EndTimer&) = delete;
  EndTimer& operator=(const EndTimer&) = delete;
};

}  // namespace engram
