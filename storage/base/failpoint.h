#pragma once
// Named points at which a test can kill or fail the real process, chosen by the environment:
//   ENGRAM_FAILPOINT=log.before_sync=kill:3     kill -9 itself when the point is reached for the third time
//   ENGRAM_FAILPOINT=warm.before_commit=error:1 the point reports a failure the first time
//   ENGRAM_FAILPOINT=replay.before=wait:1       whoever reaches it first waits there for ever
// Without the variable a point costs one load and a branch that is never taken.

#include <atomic>

namespace engram {

class Failpoints {
 public:
  /// Reads ENGRAM_FAILPOINT; called once by main. A malformed value stops the process with a message.
  static void arm_from_environment();

  /// True if the point is to fail now; does not return if it is to kill the process or to wait.
  static bool hit(const char* name) { return armed_.load(std::memory_order_relaxed) && reached(name); }

 private:
  static bool reached(const char* name);
  static std::atomic<bool> armed_;
};

}  // namespace engram
