#pragma once

#include <memory>

namespace engram {

/// An event loop with a thread of its own, which lets another thread run it for a while: one that is awake anyway, and waits for
/// what the loop brings. One runs it at a time. What it calls keeps its order, and sees all that was done before on other threads.
class SharedLoop {
 public:
  virtual ~SharedLoop() = default;
  /// From its next event on the loop's own thread rests, until as many have given back as have borrowed. Does not wait.
  virtual void borrow() = 0;
  virtual void give_back() = 0;
  /// Does what there is to do now, unless another thread is at it. Only by who has borrowed. Whether there was something.
  virtual bool run_some() = 0;
};

}  // namespace engram
