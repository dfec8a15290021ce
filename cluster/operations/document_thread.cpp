#include "cluster/operations/document_thread.h"

#include <utility>

namespace engram {
namespace {

constexpr std::size_t max_waiting = 64;

HttpAnswer made_by(const std::function<HttpAnswer()>& make) {
  try {
    return make();
  } catch (...) {
    return {500, "internal error\n"};
  }
}

}  // namespace

DocumentThread::DocumentThread(std::function<void()> wake) : wake_(std::move(wake)), thread_([this] { work(); }) {}

DocumentThread::~DocumentThread() {
  {
    std::lock_guard lock(mutex_);
    ending_ = true;
  }
  changed_.notify_all();
  thread_.join();
}

bool DocumentThread::ask(std::uint64_t number, const std::function<HttpAnswer()>& make) {
  {
    std::lock_guard lock(mutex_);
    if (asked_.size() >= max_waiting) return false;
    asked_.push_back({number, &make});
  }
  changed_.notify_all();
  return true;
}

std::vector<DocumentThread::Made> DocumentThread::take() {
  std::lock_guard lock(mutex_);
  return std::exchange(made_, {});
}

void DocumentThread::work() {
  std::unique_lock lock(mutex_);
  while (true) {
    changed_.wait(lock, [this] { return ending_ || !asked_.empty(); });
    if (ending_) return;
    Asked asked = asked_.front();
    asked_.pop_front();
    lock.unlock();
    HttpAnswer answer = made_by(*asked.make);
    lock.lock();
    made_.push_back({asked.number, std::move(answer)});
    wake_();
  }
}

}  // namespace engram
