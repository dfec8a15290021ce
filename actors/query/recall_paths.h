#pragma once
// The paths of recall: for every hit, the way along which the greatest contributions came.
//
// The last step is the greatest single contribution that the vertex received in any round; of equal ones the earliest,
// then the one from the smallest key. What its source passed on in round r it had received in round r-1: the step
// before is the greatest contribution of exactly that round. So every path ends at a seed, after as many steps as
// rounds.

#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "actors/query/activation.h"

namespace engram {

using KeysOfSlots = absl::flat_hash_map<Activation::Slot, std::string_view>;

/// Every vertex that may be on the path of one of the hits, the hits among them: ties are settled by keys, so the keys
/// of all have to be known first.
std::vector<Activation::Slot> vertices_on_paths(const Activation& activation,
                                                const std::vector<Activation::Slot>& hits);

/// From a seed to the hit. `keys` has those of vertices_on_paths.
std::vector<Activation::Slot> path_to(const Activation& activation, Activation::Slot hit, const KeysOfSlots& keys);

}  // namespace engram
