#pragma once
// The partition core: (state, command) -> (state, effects). Deterministic: it knows no clock, thread, random number or
// file, so that everything that runs history (the engine, recovery, `engram verify`, later replicas and the snapshotter)
// gets the same state and the same answers.
//
// Transactions over partitions, as the core sees them (ARCHITECTURE.md tells the whole protocol):
//   participant   prepare  -> checks its share, takes locks, votes      decide -> applies or forgets its share
//   coordinator   commit   -> checks and applies its own share: the commit point; or finds that it must abort
// A command that finds a lock in its way waits in the state, and runs when the lock goes: in the same order at every
// replay. Of transactions the older one waits and the younger one dies (wait-die), so there is no deadlock; commands of
// one partition hold nothing while they wait, so they may always wait.

#include <deque>
#include <optional>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <capnp/serialize.h>

#include "actors/messages/frame.h"
#include "actors/partition/core/batch_applier.h"
#include "actors/partition/core/graph.h"
#include "actors/partition/core/lock_table.h"
#include "actors/partition/core/outcome.h"
#include "actors/partition/core/session_table.h"
#include "actors/partition/core/space_seed.h"

namespace engram {

/// One record of the log.
struct LoggedCommand {
  Lsn lsn;
  std::int64_t accepted_ns = 0;
  CommandBytes command;
};

/// What the world outside has to do because a command was applied.
struct Effect {
  enum class Kind {
    reply,        // the command with this LSN has this outcome
    vote,         // tell the coordinator
    decided,      // the coordinator's commit record was applied: tell the participants `committed`
    acknowledge,  // tell the coordinator that its decision is applied here
    delete_edges, // a vertex with edges elsewhere is locked: have the other partitions unlink it, then commit
    released,     // a transaction is over here: readers that waited for it may go on
  };
  Kind kind;
  Lsn lsn;
  TransactionKey transaction;
  Outcome outcome;
  bool committed = false;
  ResolvedKeys resolved;
  std::vector<PartitionId> participants;
  BatchCounts counts;
};
using Effects = std::vector<Effect>;

struct CoreOptions {
  PartitionId self;
  std::uint32_t partitions = 1;
  std::uint32_t epoch = 1;  // of the partition's ownership (cluster/map/partition_map.h)
  std::size_t hot_bytes = std::size_t{1} << 30;
  std::uint64_t key_hash_seed = 0;  // random where keys come from outside (HotTier); not part of the state
  SessionLimits sessions;
};

class PartitionCore {
 public:
  explicit PartitionCore(const CoreOptions& options);

  /// From the warm store (null: an empty state). Afterwards the log is replayed from applied() + 1. Errors: those of WarmStore,
  /// corrupt, precondition_failed (a later owner of the partition wrote it).
  Status open(const WarmStore* store);
  [[nodiscard]] Lsn applied() const { return applied_; }
  /// Nothing was ever stored or applied here: a volume that is new, or was lost.
  [[nodiscard]] bool is_new() const { return !stored_ && applied_.value == 0; }
  /// Of a new one, before anything else: knows a spread space from now on. No command says so; it has to be written to the warm
  /// store before there are any.
  void take_over(const SpaceSeed& seed);

  /// The next record of this partition's log. False in the needs: something of it is not in memory.
  bool touch(const LoggedCommand& record, Needs& needs);
  void apply(const LoggedCommand& record, Effects& effects);

  /// Transactions that a read of these vertices has to wait for; empty: none.
  [[nodiscard]] bool locked() const { return !locks_.empty(); }
  void readers_wait_for(SpaceId space, std::string_view key, bool edges, std::vector<TransactionKey>& out) const {
    locks_.readers_wait_for(vertex_lock(space, key), edges, out);
  }
  /// The same of a vertex that is about to be created under this id.
  void readers_wait_for(VertexId reserved, std::vector<TransactionKey>& out) const {
    locks_.readers_wait_for(reserved_lock(reserved), true, out);
  }

  /// Prepared here and not decided: after a restart their coordinators have to be asked.
  [[nodiscard]] std::vector<TransactionKey> in_doubt() const;
  /// Decided here and not acknowledged by all: after a restart the decision is sent again.
  struct Decision {
    TransactionKey transaction;
    std::vector<PartitionId> participants;
    ResolvedKeys resolved;
  };
  [[nodiscard]] std::vector<Decision> decisions() const;
  [[nodiscard]] std::optional<Decision> decision(const TransactionKey& transaction) const;
  /// A commit record of it waits for a lock: neither committed nor aborted yet.
  [[nodiscard]] bool commit_waits(const TransactionKey& transaction) const;
  /// Prepared here, or its prepare waits for a lock: its decision changes something here.
  [[nodiscard]] bool takes_part_in(const TransactionKey& transaction) const;
  [[nodiscard]] std::vector<TransactionKey> pending_deletes() const;
  /// Commands of clients that are logged here and wait for a lock: their answers will come. Session and sequence, and the LSN.
  struct WaitingCommand {
    std::uint64_t session = 0;
    std::uint64_t sequence = 0;
    Lsn lsn;
  };
  [[nodiscard]] std::vector<WaitingCommand> waiting_commands() const;
  /// The command that locked a vertex at this LSN to delete it with its edges elsewhere.
  [[nodiscard]] CommandBytes pending_delete(Lsn lsn) const { return deletes_.at(lsn.value).record.command; }
  [[nodiscard]] std::size_t prepared() const { return prepared_.size(); }
  [[nodiscard]] bool is_prepared(const TransactionKey& transaction) const { return prepared_.contains(transaction); }
  /// Whether its home may have dropped the space already without this partition having heard of it: it voted for that.
  [[nodiscard]] bool may_be_dropped(SpaceId space) const;
  /// Voted for here, and not decided.
  [[nodiscard]] std::vector<TransactionKey> prepared_transactions() const;
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }
  [[nodiscard]] bool undecided() const { return !prepared_.empty() || !waiting_.empty() || !deletes_.empty(); }
  /// Something that was logged at `last` or before it.
  [[nodiscard]] bool undecided_since(Lsn last) const;
  /// The outcome that a retry gets; nothing if the command is new.
  [[nodiscard]] std::optional<Outcome> answered(std::uint64_t session, std::uint64_t sequence) const {
    return sessions_.find(session, sequence);
  }

  /// A write-back: the state as it is now is what will be written, and `applied()` its LSN. The changes are then taken
  /// step by step, in between which commands may be applied (Graph::cut).
  void cut();
  /// True once all is taken.
  bool take_some(std::size_t vertices) { return graph_.take_some(vertices); }
  /// What was taken, all of it by now.
  std::vector<WarmChange> taken() { return std::exchange(graph_.changes(), {}); }
  /// All of it in one step, where nobody waits.
  std::vector<WarmChange> take_all();
  void written_back() { graph_.committed(); }

  Graph& graph() { return graph_; }
  SessionTable& sessions() { return sessions_; }

 private:
  struct Prepared {
    LoggedCommand record;
    std::vector<LockRequest> locks;
    ResolvedKeys reserved;
    bool plain = false;  // checked as a plain share: applied as one
    std::vector<PlainEdge> edges;  // what the check found; not kept over a restart
  };
  struct PendingDelete {  // a vertex locked at this LSN, to be deleted with its edges into other partitions
    LoggedCommand record;
    std::vector<LockRequest> locks;
  };

  void run(const LoggedCommand& record, Effects& effects);
  void run_batch(const LoggedCommand& record, schema::Command::Reader command, Effects& effects);
  bool run_delete_elsewhere(const LoggedCommand& record, schema::Command::Reader command, Effects& effects);
  void run_space_command(const LoggedCommand& record, schema::Command::Reader command, Effects& effects);
  ShareResult check_prepare(const LoggedCommand& record, schema::Command::Reader command, const ResolvedKeys* reserved,
                            bool& plain);
  bool repeats_prepare(const LoggedCommand& record, schema::Command::Reader command, Effects& effects);
  void run_prepare(const LoggedCommand& record, schema::Command::Reader command, std::vector<LockRequest> locks,
                   Effects& effects);
  void run_commit(const LoggedCommand& record, schema::Command::Reader command, Effects& effects);
  void run_decide(const LoggedCommand& record, schema::Command::Reader command, Effects& effects);
  void run_abort(const LoggedCommand& record, schema::TransactionId::Reader id, Effects& effects);
  void run_purge(schema::Command::Reader command);
  std::vector<LocalId> purge_victims(schema::Command::Reader command);

  void commit_delete(schema::Commit::Reader commit, Outcome& outcome, Stamp stamp);
  void apply_prepared(const Prepared& prepared, const ResolvedKeys& resolved, Stamp stamp);
  void unlink(Space& space, capnp::List<schema::Unlink>::Reader entries);
  Status check_space_change(SpaceId space, schema::SpaceChange::Reader change);
  SpaceId apply_space_change(SpaceId space, schema::SpaceChange::Reader change, std::int64_t now_ns);

  /// True if the record has to wait or die; what happens to it is settled then.
  /// `wanted`: the locks that the command stands for, if they had to be known; of a prepare always.
  bool must_wait(const LoggedCommand& record, schema::Command::Reader command, std::vector<LockRequest>& wanted,
                 Effects& effects);
  void rerun_waiting(Effects& effects);
  void release(const TransactionKey& owner, const std::vector<LockRequest>& locks, Effects& effects);
  void answer(const LoggedCommand& record, schema::Command::Reader command, Outcome outcome, Effects& effects);
  void vote(const TransactionKey& transaction, Status status, ShareResult result, Effects& effects);
  [[nodiscard]] Space* space_of(schema::Command::Reader command) { return graph_.spaces().find({command.getSpace()}); }

  Status load_epoch(const WarmStore::View& view) const;
  Status load_state(const WarmStore::View& view);
  void save_state(std::vector<WarmChange>& out);

  PartitionId self_;
  std::uint32_t partitions_;
  std::uint32_t epoch_;
  Graph graph_;
  SessionTable sessions_;
  LockTable locks_;
  Lsn applied_;
  bool stored_ = false;  // the warm store has a state
  absl::flat_hash_map<TransactionKey, Prepared> prepared_;
  absl::flat_hash_map<TransactionKey, Decision> decisions_;
  absl::flat_hash_map<std::uint64_t, PendingDelete> deletes_;  // by LSN
  struct Waiting {
    LoggedCommand record;
    std::vector<LockRequest> locks;
    TransactionKey as;
  };
  std::deque<Waiting> waiting_;
  LockTable queued_;  // what the waiting ones want, so that later ones do not overtake them
};

/// What a client's command about a space or an index says, in the form that partitions pass on.
void space_change_of(schema::Command::Reader command, schema::SpaceChange::Builder change);

/// The root of a command's bytes. They were checked before they were logged.
class CommandView {
 public:
  explicit CommandView(const CommandBytes& bytes);
  [[nodiscard]] schema::Command::Reader root() { return reader_.getRoot<schema::Command>(); }

 private:
  capnp::FlatArrayMessageReader reader_;
};

}  // namespace engram
