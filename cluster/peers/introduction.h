#pragma once
// What a node says of itself to another one, as values: PeerHello in schema/peer.capnp.

#include <cstdint>
#include <string>

#include "cluster/identity/incarnation.h"
#include "cluster/identity/node_identity.h"

namespace engram {

struct Introduction {
  Id128 cluster_id;  // zero: an empty volume that asks for its cluster
  Id128 disk_id;     // zero with it
  std::string name;  // without the ordinal
  std::uint32_t ordinal = 0;
  std::uint32_t nodes = 1;
  std::uint32_t partitions = 1;
  std::uint32_t feature_level = 1;  // in force there
  std::string version;
  Incarnation incarnation;
  std::uint32_t newest_level = 0;   // that its program knows; 0: no higher than that in force
  std::string client_address;       // host:port or unix:/path; empty: none

  [[nodiscard]] std::uint32_t knows_level() const { return newest_level > feature_level ? newest_level : feature_level; }
};

}  // namespace engram
