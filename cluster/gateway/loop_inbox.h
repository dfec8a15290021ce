#pragma once
// How other threads hand work to an event loop.

#include <functional>
#include <mutex>
#include <vector>

#include <kj/async-unix.h>

namespace engram {

/// Work that other threads hand to a loop.
class LoopInbox {
 public:
  LoopInbox();
  ~LoopInbox();
  LoopInbox(const LoopInbox&) = delete;
  LoopInbox& operator=(const LoopInbox&) = delete;
  /// Any thread.
  void push(std::function<void()> work);
  /// The loop's thread: runs what is there, again and again; never resolves.
  kj::Promise<void> serve(kj::UnixEventPort& port);

 private:
  void drain();
  kj::Promise<void> next(kj::UnixEventPort::FdObserver& observer);

  int event_fd_;
  std::mutex mutex_;
  std::vector<std::function<void()>> work_;
  bool signalled_ = false;
};

}  // namespace engram
