#pragma once
// The look-ups of a batch's keys, each of which waits for memory that no cache has, wait together.

#include <cstdint>

#include "actors/partition/core/graph.h"

namespace engram {

/// Called with each operation of a batch, before its keys are looked up: now and then it has what the next look-ups will touch
/// fetched. A hint: it changes nothing, and keys that live elsewhere cost a little.
void prefetch_keys(Graph& graph, SpaceId space, capnp::List<schema::Operation>::Reader operations, std::uint32_t at);

}  // namespace engram
