#include "storage/log/log_background.h"

#include <algorithm>
#include <chrono>
#include <iterator>

namespace engram {

namespace {
constexpr auto idle_wait = std::chrono::seconds(1);  // after it, look again whether there is room for a spare
constexpr std::int64_t longest_pause_ns = 20'000'000;
}  // namespace

void LogBackground::start() {
  thread_ = std::thread([this] { run(); });
}

void LogBackground::stop() {
  {
    std::lock_guard lock(mutex_);
    stopping_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void LogBackground::wake() {
  {
    std::lock_guard lock(mutex_);
    woken_ = true;
  }
  changed_.notify_all();
}

void LogBackground::archive(std::deque<SealedSegment> segments) {
  {
    std::lock_guard lock(mutex_);
    std::move(segments.begin(), segments.end(), std::back_inserter(queue_));
    blocked_ = false;
    woken_ = true;
  }
  changed_.notify_all();
}

void LogBackground::run() {
  for (;;) {
    std::int64_t started_ns = clock_.monotonic_ns();
    bool more = step();
    // As long a pause as the step took leaves the disk to the log's syncs for half of the time.
    std::int64_t pause_ns = std::min(clock_.monotonic_ns() - started_ns, longest_pause_ns);
    std::unique_lock lock(mutex_);
    if (more) {
      changed_.wait_for(lock, std::chrono::nanoseconds(pause_ns), [this] { return stopping_; });
    } else {
      changed_.wait_for(lock, idle_wait, [this] { return stopping_ || woken_; });
      woken_ = false;
    }
    if (stopping_) return;
  }
}

void LogBackground::run_pending() {
  while (step()) {
  }
}

bool LogBackground::step() { return archive_one() || spares_.step(); }

bool LogBackground::archive_one() {
  SealedSegment segment;
  {
    std::lock_guard lock(mutex_);
    if (blocked_ || queue_.empty()) return false;
    segment = queue_.front();
  }
  bool source_left = false;
  Status status = archive_.add(segment, source_left);
  if (status.ok() && source_left) status = spares_.give(segment.path);
  std::lock_guard lock(mutex_);
  archive_error_ = status.message();
  blocked_ = !status.ok();
  if (status.ok()) queue_.pop_front();
  return status.ok();
}

LogBackground::Waiting LogBackground::waiting() const {
  std::lock_guard lock(mutex_);
  Waiting waiting{queue_.size(), 0, archive_error_};
  for (const SealedSegment& segment : queue_) waiting.bytes += segment.bytes;
  return waiting;
}

}  // namespace engram
