#pragma once
// A type for every kind of id, so that the compiler tells them apart.

#include <compare>
#include <cstdint>
#include <functional>

namespace engram {

/// A partition's number in the cluster, 0 to 65,535.
struct PartitionId {
  std::uint16_t value = 0;
  auto operator<=>(const PartitionId&) const = default;
};

/// The position of a command in its partition's history: 1, 2, 3 ... without gaps. 0: before the first.
struct Lsn {
  std::uint64_t value = 0;
  auto operator<=>(const Lsn&) const = default;
};

/// A byte offset in the node's command log, counted over all segments since the first.
struct LogPosition {
  std::uint64_t value = 0;
  auto operator<=>(const LogPosition&) const = default;
};

/// A vertex's number in its partition: 48 bits, dense from 0, never used again after a delete.
struct LocalId {
  std::uint64_t value = 0;
  auto operator<=>(const LocalId&) const = default;
};

/// A vertex anywhere: partition in the upper 16 bits, local number in the lower 48.
struct VertexId {
  std::uint64_t value = 0;
  auto operator<=>(const VertexId&) const = default;

  static constexpr VertexId of(PartitionId partition, LocalId local) {
    return {(std::uint64_t{partition.value} << 48) | local.value};
  }
  [[nodiscard]] constexpr PartitionId partition() const {
    return {static_cast<std::uint16_t>(value >> 48)};
  }
  [[nodiscard]] constexpr LocalId local() const { return {value & ((std::uint64_t{1} << 48) - 1)}; }
};

/// A space (a graph of its own). 0 is the space `default`.
struct SpaceId {
  std::uint64_t value = 0;
  auto operator<=>(const SpaceId&) const = default;
};

/// An interned name (label, edge type, property) in one partition's dictionary. 0 is never given out.
struct NameId {
  std::uint32_t value = 0;
  auto operator<=>(const NameId&) const = default;
};

}  // namespace engram

template <>
struct std::hash<engram::VertexId> {
  std::size_t operator()(engram::VertexId id) const noexcept {
    return static_cast<std::size_t>(id.value * 0x9E3779B97F4A7C15ULL);
  }
};
template <>
struct std::hash<engram::LocalId> {
  std::size_t operator()(engram::LocalId id) const noexcept {
    return static_cast<std::size_t>(id.value * 0x9E3779B97F4A7C15ULL);
  }
};
