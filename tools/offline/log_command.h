#pragma once
// `engram log`.

#include <cstdint>
#include <optional>
#include <string>

#include "tools/engram/globals.h"

namespace engram::cli {

struct LogArguments {
  std::string data_dir;
  std::string archived_dir;
  bool archived = false;   // also what was moved to the archive
  bool segments = false;   // list files, not records
  bool print = false;      // each command in full
  std::optional<std::uint32_t> partition;
  std::optional<std::uint64_t> from_lsn;
  std::optional<std::uint64_t> to_lsn;
  std::string since;
  std::string until;
  std::optional<std::uint64_t> space_id;
  std::optional<std::uint64_t> session;
  std::uint64_t limit = 0;   // 0: all
};

void run_log(Globals& globals, const LogArguments& arguments);

}  // namespace engram::cli
