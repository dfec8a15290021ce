#pragma once
// The state of a partition as text, for comparisons.

#include <string>

#include "actors/partition/core/partition_core.h"

namespace engram::test {

/// Everything that a core knows, in an order that does not depend on how it came to know it: equal states give equal texts.
std::string describe(PartitionCore& core);

}  // namespace engram::test
