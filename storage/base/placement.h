#pragma once
// Which partition owns what. Pure: the same answer on every node and at every replay.

#include <cstdint>
#include <string_view>

#include "storage/base/checksum.h"
#include "storage/base/ids.h"

namespace engram {

enum class Placement : std::uint8_t { spread = 0, together = 1 };

/// The partition that holds a space's authoritative record, and all of a space that is kept together.
inline PartitionId home_of_space(std::string_view name, std::uint32_t partitions) {
  constexpr std::uint64_t seed = 0x73706163;  // keeps names of spaces apart from keys of vertices
  return {static_cast<std::uint16_t>(checksum64(as_bytes(name), seed) % partitions)};
}

/// What routing a key needs to know of its space.
struct SpaceRoute {
  SpaceId id;
  Placement placement = Placement::spread;
  PartitionId home;
};

inline PartitionId owner_of_key(const SpaceRoute& space, std::string_view key, std::uint32_t partitions) {
  if (space.placement == Placement::together) return space.home;
  return {static_cast<std::uint16_t>(checksum64(as_bytes(key), space.id.value) % partitions)};
}

}  // namespace engram
