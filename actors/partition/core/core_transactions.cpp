// The partition core's part in transactions over partitions.

#include "actors/partition/core/partition_core.h"

#include <algorithm>

#include "storage/base/last_words.h"
#include "storage/base/planted_bug.h"

namespace engram {

// --- participant ----------------------------------------------------------------------------------------------------

void PartitionCore::vote(const TransactionKey& transaction, Status status, ShareResult result, Effects& effects) {
  Effect effect{Effect::Kind::vote, {}, transaction, {}, status.ok(), {}, {}, {}};
  effect.outcome.status = std::move(status);
  effect.resolved = std::move(result.own_ends);
  effect.counts = result.counts;
  effects.push_back(std::move(effect));
}

ShareResult PartitionCore::check_prepare(const LoggedCommand& record, schema::Command::Reader command,
                                         const ResolvedKeys* reserved, bool& plain) {
  auto prepare = command.getPrepare();
  ShareResult result;
  if (!prepare.getSpace().isNone()) {
    result.status = check_space_change({command.getSpace()}, prepare.getSpace());
    return result;
  }
  Space* space = space_of(command);
  if (space == nullptr) {
    result.status = Status(Code::unknown_space, "There is no such space; it may have been dropped.", "space");
    return result;
  }
  if (!prepare.hasBatch()) return result;
  ResolvedKeys resolved = ResolvedKeys::unpack(prepare.getResolved());
  ShareContext context{graph_, *space, {record.accepted_ns, record.lsn.value}, resolved, reserved, prepare.getDeletions()};
  plain = is_plain_share(*space, prepare.getBatch());
  return plain ? check_plain_share(context, prepare.getBatch(), /*count=*/true)
               : apply_share(context, prepare.getBatch(), /*tentative=*/true);
}

/// A coordinator that hears nothing asks again. The first prepare keeps its locks and ids, and the same vote is cast.
bool PartitionCore::repeats_prepare(const LoggedCommand& record, schema::Command::Reader command, Effects& effects) {
  if (!command.isPrepare()) return false;
  TransactionKey transaction = TransactionKey::read(command.getPrepare().getTransaction());
  for (const Waiting& one : waiting_)
    if (one.as == transaction) return true;  // votes when it runs
  auto known = prepared_.find(transaction);
  if (known == prepared_.end()) return false;
  bool plain = false;
  ShareResult result = check_prepare(record, command, &known->second.reserved, plain);
  Status status = result.status;
  vote(transaction, std::move(status), std::move(result), effects);
  return true;
}

void PartitionCore::run_prepare(const LoggedCommand& record, schema::Command::Reader command,
                                std::vector<LockRequest> locks, Effects& effects) {
  TransactionKey transaction = TransactionKey::read(command.getPrepare().getTransaction());
  bool plain = false;
  ShareResult result = check_prepare(record, command, nullptr, plain);
  if (!result.status.ok()) {
    Status refused = result.status;
    return vote(transaction, std::move(refused), {}, effects);
  }
  Prepared prepared{record, std::move(locks), result.created, plain, std::move(result.edges)};
  for (const auto& [name, id] : result.created) prepared.locks.push_back({reserved_lock(id), LockMode::exclusive});
  if (planted_bug("forget a prepare")) return vote(transaction, {}, std::move(result), effects);
  locks_.acquire(transaction, prepared.locks);
  prepared_.emplace(transaction, std::move(prepared));
  vote(transaction, {}, std::move(result), effects);
}

void PartitionCore::run_decide(const LoggedCommand& record, schema::Command::Reader command, Effects& effects) {
  auto decide = command.getDecide();
  TransactionKey transaction = TransactionKey::read(decide.getTransaction());
  // A prepare that still waits for a lock can only be told that its transaction is over.
  for (auto one = waiting_.begin(); one != waiting_.end(); ++one) {
    if (one->as != transaction) continue;
    queued_.release(one->as, one->locks);
    waiting_.erase(one);
    break;
  }
  auto found = prepared_.find(transaction);
  if (found != prepared_.end()) {
    Prepared prepared = std::move(found->second);
    prepared_.erase(found);
    if (decide.getCommitted())
      apply_prepared(prepared, ResolvedKeys::unpack(decide.getResolved()), {record.accepted_ns, record.lsn.value});
    release(transaction, prepared.locks, effects);
  }
  effects.push_back({Effect::Kind::acknowledge, record.lsn, transaction, {}, decide.getCommitted(), {}, {}, {}});
  rerun_waiting(effects);
}

void PartitionCore::apply_prepared(const Prepared& prepared, const ResolvedKeys& resolved, Stamp stamp) {
  CommandView view(prepared.record.command);
  auto command = view.root();
  auto prepare = command.getPrepare();
  if (!prepare.getSpace().isNone()) {
    apply_space_change({command.getSpace()}, prepare.getSpace(), stamp.time_ns);
    return;
  }
  Space* space = space_of(command);
  if (space == nullptr) return;  // dropped meanwhile: all that it holds goes anyway
  unlink(*space, prepare.getUnlink());
  if (!prepare.hasBatch()) return;
  ShareContext context{graph_, *space, stamp, resolved, &prepared.reserved, prepare.getDeletions()};
  ShareResult result = prepared.plain ? apply_plain_share(context, prepare.getBatch(), prepared.edges)
                                      : apply_share(context, prepare.getBatch(), /*tentative=*/false);
  if (result.status.code() == Code::corrupt) return;  // the warm store failed: the owner sees the graph's failure, and stops
  if (!result.status.ok()) {
    // The locks kept everything as it was when this share succeeded: only a defect gets here, and going on would leave
    // an edge at one end.
    last_words("partition " + std::to_string(self_.value) + ": a prepared transaction cannot be applied: " +
               result.status.message());
    std::abort();
  }
}

void PartitionCore::unlink(Space& space, capnp::List<schema::Unlink>::Reader entries) {
  for (auto entry : entries) {
    auto type = graph_.dictionary().find(text_of(entry.getType()));
    LocalId id = VertexId{entry.getVertex()}.local();
    Side side = entry.getIncoming() ? Side::in : Side::out;
    if (type && graph_.vertex_with(id, side) != nullptr)
      graph_.erase_edge(id, side, space, {*type, {entry.getNeighbour()}, entry.getRank()});
  }
}

// --- coordinator ----------------------------------------------------------------------------------------------------

void PartitionCore::run_commit(const LoggedCommand& record, schema::Command::Reader command, Effects& effects) {
  auto commit = command.getCommit();
  Effect decided{Effect::Kind::decided, record.lsn, TransactionKey::read(commit.getTransaction()), {}, false, {}, {}, {}};
  for (auto participant : commit.getParticipants()) decided.participants.push_back({participant});
  // A deletion that is under way happens once by itself, and has locks to release, whatever its session says.
  auto first = commit.getDeleteVertex() != 0 ? std::nullopt : sessions_.find(command.getSession(), command.getSequence());
  if (first) {
    effects.push_back(std::move(decided));
    effects.push_back({Effect::Kind::reply, record.lsn, {}, std::move(*first), false, {}, {}, {}});
    return;
  }
  Outcome outcome;
  Stamp stamp{record.accepted_ns, record.lsn.value};
  decided.resolved = ResolvedKeys::unpack(commit.getResolved());
  Space* space = space_of(command);
  if (commit.getDeleteVertex() != 0) {
    commit_delete(commit, outcome, stamp);
  } else if (!commit.getSpace().isNone()) {
    outcome.status = check_space_change({command.getSpace()}, commit.getSpace());
    if (outcome.status.ok())
      outcome.space = apply_space_change({command.getSpace()}, commit.getSpace(), stamp.time_ns);
  } else if (space == nullptr) {
    outcome.status = Status(Code::unknown_space, "There is no such space; it may have been dropped.", "space");
  } else {
    ShareContext context{graph_, *space, stamp, decided.resolved, nullptr, commit.getDeletions()};
    ShareResult result = apply_share(context, commit.getBatch(), /*tentative=*/false);
    outcome.status = std::move(result.status);
    outcome.created = commit.getCreated() + result.counts.created;
    outcome.updated = commit.getUpdated() + result.counts.updated;
    outcome.deleted = commit.getDeleted() + result.counts.deleted;
    decided.resolved.merge(result.own_ends);
  }
  decided.committed = outcome.status.ok();
  if (!decided.committed) outcome.created = outcome.updated = 0, outcome.deleted = 0;
  if (decided.committed && !decided.participants.empty())
    decisions_[decided.transaction] = {decided.transaction, decided.participants, decided.resolved};
  effects.push_back(decided);
  if (outcome.status.code() == Code::conflict && commit.getDeleteVertex() == 0) {
    // Not remembered: the next attempt is to be executed.
    effects.push_back({Effect::Kind::reply, record.lsn, {}, std::move(outcome), false, {}, {}, {}});
    return;
  }
  answer(record, command, std::move(outcome), effects);
  if (commit.getDeleteVertex() != 0) {
    auto found = deletes_.find(commit.getDeleteVertex());
    if (found == deletes_.end()) return;
    effects.back().lsn = found->second.record.lsn;  // who waits, waits for the command that began it
    std::vector<LockRequest> locks = std::move(found->second.locks);
    deletes_.erase(found);
    release(decided.transaction, locks, effects);
    rerun_waiting(effects);
  }
}

void PartitionCore::commit_delete(schema::Commit::Reader commit, Outcome& outcome, Stamp) {
  auto found = deletes_.find(commit.getDeleteVertex());
  if (found == deletes_.end()) {
    outcome.status = Status(Code::conflict, "The deletion was given up; retry.");
    return;
  }
  CommandView view(found->second.record.command);
  auto command = view.root();
  Space* space = space_of(command);
  if (space == nullptr) return;  // dropped meanwhile
  LocalId id;
  auto key = text_of(command.getBatch().getOperations()[0].getDeleteVertex().getKey());
  if (graph_.find_key(space->route.id, key, id) != Presence::present) return;
  if (graph_.vertex_with(id, Side::out) == nullptr || graph_.vertex_with(id, Side::in) == nullptr) return;
  const HotVertex& hot = *graph_.hot().peek(id);
  outcome.deleted = 1 + hot.out.degree();
  std::vector<std::pair<Side, EdgeSlot>> local;
  for (Side side : {Side::out, Side::in}) {
    EdgeEntry entry;
    for (auto cursor = hot.edges(side).begin(); cursor.next(entry);) {
      bool loop = entry.slot.neighbour == VertexId::of(self_, id);
      if (side == Side::in && !loop) ++outcome.deleted;
      if (entry.slot.neighbour.partition() == self_ && !loop) local.emplace_back(side, entry.slot);
    }
  }
  for (auto& [side, slot] : local) {
    Side other = side == Side::out ? Side::in : Side::out;
    if (graph_.vertex_with(slot.neighbour.local(), other) != nullptr)
      graph_.erase_edge(slot.neighbour.local(), other, *space, {slot.type, VertexId::of(self_, id), slot.rank});
  }
  graph_.remove_vertex(id, *space);
}

void PartitionCore::run_abort(const LoggedCommand& record, schema::TransactionId::Reader id, Effects& effects) {
  TransactionKey transaction = TransactionKey::read(id);
  effects.push_back({Effect::Kind::decided, record.lsn, transaction, {}, false, {}, {}, {}});
  auto pending = deletes_.find(transaction.number);
  if (pending == deletes_.end()) return;
  Outcome outcome;  // not remembered: a retry is to be executed
  outcome.status = Status(Code::conflict, "The deletion lost against another transaction; retry.");
  effects.push_back({Effect::Kind::reply, pending->second.record.lsn, {}, std::move(outcome), false, {}, {}, {}});
  std::vector<LockRequest> locks = std::move(pending->second.locks);
  deletes_.erase(pending);
  release(transaction, locks, effects);
  rerun_waiting(effects);
}

// --- what the shell asks --------------------------------------------------------------------------------------------

std::vector<TransactionKey> PartitionCore::prepared_transactions() const {
  std::vector<TransactionKey> keys;
  for (const auto& [key, prepared] : prepared_) keys.push_back(key);
  return keys;
}

std::vector<TransactionKey> PartitionCore::in_doubt() const {
  std::vector<TransactionKey> keys = prepared_transactions();
  for (const Waiting& one : waiting_) {
    CommandView view(one.record.command);
    if (view.root().isPrepare()) keys.push_back(one.as);
  }
  std::sort(keys.begin(), keys.end(), [](const auto& one, const auto& other) { return one.named_before(other); });
  return keys;
}

std::vector<PartitionCore::Decision> PartitionCore::decisions() const {
  std::vector<Decision> all;
  for (const auto& [key, decision] : decisions_) all.push_back(decision);
  std::sort(all.begin(), all.end(),
            [](const auto& one, const auto& other) { return one.transaction.named_before(other.transaction); });
  return all;
}

std::optional<PartitionCore::Decision> PartitionCore::decision(const TransactionKey& transaction) const {
  auto found = decisions_.find(transaction);
  if (found == decisions_.end()) return std::nullopt;
  return found->second;
}

bool PartitionCore::commit_waits(const TransactionKey& transaction) const {
  for (const Waiting& one : waiting_) {
    CommandView view(one.record.command);
    if (view.root().isCommit() && one.as == transaction) return true;
  }
  return false;
}

bool PartitionCore::takes_part_in(const TransactionKey& transaction) const {
  auto waits = [&](const Waiting& one) { return one.as == transaction; };
  return prepared_.contains(transaction) || std::any_of(waiting_.begin(), waiting_.end(), waits);
}

bool PartitionCore::undecided_since(Lsn last) const {
  auto old = [last](const LoggedCommand& record) { return record.lsn <= last; };
  return std::any_of(prepared_.begin(), prepared_.end(), [&](const auto& one) { return old(one.second.record); }) ||
         std::any_of(waiting_.begin(), waiting_.end(), [&](const Waiting& one) { return old(one.record); }) ||
         std::any_of(deletes_.begin(), deletes_.end(), [&](const auto& one) { return old(one.second.record); });
}

std::vector<PartitionCore::WaitingCommand> PartitionCore::waiting_commands() const {
  std::vector<WaitingCommand> commands;
  for (const Waiting& one : waiting_) {
    CommandView view(one.record.command);
    auto command = view.root();
    if (command.getSession() != 0) commands.push_back({command.getSession(), command.getSequence(), one.record.lsn});
  }
  return commands;
}

std::vector<TransactionKey> PartitionCore::pending_deletes() const {
  std::vector<TransactionKey> keys;
  for (const auto& [lsn, pending] : deletes_) keys.push_back({self_, lsn, pending.record.accepted_ns});
  std::sort(keys.begin(), keys.end(), [](const auto& one, const auto& other) { return one.named_before(other); });
  return keys;
}

}  // namespace engram
