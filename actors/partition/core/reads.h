#pragma once
// Answers reads from one partition's state. Runs on the partition's thread, between two commands: a consistent view.

#include "actors/partition/core/partition_core.h"
#include "schema/peer.capnp.h"

namespace engram {

struct ReadOutcome {
  enum class Kind {
    answered,  // `answer` is it
    missing,   // `needs` has to be loaded first, then run it again
    locked,    // `wait_for` has to be decided first, then run it again
  };
  Kind kind = Kind::answered;
  Frame answer;  // schema Answer
  Needs needs;
  std::vector<TransactionKey> wait_for;
};

/// `record_misses`: false in tools and tests, where a miss may be read on the spot. `wait_for_locks`: false once the
/// transactions that were in the way when the read came are decided: later ones cannot have been acknowledged before it.
ReadOutcome read(PartitionCore& core, schema::Request::Reader request, bool record_misses, bool wait_for_locks = true);

}  // namespace engram
