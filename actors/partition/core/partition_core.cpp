#include "actors/partition/core/partition_core.h"

#include <algorithm>

#include "actors/partition/core/command_locks.h"
#include "actors/partition/core/share_run.h"
#include "actors/partition/core/vertex_links.h"

namespace engram {
namespace {

/// Commands of one partition wait under names of their own: no transaction has this coordinator.
constexpr PartitionId nobody{0xFFFF};

/// A deletion is one transaction: what it unlinks in another partition has to fit into one record of that one's log.
constexpr std::size_t max_unlink_bytes = std::size_t{48} << 20;
constexpr std::size_t unlink_bytes = 56;  // of one edge, beside its type's name

capnp::ReaderOptions trusted() {
  // Checked by the gateway against its limits before it was logged, and by a checksum since.
  capnp::ReaderOptions options;
  options.traversalLimitInWords = ~std::uint64_t{0} >> 1;
  options.nestingLimit = 64;
  return options;
}

}  // namespace

CommandView::CommandView(const CommandBytes& bytes) : reader_(bytes.words(), trusted()) {}

PartitionCore::PartitionCore(const CoreOptions& options)
    : self_(options.self),
      partitions_(options.partitions),
      epoch_(options.epoch),
      graph_(options.self, options.partitions, options.hot_bytes, options.key_hash_seed),
      sessions_(options.sessions) {}

bool PartitionCore::touch(const LoggedCommand& record, Needs& needs) {
  CommandView view(record.command);
  auto command = view.root();
  needs.generation = graph_.generation();
  auto touch_batch = [&](schema::Batch::Reader batch, schema::Deletions::Reader deletions) {
    Space* space = space_of(command);
    return space == nullptr || touch_share(graph_, *space, batch, deletions, needs);
  };
  switch (command.which()) {
    case schema::Command::BATCH: return touch_batch(command.getBatch(), {});
    case schema::Command::COMMIT: {
      auto commit = command.getCommit();
      return !commit.hasBatch() || touch_batch(commit.getBatch(), commit.getDeletions());
    }
    case schema::Command::PREPARE: {
      auto prepare = command.getPrepare();
      graph_.record_misses(&needs);
      for (auto entry : prepare.getUnlink())
        graph_.vertex_with(VertexId{entry.getVertex()}.local(), entry.getIncoming() ? Side::in : Side::out);
      graph_.record_misses(nullptr);
      bool here = touch_batch(prepare.getBatch(), prepare.getDeletions());
      return here && needs.empty();
    }
    case schema::Command::PURGE:
      graph_.record_misses(&needs);
      for (LocalId id : purge_victims(command))
        for (Side side : {Side::out, Side::in}) graph_.vertex_with(id, side);
      graph_.record_misses(nullptr);
      return needs.empty();
    case schema::Command::DECIDE: {
      auto found = prepared_.find(TransactionKey::read(command.getDecide().getTransaction()));
      return found == prepared_.end() || touch(found->second.record, needs);
    }
    default: return true;  // the rest touches little, and reads it on the spot
  }
}

void PartitionCore::apply(const LoggedCommand& record, Effects& effects) {
  applied_ = record.lsn;
  run(record, effects);
}

void PartitionCore::run(const LoggedCommand& record, Effects& effects) {
  CommandView view(record.command);
  auto command = view.root();
  if (repeats_prepare(record, command, effects)) return;
  std::vector<LockRequest> locks;
  if (must_wait(record, command, locks, effects)) return;
  switch (command.which()) {
    case schema::Command::BATCH: return run_batch(record, command, effects);
    case schema::Command::PREPARE: return run_prepare(record, command, std::move(locks), effects);
    case schema::Command::COMMIT: return run_commit(record, command, effects);
    case schema::Command::DECIDE: return run_decide(record, command, effects);
    case schema::Command::ABORT: return run_abort(record, command.getAbort(), effects);
    case schema::Command::FORGET:
      for (auto id : command.getForget()) decisions_.erase(TransactionKey::read(id));
      return;
    case schema::Command::PURGE: return run_purge(command);
    case schema::Command::CREATE_SPACE:
    case schema::Command::DROP_SPACE:
    case schema::Command::SET_QUOTA:
    case schema::Command::DECLARE_INDEX:
    case schema::Command::DROP_INDEX: return run_space_command(record, command, effects);
  }
}

void PartitionCore::answer(const LoggedCommand& record, schema::Command::Reader command, Outcome outcome,
                           Effects& effects) {
  outcome.version = record.lsn.value;
  outcome.partition = self_;
  outcome.accepted_ns = record.accepted_ns;
  sessions_.record(command.getSession(), command.getSequence(), command.getFirstIncomplete(), outcome);
  effects.push_back({Effect::Kind::reply, record.lsn, {}, std::move(outcome), false, {}, {}, {}});
}

void PartitionCore::run_batch(const LoggedCommand& record, schema::Command::Reader command, Effects& effects) {
  if (auto first = sessions_.find(command.getSession(), command.getSequence())) {
    effects.push_back({Effect::Kind::reply, record.lsn, {}, std::move(*first), false, {}, {}, {}});
    return;
  }
  Outcome outcome;
  Space* space = space_of(command);
  if (space == nullptr) {
    outcome.status = Status(Code::unknown_space, "There is no such space; it may have been dropped.", "space");
  } else if (run_delete_elsewhere(record, command, effects)) {
    return;
  } else {
    ResolvedKeys none;
    ShareResult result = apply_share({graph_, *space, {record.accepted_ns, record.lsn.value}, none, nullptr, {}}, command.getBatch(),
                                     /*tentative=*/false);
    outcome.status = std::move(result.status);
    if (outcome.status.ok()) {
      outcome.created = result.counts.created;
      outcome.updated = result.counts.updated;
      outcome.deleted = result.counts.deleted;
    }
  }
  answer(record, command, std::move(outcome), effects);
}

bool PartitionCore::run_delete_elsewhere(const LoggedCommand& record, schema::Command::Reader command,
                                         Effects& effects) {
  auto operations = command.getBatch().getOperations();
  if (operations.size() != 1 || !operations[0].isDeleteVertex()) return false;
  Space* space = space_of(command);
  LocalId id;
  auto key = text_of(operations[0].getDeleteVertex().getKey());
  if (graph_.find_key(space->route.id, key, id) != Presence::present) return false;
  if (graph_.vertex_with(id, Side::out) == nullptr || graph_.vertex_with(id, Side::in) == nullptr) return false;
  std::vector<std::size_t> elsewhere_bytes(partitions_, 0);
  for_each_link(*graph_.hot().peek(id), self_, [&](Side, const EdgeSlot& slot) {
    elsewhere_bytes[slot.neighbour.partition().value] += unlink_bytes + graph_.dictionary().name(slot.type).size();
  });
  std::size_t most = *std::max_element(elsewhere_bytes.begin(), elsewhere_bytes.end());
  if (most == 0) return false;
  // Without other participants, all preconditions are about this partition; what they found is locked with the vertex.
  ResolvedKeys none;
  ShareContext context{graph_, *space, {record.accepted_ns, record.lsn.value}, none, nullptr, {}};
  Outcome refused;
  refused.status = ShareRun(context).check_preconditions(command.getBatch());
  if (refused.status.ok() && most > max_unlink_bytes)
    refused.status = Status(Code::too_large,
                            "The vertex has too many edges into one other partition to go in one step; delete edges first.",
                            "operations[0].deleteVertex.key", max_unlink_bytes);
  if (!refused.status.ok()) {
    answer(record, command, std::move(refused), effects);
    return true;
  }
  TransactionKey transaction{self_, record.lsn.value, record.accepted_ns};
  PendingDelete pending{record, locks_of(graph_, command)};
  locks_.acquire(transaction, pending.locks);
  deletes_.emplace(record.lsn.value, std::move(pending));
  Effect begin{Effect::Kind::delete_edges, record.lsn, transaction, {}, false, {}, {}, {}};
  for (std::size_t i = 0; i < elsewhere_bytes.size(); ++i)
    if (elsewhere_bytes[i] > 0) begin.participants.push_back({static_cast<std::uint16_t>(i)});
  effects.push_back(std::move(begin));
  return true;
}

// --- locks ----------------------------------------------------------------------------------------------------------

bool PartitionCore::must_wait(const LoggedCommand& record, schema::Command::Reader command,
                              std::vector<LockRequest>& wanted, Effects& effects) {
  if (locks_.empty() && waiting_.empty() && !command.isPrepare()) return false;
  bool transaction = command.isPrepare() || command.isCommit();
  if (!command.isBatch() && !transaction) return false;
  if (command.isCommit() && !command.getCommit().hasBatch()) return false;
  TransactionKey as{nobody, record.lsn.value, record.accepted_ns};
  if (command.isPrepare()) as = TransactionKey::read(command.getPrepare().getTransaction());
  if (command.isCommit()) as = TransactionKey::read(command.getCommit().getTransaction());
  wanted = locks_of(graph_, command);
  std::vector<TransactionKey> against = locks_.conflicts(as, wanted);
  bool behind = !queued_.conflicts(as, wanted).empty();
  if (against.empty() && !behind) return false;
  // A transaction that waited behind a waiting command could close a circle through it: it dies.
  bool may_wait = !transaction || (!behind && std::all_of(against.begin(), against.end(), [&](const auto& other) {
                    return as.older_than(other);
                  }));
  if (may_wait) {
    queued_.acquire(as, wanted);
    waiting_.push_back({record, std::move(wanted), as});
    return true;
  }
  Status lost(Code::conflict, "Another transaction holds a vertex or an edge that this one needs; retry.");
  if (command.isPrepare()) {
    ShareResult none;
    vote(as, std::move(lost), std::move(none), effects);
  } else {
    effects.push_back({Effect::Kind::decided, record.lsn, as, {}, false, {}, {}, {}});
    for (auto participant : command.getCommit().getParticipants()) effects.back().participants.push_back({participant});
    Outcome outcome;  // not remembered: the retry is to be executed
    outcome.status = std::move(lost);
    effects.push_back({Effect::Kind::reply, record.lsn, as, std::move(outcome), false, {}, {}, {}});
  }
  return true;
}

void PartitionCore::release(const TransactionKey& owner, const std::vector<LockRequest>& locks, Effects& effects) {
  locks_.release(owner, locks);
  effects.push_back({Effect::Kind::released, {}, owner, {}, false, {}, {}, {}});
}

void PartitionCore::rerun_waiting(Effects& effects) {
  // Each as if it came now: what it needs locked may have changed, and so may whom it would wait for.
  std::deque<Waiting> again = std::exchange(waiting_, {});
  queued_ = {};
  for (const Waiting& one : again) run(one.record, effects);
}

}  // namespace engram
