#pragma once
// Makes the commands of the two-phase protocol out of a client's command: each partition gets its own share only.

#include <map>
#include <string>
#include <vector>

#include "actors/partition/batch_deletions.h"
#include "actors/partition/batch_owners.h"
#include "actors/partition/core/partition_core.h"

namespace engram {

/// By owner. The texts are the batch's.
struct TargetKey {
  Hash128 name;
  capnp::Text::Reader key;
};
using TargetKeys = std::map<PartitionId, std::vector<TargetKey>>;
/// The targets whose ids a participant other than the coordinator needs before it can tell whether an edge exists.
TargetKeys targets_to_resolve(schema::Batch::Reader batch, const BatchOwners& owners, SpaceId space,
                              PartitionId coordinator);

/// Asks a partition for the ids of these keys, and for the edges of its vertices that are deleted at these places.
Frame targets_question(schema::Command::Reader command, const std::vector<TargetKey>& keys,
                       const std::vector<std::uint32_t>& deletions);

/// `to`: the participant, whose share goes with it. `deletions` null: there are none, or all have to know them (level 1).
CommandBytes prepare_message(const TransactionKey& key, const CommandBytes& bytes, const BatchOwners& owners,
                             const BatchDeletions* deletions, PartitionId to, const ResolvedKeys& hints);
CommandBytes prepare_space_message(const TransactionKey& key, schema::Command::Reader command);
/// The coordinator's own, with its share.
CommandBytes commit_message(const TransactionKey& key, const CommandBytes& bytes, const BatchOwners& owners,
                            const BatchDeletions* deletions, const ResolvedKeys& resolved,
                            const std::vector<PartitionId>& participants, const BatchCounts& counts);
CommandBytes commit_delete_message(const TransactionKey& key, schema::Command::Reader command, Lsn locked_at,
                                   const std::vector<PartitionId>& participants);
CommandBytes decide_message(const TransactionKey& key, bool committed, const ResolvedKeys& resolved);
CommandBytes abort_message(const TransactionKey& key);
CommandBytes forget_message(const std::vector<TransactionKey>& keys);

/// The prepares that unlink a vertex to be deleted from its neighbours in other partitions.
std::map<PartitionId, CommandBytes> unlink_messages(const TransactionKey& key, Graph& graph, SpaceId space,
                                                    LocalId vertex);

}  // namespace engram
