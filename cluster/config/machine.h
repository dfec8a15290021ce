#pragma once
// What this process may use: of a container's limits and the machine's size, the smaller. And what the machine is called.

#include <cstdint>
#include <string>

namespace engram {

struct Machine {
  unsigned cores = 1;              // that may be used at the same time: affinity and CPU quota, rounded up
  std::uint64_t memory_bytes = 0;  // the memory cgroup's limit or the machine's memory
  std::string host_name{};         // the container's, if it has one of its own; empty: not known
};

/// Reads /proc and the cgroup file systems (versions 1 and 2) below `root`; tests pass a directory of their own.
Machine detect_machine(const std::string& root = "");

}  // namespace engram
