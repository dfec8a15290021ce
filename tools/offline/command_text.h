#pragma once
// Commands of the log as text.

#include <cstdint>
#include <string>

#include "storage/base/bytes.h"
#include "storage/base/result.h"

namespace engram::cli {

/// The part of a command that the log's list shows and filters by.
struct CommandSummary {
  std::uint64_t session = 0;
  std::uint64_t sequence = 0;
  std::uint64_t space = 0;
  std::string what;        // "batch", "createSpace", "prepare" ...: the union's member as the schema names it
  std::uint32_t operations = 0;
  std::string detail;      // of a batch: its first keys; else what tells one from the next
};

/// Error corrupt: it is no command.
Result<CommandSummary> summarize(Bytes payload);
/// All of it, indented, in the notation of Cap'n Proto.
Result<std::string> command_text(Bytes payload);

}  // namespace engram::cli
