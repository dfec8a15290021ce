#include "cluster/gateway/loop_inbox.h"

#include <cstdint>
#include <utility>

#include <sys/eventfd.h>
#include <unistd.h>

namespace engram {

LoopInbox::LoopInbox() : event_fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {}

LoopInbox::~LoopInbox() { ::close(event_fd_); }

void LoopInbox::push(std::function<void()> work) {
  {
    std::lock_guard lock(mutex_);
    work_.push_back(std::move(work));
    if (std::exchange(signalled_, true)) return;
  }
  std::uint64_t one = 1;
  (void)!::write(event_fd_, &one, sizeof one);
}

void LoopInbox::drain() {
  std::uint64_t count = 0;
  (void)!::read(event_fd_, &count, sizeof count);
  std::vector<std::function<void()>> work;
  {
    std::lock_guard lock(mutex_);
    work.swap(work_);
    signalled_ = false;
  }
  for (auto& one : work) one();
}

kj::Promise<void> LoopInbox::serve(kj::UnixEventPort& port) {
  auto observer =
      kj::heap<kj::UnixEventPort::FdObserver>(port, event_fd_, kj::UnixEventPort::FdObserver::OBSERVE_READ);
  auto& reference = *observer;
  return next(reference).attach(kj::mv(observer));
}

kj::Promise<void> LoopInbox::next(kj::UnixEventPort::FdObserver& observer) {
  return observer.whenBecomesReadable().then([this, &observer]() {
    drain();
    return next(observer);
  });
}

}  // namespace engram
