#pragma once
// What the settings of a cluster mean together.

#include <cstdint>
#include <string>
#include <vector>

#include "cluster/config/config.h"
#include "storage/base/result.h"

namespace engram {

/// The node's name without its ordinal: the same on all nodes.
std::string cluster_name(const Config& config);

/// How many partitions a cluster gets that was told none.
std::uint32_t default_partitions(const Config& config, std::uint32_t cores);

/// cluster.peers if it is set, else what stands for it, with {} for the ordinal.
std::string peer_pattern(const Config& config);

/// "host:port" of every node, this one included, by ordinal. Errors (invalid_argument, field cluster.peers): not as many as
/// nodes, what is no host:port, one address without {} for several nodes, two nodes at one address, no port to go by.
Result<std::vector<std::string>> peer_addresses(const Config& config);

/// What the other nodes tell clients of this one: listen.advertise, or what stands for it. Empty: nothing that is known before
/// it listens (port 0), or clients cannot connect.
std::string client_address(const Config& config);

}  // namespace engram
