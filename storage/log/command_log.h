#pragma once
// The node's command log: append-only segments, one sync for a whole group of commands.
//
// For: making commands durable before they are applied. The caller (one thread, the log actor) replays what is there
// with a LogReader after `open`, then appends groups, tells with `release` what the warm stores have durably, and calls
// `close` on a clean stop. When `failed()` is true the caller stops the process: what was on its way to disk is unknown.
//
// In a crash: every group whose append_group returned ok is there after the next `open`, in order. Of the group that was
// under way a prefix may be there. A torn tail is cut, damage in the middle is the error `corrupt` (docs/disk-format.md
// has the rule that tells them apart).

#include <cstdint>
#include <map>
#include <memory>
#include <span>
#include <string>

#include "storage/base/clock.h"
#include "storage/base/result.h"
#include "storage/files/files.h"
#include "storage/log/log_record.h"

namespace engram {

struct LogOptions {
  std::string dir;
  std::string archived_dir;                             // may be on another volume; empty: <dir>/archived
  std::uint64_t log_id = 0;                             // the random identity of this log, never 0
  std::uint64_t segment_bytes = std::uint64_t{64} << 20;
  std::int64_t rotate_after_ns = 3'600'000'000'000;     // a segment with records is sealed at this age; 0: never
  unsigned spare_segments = 2;                          // pre-written files kept ready
  bool own_thread = true;  // false: spares and the archive are worked on only in `work`, for deterministic tests
};

struct LogStats {
  std::uint64_t records = 0;  // appended since open, like all counters here
  std::uint64_t bytes = 0;
  std::uint64_t groups = 0;
  std::uint64_t syncs = 0;
  std::int64_t last_sync_ns = 0;
  std::int64_t total_sync_ns = 0;
  std::uint64_t end_position = 0;
  std::uint64_t segments = 0;  // in the directory now, the open one included
  std::uint64_t segment_bytes = 0;
  std::uint64_t spare_segments = 0;
  std::uint64_t archived_segments = 0;  // in the archive now
  std::uint64_t archived_bytes = 0;
  std::string archive_error;  // why the last move to the archive failed; empty: it did not
};

/// Which room a group may take. Behind the end of the log some is kept, so that on a full disk what is open can still be
/// settled: a transaction without its decision would hold up reads for as long as the disk is full.
enum class LogRoom : std::uint8_t { ordinary, reserve };

/// What `open` found, for the log line at start.
struct LogRecovery {
  bool clean = true;                  // the log was closed, or is new
  bool tail_cut = false;              // a record of a group that was never acknowledged was there in part
  std::uint64_t rewritten_bytes = 0;  // whole records that were copied to a new file
};

class CommandLog {
 public:
  /// Settles what the last process left: after an unclean stop the open segment's whole records are copied to a new file
  /// (the page cache is not trusted: a failed sync may have left pages there that never reached the disk) and sealed.
  /// Errors: corrupt (names segment and offset; nothing was changed), invalid_argument, disk_full, unavailable, internal.
  static Result<std::unique_ptr<CommandLog>> open(Files& files, const Clock& clock, LogOptions options);
  /// Without `close` before it this is the same as a crash.
  ~CommandLog();
  CommandLog(const CommandLog&) = delete;
  CommandLog& operator=(const CommandLog&) = delete;

  /// Writes the records in order, syncs once, and returns the position up to which the log is durable.
  /// disk_full, too_large: the group has not happened, and never will; the log goes on. Without file descriptors for the
  /// next segment the present one becomes larger than it should be.
  /// Any other error: the log has failed, and the process must stop.
  Result<LogPosition> append_group(std::span<const LogRecord> records, LogRoom room = LogRoom::ordinary);
  [[nodiscard]] bool failed() const;
  [[nodiscard]] LogPosition end() const;

  /// Seals the open segment if it is older than rotate_after_ns. Call it now and then. Errors as of `rotate`.
  Status rotate_if_due();
  /// Seals the open segment now, if it has records. disk_full, overloaded (too many open files): not done, the log goes on.
  Status rotate();
  /// Seals what is open and stops the log's own thread; a start after it finds a clean log.
  Status close();

  /// Says up to which LSN each partition is durable in its warm store. Sealed segments below go to the archive, oldest
  /// first, in the background; never deleted. A partition that is not named keeps its segments.
  void release(const std::map<PartitionId, Lsn>& durable);
  /// Makes a file that nobody needs any more a spare segment (or removes it if there are enough). `path` must be in the
  /// log's directory and no longer be a part of the log.
  Status recycle(const std::string& path);
  /// Does what is pending of spares and archive, on this thread. Only with own_thread = false.
  void work();

  [[nodiscard]] const LogRecovery& recovery() const;
  /// May be called from any thread.
  [[nodiscard]] LogStats stats() const;

 private:
  struct Impl;
  explicit CommandLog(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

}  // namespace engram
