#pragma once

#include <cstdint>
#include <string>

namespace engram {

/// A node as clients are told of it.
struct ClusterMember {
  std::uint32_t ordinal = 0;
  std::string address;  // for clients; empty: not known
  bool connected = false;
};

}  // namespace engram
