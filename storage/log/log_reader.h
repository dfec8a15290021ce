#pragma once
// Reads a command log, in order, and verifies every byte on the way. For replay, `engram log` and `engram verify`.
//
// The directory may be in use by a running engine: segments that are sealed or archived meanwhile are found again.

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "storage/base/result.h"
#include "storage/files/files.h"
#include "storage/log/log_record.h"

namespace engram {

enum class SegmentState : std::uint8_t { open, sealed, archived };

struct SegmentInfo {
  std::string path;
  SegmentState state = SegmentState::open;
  LogPosition first_position;
  std::uint64_t bytes = 0;  // of the file; an open segment is pre-written beyond its last record
};

/// The segments of a log, by position; those of `archived_dir` too, unless it is empty. Where a segment is in both, the
/// one in `dir` is listed. A directory that does not exist is an empty one.
Result<std::vector<SegmentInfo>> list_segments(Files& files, const std::string& dir,
                                               const std::string& archived_dir = {});

struct LogReaderOptions {
  std::string dir;
  std::string archived_dir;  // empty: only `dir`
  std::uint64_t log_id = 0;  // 0: whatever the first segment says
  LogPosition from;          // records before it are skipped. 0: from the first that is there
};

class LogReader {
 public:
  struct Progress {
    std::uint64_t done_bytes = 0;
    std::uint64_t total_bytes = 0;
  };

  /// Errors: corrupt (segments are missing, or of another log), internal.
  static Result<std::unique_ptr<LogReader>> open(Files& files, LogReaderOptions options);
  ~LogReader();
  LogReader(const LogReader&) = delete;
  LogReader& operator=(const LogReader&) = delete;

  /// The next record, or false at the end of the log. The payload is valid until the next call.
  /// Error corrupt: names segment and offset; the same error is returned from then on.
  Result<bool> next(StoredRecord& record);
  [[nodiscard]] Progress progress() const;
  /// Behind the last record (or seal) that was read.
  [[nodiscard]] LogPosition end() const;

 private:
  struct Impl;
  explicit LogReader(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace engram
