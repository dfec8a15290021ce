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

/// `record_misses`: false in tools and tests, where a miss may be read on the spot. `among`: the only transactions that
/// it has to wait for; null: whatever is prepared.
ReadOutcome read(PartitionCore& core, schema::Request::Reader request, bool record_misses,
                 const std::vector<TransactionKey>* among = nullptr);

/// It takes a millisecond and more: a worker does it, so that partitions work side by side, and the thread that brought it
/// goes on with what others want.
[[nodiscard]] bool is_long_read(schema::Request::Reader request);

/// An answer of one partition does not grow beyond this; what would is refused or, if it can go on later, cut.
inline constexpr std::size_t max_answer_bytes = std::size_t{32} << 20;

}  // namespace engram
