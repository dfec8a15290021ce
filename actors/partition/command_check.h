#pragma once
// Checks a client's command before it is logged: well-formed, within the limits, and nothing that only partitions may
// write. What passes here can be read by the core without surprises.

#include <cstdint>

#include "actors/messages/frame.h"
#include "storage/base/placement.h"
#include "schema/command.capnp.h"
#include "storage/base/result.h"

namespace engram {

struct CommandLimits {
  std::size_t max_bytes = std::size_t{4} << 20;
  std::size_t max_operations = 10'000;
  static constexpr std::size_t max_space_name_bytes = 255;
  static constexpr std::size_t max_names = 1024;  // labels or properties of one operation
};

enum class CommandKind : std::uint8_t { batch, administration };

/// Reads and checks the bytes. Errors name the field and the limit.
Result<CommandBytes> check_command(Bytes bytes, CommandKind allowed, const CommandLimits& limits);

/// The partition that has to decide a checked command.
PartitionId coordinator_of(schema::Command::Reader command, const SpaceRoute& space, std::uint32_t partitions);

}  // namespace engram
