#pragma once
// What a start does before anything is appended: finds the end of the log, and settles the segment that was open.

#include <deque>
#include <string>

#include "storage/log/command_log.h"
#include "storage/log/segment_archive.h"

namespace engram {

struct SettledLog {
  std::deque<SealedSegment> sealed;  // in the directory, by position
  LogPosition end;                   // where the next segment begins
  LogRecovery recovery;
};

/// Afterwards there are only sealed segments with records in the directory (and perhaps an open one without any, which
/// the caller replaces by its own). A crash at any point of it leaves what the next call settles the same way.
Result<SettledLog> settle_log(Files& files, const LogOptions& options);

}  // namespace engram
