#pragma once
// The log's part of `engram verify`: every byte of every segment, the archived ones too.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "actors/partition/findings.h"
#include "cluster/node/replay.h"
#include "storage/files/files.h"

namespace engram::cli {

struct LogCounts {
  std::uint64_t segments = 0;
  std::uint64_t archived_segments = 0;  // of these
  std::uint64_t bytes = 0;
  std::uint64_t records = 0;
  bool commands_parse = true;  // no record holds something else than a command
};

struct LogPlaces {
  std::string data_dir;
  std::string archived_dir;
  std::uint64_t log_id = 0;
};

/// Goes on behind what is damaged. `sequence` knows what the warm stores have.
LogCounts check_log(Files& files, const LogPlaces& places, LsnSequence sequence, Findings& findings,
                    const std::function<void(double share)>& progress);

}  // namespace engram::cli
