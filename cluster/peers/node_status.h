#pragma once
// How a node is, as it tells the others every second: NodeStatus in schema/peer.capnp.

#include <cstdint>
#include <string>
#include <vector>

#include "schema/peer.capnp.h"
#include "storage/base/ids.h"
#include "storage/base/result.h"

namespace engram {

struct PartitionStatus {
  PartitionId partition;
  std::uint32_t epoch = 1;
  std::uint64_t applied_lsn = 0;
  std::uint32_t queue = 0;         // commands taken and not applied yet
  std::uint32_t in_doubt = 0;      // transactions prepared here whose outcome is not known yet
  std::uint32_t transactions = 0;  // that are coordinated here
  std::uint32_t long_in_doubt = 0;  // of those in doubt, those that have been so for two seconds and more
  bool operator==(const PartitionStatus&) const = default;
};

struct NodeStatus {
  std::string phase = "starting";
  std::uint32_t feature_level = 1;  // in force there
  std::uint64_t uptime_ms = 0;
  std::uint64_t log_position = 0;  // bytes
  std::uint32_t log_queue = 0;     // commands
  std::uint64_t hot_hits = 0;
  std::uint64_t warm_hits = 0;
  std::uint32_t calls_in_flight = 0;
  std::vector<PartitionStatus> partitions;

  [[nodiscard]] std::uint64_t in_doubt() const;
  [[nodiscard]] std::uint64_t long_in_doubt() const;
  [[nodiscard]] std::uint64_t queue() const;
  /// Of all lookups of vertices, 0 to 1; 1 before the first.
  [[nodiscard]] double hit_rate() const;
  bool operator==(const NodeStatus&) const = default;
};

void write(const NodeStatus& status, schema::NodeStatus::Builder out);
/// Errors: internal (more partitions than a node can have, or a phase that is no word).
Result<NodeStatus> read(schema::NodeStatus::Reader in);

}  // namespace engram
