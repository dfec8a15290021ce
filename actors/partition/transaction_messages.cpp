#include "actors/partition/transaction_messages.h"

#include <absl/container/flat_hash_set.h>

#include "actors/partition/core/vertex_links.h"
#include "schema/peer.capnp.h"

namespace engram {
namespace {

unsigned packed_size(const ResolvedKeys& keys) {
  return static_cast<unsigned>(keys.size() * ResolvedKeys::entry_bytes);
}

/// The share of a batch that concerns one partition.
template <typename Init>
void write_share(schema::Batch::Reader batch, const BatchOwners& owners, const BatchDeletions* deletions,
                 PartitionId partition, Init&& init) {
  std::vector<unsigned> operations;
  std::vector<unsigned> conditions;
  for (unsigned i = 0; i < batch.getOperations().size(); ++i) {
    bool concerned = deletions != nullptr && deletions->concerns(i, partition);
    if (concerned || owners.operations()[i].touch(partition)) operations.push_back(i);
  }
  for (unsigned i = 0; i < batch.getPreconditions().size(); ++i)
    if (owners.preconditions()[i].touch(partition)) conditions.push_back(i);
  schema::Batch::Builder share = init();
  auto list = share.initOperations(static_cast<unsigned>(operations.size()));
  for (unsigned i = 0; i < operations.size(); ++i) list.setWithCaveats(i, batch.getOperations()[operations[i]]);
  auto checks = share.initPreconditions(static_cast<unsigned>(conditions.size()));
  for (unsigned i = 0; i < conditions.size(); ++i) checks.setWithCaveats(i, batch.getPreconditions()[conditions[i]]);
  auto set_places = [](const std::vector<unsigned>& from, auto places) {
    for (unsigned i = 0; i < from.size(); ++i) places.set(i, from[i]);
  };
  if (operations.size() != batch.getOperations().size())
    set_places(operations, share.initOperationPlaces(static_cast<unsigned>(operations.size())));
  if (conditions.size() != batch.getPreconditions().size())
    set_places(conditions, share.initPreconditionPlaces(static_cast<unsigned>(conditions.size())));
}

/// Room for a share, its places and its deletions in the first segment, so that a big batch is copied once and not into
/// many segments.
unsigned words_for(const CommandBytes& command, const ResolvedKeys& keys, const BatchDeletions* deletions) {
  std::size_t words = command.bytes().size() / sizeof(capnp::word);
  if (deletions != nullptr) words += deletions->bytes() / sizeof(capnp::word);
  return static_cast<unsigned>(words + words / 16 + 64 + keys.size() * 3);
}

schema::Prepare::Builder begin_prepare(capnp::MessageBuilder& message, const TransactionKey& key, std::uint64_t space) {
  auto root = message.initRoot<schema::Command>();
  root.setSpace(space);
  auto prepare = root.initPrepare();
  key.write(prepare.initTransaction());
  return prepare;
}

schema::Commit::Builder begin_commit(capnp::MessageBuilder& message, const TransactionKey& key,
                                     schema::Command::Reader command, const std::vector<PartitionId>& participants) {
  auto root = message.initRoot<schema::Command>();
  root.setSession(command.getSession());
  root.setSequence(command.getSequence());
  root.setFirstIncomplete(command.getFirstIncomplete());
  root.setSpace(command.getSpace());
  auto commit = root.initCommit();
  key.write(commit.initTransaction());
  auto list = commit.initParticipants(static_cast<unsigned>(participants.size()));
  for (unsigned i = 0; i < participants.size(); ++i) list.set(i, participants[i].value);
  return commit;
}

}  // namespace

TargetKeys targets_to_resolve(schema::Batch::Reader batch, const BatchOwners& owners, SpaceId space,
                              PartitionId coordinator) {
  TargetKeys found;
  absl::flat_hash_set<Hash128, ResolvedKeys::HashOfHash> seen;
  auto edge = [&](schema::EdgeKey::Reader key, const BatchOwners::Ends& ends) {
    if (ends.first == coordinator || ends.first == ends.second) return;
    Hash128 name = ResolvedKeys::name(space, text_of(key.getTarget()));
    if (seen.insert(name).second) found[ends.second].push_back({name, key.getTarget()});
  };
  for (unsigned i = 0; i < batch.getOperations().size(); ++i) {
    auto operation = batch.getOperations()[i];
    if (operation.isPutEdge()) edge(operation.getPutEdge().getEdge(), owners.operations()[i]);
    if (operation.isDeleteEdge()) edge(operation.getDeleteEdge(), owners.operations()[i]);
  }
  for (unsigned i = 0; i < batch.getPreconditions().size(); ++i) {
    auto subject = batch.getPreconditions()[i].getSubject();
    if (subject.isEdge()) edge(subject.getEdge(), owners.preconditions()[i]);
  }
  return found;
}

Frame targets_question(schema::Command::Reader command, const std::vector<TargetKey>& keys,
                       const std::vector<std::uint32_t>& deletions) {
  return Frame::build<schema::Request>([&](schema::Request::Builder out) {
    out.setSpace(command.getSpace());
    auto set_keys = [&](capnp::List<capnp::Text>::Builder list) {
      for (unsigned i = 0; i < keys.size(); ++i) list.set(i, keys[i].key);
    };
    auto count = static_cast<unsigned>(keys.size());
    if (deletions.empty()) return set_keys(out.initResolve(count));
    auto links = out.initLinks();
    set_keys(links.initResolve(count));
    auto vertices = links.initVertices(static_cast<unsigned>(deletions.size()));
    auto operations = command.getBatch().getOperations();
    for (unsigned i = 0; i < vertices.size(); ++i) vertices.set(i, operations[deletions[i]].getDeleteVertex().getKey());
  });
}

CommandBytes prepare_message(const TransactionKey& key, const CommandBytes& bytes, const BatchOwners& owners,
                             const BatchDeletions* deletions, PartitionId to, const ResolvedKeys& hints) {
  CommandView view(bytes);
  auto command = view.root();
  capnp::MallocMessageBuilder message(words_for(bytes, hints, deletions));
  auto prepare = begin_prepare(message, key, command.getSpace());
  write_share(command.getBatch(), owners, deletions, to, [&] { return prepare.initBatch(); });
  if (deletions != nullptr) deletions->write(to, prepare.initDeletions());
  hints.pack(prepare.initResolved(packed_size(hints)));
  return CommandBytes::of(message);
}

CommandBytes prepare_space_message(const TransactionKey& key, schema::Command::Reader command) {
  capnp::MallocMessageBuilder message;
  space_change_of(command, begin_prepare(message, key, command.getSpace()).initSpace());
  return CommandBytes::of(message);
}

CommandBytes commit_message(const TransactionKey& key, const CommandBytes& bytes, const BatchOwners& owners,
                            const BatchDeletions* deletions, const ResolvedKeys& resolved,
                            const std::vector<PartitionId>& participants, const BatchCounts& counts) {
  CommandView view(bytes);
  auto command = view.root();
  capnp::MallocMessageBuilder message(words_for(bytes, resolved, deletions));
  auto commit = begin_commit(message, key, command, participants);
  if (command.isBatch()) {
    write_share(command.getBatch(), owners, deletions, key.coordinator, [&] { return commit.initBatch(); });
    if (deletions != nullptr) deletions->write(key.coordinator, commit.initDeletions());
  } else {
    space_change_of(command, commit.initSpace());
  }
  resolved.pack(commit.initResolved(packed_size(resolved)));
  commit.setCreated(counts.created);
  commit.setUpdated(counts.updated);
  commit.setDeleted(counts.deleted);
  return CommandBytes::of(message);
}

CommandBytes commit_delete_message(const TransactionKey& key, schema::Command::Reader command, Lsn locked_at,
                                   const std::vector<PartitionId>& participants) {
  capnp::MallocMessageBuilder message;
  begin_commit(message, key, command, participants).setDeleteVertex(locked_at.value);
  return CommandBytes::of(message);
}

CommandBytes decide_message(const TransactionKey& key, bool committed, const ResolvedKeys& resolved) {
  capnp::MallocMessageBuilder message(static_cast<unsigned>(resolved.size()) * 3 + 64);
  auto decide = message.initRoot<schema::Command>().initDecide();
  key.write(decide.initTransaction());
  decide.setCommitted(committed);
  resolved.pack(decide.initResolved(packed_size(resolved)));
  return CommandBytes::of(message);
}

CommandBytes abort_message(const TransactionKey& key) {
  capnp::MallocMessageBuilder message;
  key.write(message.initRoot<schema::Command>().initAbort());
  return CommandBytes::of(message);
}

CommandBytes forget_message(const std::vector<TransactionKey>& keys) {
  capnp::MallocMessageBuilder message;
  auto list = message.initRoot<schema::Command>().initForget(static_cast<unsigned>(keys.size()));
  for (unsigned i = 0; i < keys.size(); ++i) keys[i].write(list[i]);
  return CommandBytes::of(message);
}

std::map<PartitionId, CommandBytes> unlink_messages(const TransactionKey& key, Graph& graph, SpaceId space,
                                                    LocalId vertex) {
  if (graph.vertex_with(vertex, Side::out) == nullptr || graph.vertex_with(vertex, Side::in) == nullptr) return {};
  const HotVertex& gone = *graph.hot().peek(vertex);
  std::map<PartitionId, std::vector<std::pair<Side, EdgeSlot>>> by_partition;
  for_each_link(gone, graph.self(), [&](Side side, const EdgeSlot& slot) {
    by_partition[slot.neighbour.partition()].emplace_back(side, slot);
  });
  std::map<PartitionId, CommandBytes> messages;
  for (auto& [partition, entries] : by_partition) {
    capnp::MallocMessageBuilder message(static_cast<unsigned>(entries.size()) * 8 + 64);
    auto prepare = begin_prepare(message, key, space.value);
    prepare.setUnlinkKey(whole_text(std::string(parse_head(gone.head.bytes())->key)));
    auto list = prepare.initUnlink(static_cast<unsigned>(entries.size()));
    for (unsigned i = 0; i < entries.size(); ++i)
      write_link(graph, vertex, entries[i].first, entries[i].second, list[i]);
    messages.emplace(partition, CommandBytes::of(message));
  }
  return messages;
}

}  // namespace engram
