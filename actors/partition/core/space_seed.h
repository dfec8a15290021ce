#pragma once
// What a partition on a new volume has to know of the spaces that its cluster has already.

#include <string>
#include <utility>
#include <vector>

#include "actors/partition/core/space_table.h"

namespace engram {

struct SpaceSeed {
  SpaceId id;
  std::string name;
  SpaceQuota quota;  // of the whole space
  std::int64_t created_ns = 0;
  std::vector<std::pair<std::string, std::string>> indexes;  // label, property
};

}  // namespace engram
