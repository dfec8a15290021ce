#pragma once
// What the log does beside appending: moves released segments to the archive, and keeps spares ready. One thread of its
// own, or, for deterministic tests, none and `run_pending`.

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>
#include <string>
#include <thread>

#include "storage/base/clock.h"
#include "storage/log/segment_archive.h"
#include "storage/log/spare_segments.h"

namespace engram {

class LogBackground {
 public:
  LogBackground(const Clock& clock, SpareSegments& spares, SegmentArchive& archive)
      : clock_(clock), spares_(spares), archive_(archive) {}
  ~LogBackground() { stop(); }

  void start();
  /// Returns when the step under way is done.
  void stop();
  /// Wakes the thread: a spare was taken.
  void wake();
  /// Takes segments over, oldest first. Also makes it try again after a failure.
  void archive(std::deque<SealedSegment> segments);
  /// Does all that can be done now, on the caller's thread.
  void run_pending();

  struct Waiting {
    std::uint64_t segments = 0;
    std::uint64_t bytes = 0;
    std::string archive_error;
  };
  [[nodiscard]] Waiting waiting() const;

 private:
  void run();
  bool step();
  bool archive_one();

  const Clock& clock_;
  SpareSegments& spares_;
  SegmentArchive& archive_;
  std::thread thread_;

  mutable std::mutex mutex_;  // guards what follows
  std::condition_variable changed_;
  bool stopping_ = false;
  bool woken_ = false;
  bool blocked_ = false;  // the archive failed; not tried again before the next release
  std::string archive_error_;
  std::deque<SealedSegment> queue_;
};

}  // namespace engram
