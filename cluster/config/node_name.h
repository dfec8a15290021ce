#pragma once
// Which node of its cluster this one is. Its name is "<name of the cluster>-<ordinal>", as a StatefulSet names its pods.

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "storage/base/result.h"

namespace engram {

/// Of nodes that nobody named.
inline constexpr std::string_view default_cluster_name = "engram";

struct NodeName {
  /// Where it is from: it was given, or is the host's, or there is none and the default took its place.
  enum class Origin : std::uint8_t { given, host_name, none };

  std::string stem{default_cluster_name};  // the name of the cluster
  std::uint32_t ordinal = 0;
  Origin origin = Origin::none;
  bool has_ordinal = false;  // the ordinal is from the name

  /// "engram-0".
  [[nodiscard]] std::string text() const { return stem + "-" + std::to_string(ordinal); }
};

struct NodeNameSources {
  std::string name;                      // node.name; empty: not given
  std::optional<std::uint64_t> ordinal;  // node.ordinal, if it was given
  std::string host_name;
  std::uint64_t nodes = 1;
};

/// "engram-0" taken apart at its last "-"; nothing if it has not this form: letters, digits, "-" and "_" in front, an
/// ordinal up to 65535 without leading zeros behind, and no more than DNS takes as one label.
std::optional<NodeName> split_node_name(std::string_view name);

/// A name that was given counts most, then an ordinal that was given; the host name counts only in a cluster of several
/// nodes where neither was given. So several nodes on one machine, told apart by their ordinals, have the same cluster's
/// name. A given name may lack the ordinal if that is given, or if there is one node only.
/// Errors (invalid_argument): nothing says which of several nodes it is, the two contradict each other, a malformed name.
Result<NodeName> resolve_node_name(const NodeNameSources& sources);

}  // namespace engram
