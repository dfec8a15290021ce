#pragma once
// A partition as its actor runs it: the deterministic core, and around it what has to do with the world: numbering and
// logging commands, holding replies back until they are durable, loading what is not in memory, writing back, and the
// live side of transactions. It has no thread: mail comes in one at a time, and what it wants done goes to its host.
//
// In a crash: everything here but the core's state is lost, and nothing of it was promised. What was acknowledged is in
// the log; transactions in doubt are settled by asking their coordinators (see RecoveredMail).

#include <algorithm>
#include <deque>
#include <map>
#include <set>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include "actors/messages/mail.h"
#include "actors/partition/batch_deletions.h"
#include "actors/partition/batch_owners.h"
#include "actors/partition/core/partition_core.h"
#include "actors/partition/core/reads.h"
#include "storage/base/clock.h"

namespace engram {

/// What a partition needs of the world. Nothing here may call back into the partition before it returned.
class PartitionHost {
 public:
  virtual ~PartitionHost() = default;
  /// Queues a record for the log. Answered by DurableMail or RefusedMail.
  virtual void append(Lsn lsn, std::uint64_t epoch, std::int64_t accepted_ns, const CommandBytes& command) = 0;
  /// Somebody waits for a decision, and for its record in the log if it has come: that one may not wait for another.
  virtual void press_log() = 0;
  virtual void send(PartitionId to, Mail mail) = 0;
  /// The same from a thread that is not the partition's.
  virtual void post(PartitionId to, Mail mail) = 0;
  /// Answered by LoadedMail with the same number.
  virtual void load(std::uint64_t number, Needs needs) = 0;
  /// Answered by WrittenBackMail once it is committed. If the disk is full, the host keeps the changes for later.
  virtual void write_back(std::vector<WarmChange> changes, Lsn applied) = 0;
  virtual void write_back_again() = 0;
  /// Answered by a TickMail after that time, beside those that come anyway.
  virtual void wake_in(std::int64_t duration_ns) = 0;
  /// Damage that was found beside reads and commands, which would answer it: for the log.
  virtual void report_unreadable(const Status& status) = 0;
  /// Answered by a StepMail after a pause in which others may run.
  virtual void step_soon() = 0;
  /// Whether every partition knows schema::Deletions, so that a vertex with edges elsewhere may be one step of a batch.
  [[nodiscard]] virtual bool all_know_deletions() const = 0;
  /// Something that must not be: the process has to stop.
  [[noreturn]] virtual void panic(const Status& status) = 0;
};

struct PartitionLimits {
  std::size_t max_pending_bytes = std::size_t{64} << 20;  // logged but not applied yet, or of transactions that are coordinated here
  std::size_t max_pending_records = 65'536;
  std::size_t max_waiting = 4'096;  // logged and waiting for a lock: each decision looks at all of them again
  std::size_t write_back_bytes = std::size_t{128} << 20;  // dirty bytes that start a write-back
  std::int64_t write_back_after_ns = 30'000'000'000;      // age of dirty state that starts one
  std::size_t write_back_step = 512;                      // vertices taken at a time: less than a millisecond of pause
  std::size_t max_dirty_bytes = std::size_t{1} << 30;     // over this, writes are refused
};

/// Read by the metrics on other threads.
struct PartitionGauges {
  std::atomic<std::uint64_t> applied_lsn{0}, pending_records{0}, pending_bytes{0}, hot_bytes{0}, dirty_bytes{0},
      hot_vertices{0}, hot_hits{0}, warm_hits{0}, warm_reads{0}, transactions{0}, waiting_reads{0}, sessions{0}, write_backs{0},
      evictions{0}, spaces{0}, names{0}, committed{0}, aborted{0}, in_doubt{0}, long_in_doubt{0};
};

class Partition {
 public:
  Partition(const CoreOptions& options, const PartitionLimits& limits, PartitionHost& host, const Clock& clock,
            std::uint64_t random);

  /// Before any mail: the core is opened and replayed through this. The first mail is RecoveredMail.
  PartitionCore& core() { return core_; }

  /// Before any mail: the replay cut a write-back that could not be written. The host has it.
  void begin_with_write_back() {
    write_back_running_ = true;
    write_back_again_ns_ = 1;
  }

  /// Before any mail: it does not know its cluster's spaces yet, and says so to others that ask for them.
  void begin_as_new() { is_new_ = true; }

  void receive(Mail mail);
  [[nodiscard]] const PartitionGauges& gauges() const { return gauges_; }

 private:
  struct Transaction;
  struct HeldRead;
  using SessionKey = std::pair<std::uint64_t, std::uint64_t>;
  struct Gate {  // replies held back until their record is durable and applied
    std::vector<ReplyPortPtr> ports;
    SessionKey session;
    std::int64_t deadline_ns = 0;
    int tries = 0;  // of a deletion that was in the way of others, or whose partitions were not there
  };
  struct LostDelete {
    CommandBytes command;
    std::int64_t pause_ns = 0;  // before its next try
  };
  struct Again {  // a deletion that lost against a transaction: it is tried again until its time runs out
    CommandBytes command;
    Gate gate;
    std::int64_t at_ns = 0;
  };

  void handle(Mail mail);
  bool answers_as_new(const Mail& mail) const;
  [[nodiscard]] bool settled() const;
  void on(RequestMail mail);
  void on(SubmitMail mail);
  void on(PeerCommandMail mail);
  void on(DurableMail mail);
  void on(RefusedMail mail);
  void on(LoadedMail mail);
  void on(WrittenBackMail mail);
  void on(TargetsMail mail);
  void on(RecoveredMail mail);
  void on(ReconnectedMail mail);
  void on(TickMail mail);
  void on(StepMail mail);
  void on(FlushMail mail);

  // Log and apply.
  Lsn append(CommandBytes command, Gate gate);
  Lsn append(CommandBytes command) { return append(std::move(command), Gate()); }
  void apply_durable();
  void append_again();
  void carry_out(Effects effects);
  void reply_to(Lsn lsn, const Outcome& outcome);
  Status room_for_write() const;
  void refuse(const LoggedCommand& record, const Status& status);

  // Reads.
  void run_read(RequestMail mail, int loads = 0);
  void release_reads(const TransactionKey& transaction);
  /// `then` hears of damage in what was asked for, and does not count on it.
  void load(Needs needs, std::function<void(const Status&)> then);

  // Write-back and housekeeping.
  [[nodiscard]] bool unwritten() const { return core_.applied() != written_back_ || index_changed_; }
  void maybe_write_back(bool now);
  void take_changes(std::size_t vertices);
  void retry_write_back();
  void continue_flush();
  void housekeeping();
  void take_step_soon();
  void work_in_background();
  void purge_some();
  /// One step of each. True: the next is due soon.
  bool drop_index_entries();
  bool build_index();
  bool load_for_index(const std::vector<LocalId>& vertices);
  void update_gauges();

  // Transactions (partition_transactions.cpp).
  BatchOwners owners_in(schema::Command::Reader command);
  std::vector<PartitionId> participants_of_space_change(schema::Command::Reader command);
  void begin(SubmitMail mail, BatchOwners owners, std::vector<PartitionId> participants);
  void ask_for_targets(Transaction& transaction);
  [[nodiscard]] bool must_queue(const Transaction& transaction);
  void begin_next_change_of(SpaceId space);
  Status check_deletions(schema::Command::Reader command, const BatchOwners& owners) const;
  void send_prepares(Transaction& transaction);
  void ask_for_votes(Transaction& transaction);
  void ask_for_votes(Transaction& transaction, const std::set<PartitionId>& whom);
  ReplyPortPtr target_port(TransactionKey key, PartitionId owner, std::vector<Hash128> keys);
  void finish(Transaction& transaction, const Outcome& outcome);
  void on_commit_outcome(std::uint64_t number, const Outcome& outcome);
  void on_vote(schema::Vote::Reader vote);
  /// Begun by a process before this one. Not said of deletions, which go on with the process after.
  [[nodiscard]] bool is_of_before(const TransactionKey& key) const {
    return key.number >> 63 != 0 && (key.number < first_transaction_ || key.number >= next_transaction_);
  }
  void all_voted(Transaction& transaction);
  void give_up(Transaction& transaction, const Status& status);
  void retry_later(Transaction& transaction, const Status& why);
  void on_decided(const Effect& effect);
  void on_acknowledge(schema::Acknowledge::Reader acknowledge);
  void on_ask(const TransactionKey& key, PartitionId from);
  void tell_recovered();
  void begin_delete(const Effect& effect);
  void send_vote(const Effect& effect);
  bool refuse_prepare(schema::Command::Reader command);
  [[nodiscard]] bool decides_nothing(schema::Command::Reader command) const;
  bool repeats_what_waits(schema::Command::Reader command);
  void forget_part(const LoggedCommand& record);
  void send_decision(const TransactionKey& key, bool committed, const ResolvedKeys& resolved, PartitionId to,
                     RequestNumber request = {});
  void ask_outcome(const TransactionKey& key);
  void tick_transactions();

  CoreOptions options_;
  PartitionLimits limits_;
  PartitionHost& host_;
  const Clock& clock_;
  PartitionCore core_;
  PartitionGauges gauges_;

  Lsn next_lsn_{1};
  Lsn durable_;
  std::uint64_t append_epoch_ = 1;
  std::deque<LoggedCommand> pending_;
  std::size_t pending_bytes_ = 0;
  bool apply_waits_ = false;  // for a load
  int apply_loads_ = 0;       // for the record in front
  static constexpr int max_loads = 4;
  static constexpr std::int64_t retry_pause_ns = 1'000'000;         // after a conflict, growing
  /// What is not answered is said again after 2 s, then 4, 6 and 8: it may be lost, but its partition may also be slow.
  static std::int64_t pause_before_again_ns(int times) { return std::int64_t{2'000'000'000} * std::min(times, 4); }
  static constexpr std::int64_t retry_absent_pause_ns = 50'000'000;  // while a node is stopping, growing
  std::vector<Again> again_;
  absl::flat_hash_map<std::uint64_t, LostDelete> lost_deletes_;    // by LSN, until their abort is applied
  absl::flat_hash_map<std::uint64_t, Status> failed_deletes_;      // the same, of those with another reason than a conflict
  absl::flat_hash_map<std::uint64_t, Gate> ports_;                       // by LSN
  absl::flat_hash_map<SessionKey, std::uint64_t> logged_sessions_;       // in the log, not applied: by LSN

  std::map<std::uint64_t, std::function<void(const Status&)>> loads_;
  std::uint64_t next_load_ = 1;
  std::vector<HeldRead> held_reads_;

  bool write_back_running_ = false;
  bool step_due_ = false;  // a StepMail is on its way
  bool taking_ = false;  // the first part of it: the changes of the cut are not all taken yet
  Lsn cut_;
  Status store_full_;  // what the last try to write back failed with; it is tried again
  std::int64_t write_back_again_ns_ = 0;
  Lsn written_back_;
  bool started_ = false;         // RecoveredMail came
  bool is_new_ = false;          // and waits for what others know
  bool stopping_ = false;        // FlushMail came: nothing new is begun
  std::int64_t stopping_since_ns_ = 0;
  std::vector<Mail> early_;      // what came before it
  bool index_changed_ = false;   // by building or dropping, which is no command
  std::int64_t dirty_since_ns_ = 0;
  std::vector<ReplyPortPtr> flushes_;
  ReplyPortPtr recovered_;  // who waits until nothing of before the start is undecided
  Lsn start_lsn_;           // the last one of before the start
  Lsn purge_lsn_;  // of the last purge that was logged
  struct IndexBuild {
    SpaceId space;
    IndexNumber index;
    LocalId next;
    bool loading = false;  // what the next step needs
    bool loaded = false;   // it came, or could not be read: then the step says why
  };
  std::optional<IndexBuild> build_;
  IndexNumber drop_reported_;  // the index whose drop met damage last; 0: none

  const std::uint64_t first_transaction_;
  std::uint64_t next_transaction_;
  std::map<std::uint64_t, std::unique_ptr<Transaction>> transactions_;  // coordinated here, by number
  std::size_t transaction_bytes_ = 0;  // of the commands of these, but for deletions, which are in the core
  absl::flat_hash_map<SessionKey, std::uint64_t> transaction_sessions_;
  absl::flat_hash_map<std::uint64_t, std::uint64_t> commits_;  // LSN of a commit record -> transaction
  struct Unacknowledged {
    TransactionKey key;
    std::set<PartitionId> waiting_for;
    std::int64_t send_again_ns = 0;  // when: 0 at once
    int sends = 0;
  };
  std::map<std::uint64_t, Unacknowledged> unacknowledged_;
  std::vector<TransactionKey> to_forget_;
  struct Part {  // in a transaction, as its coordinator had it logged here
    TransactionKey transaction;
    bool decides = false;  // else it prepares
    bool operator==(const Part&) const = default;
    template <typename H>
    friend H AbslHashValue(H hash, const Part& part) {
      return H::combine(std::move(hash), part.transaction, part.decides);
    }
  };
  static std::optional<Part> part_of(schema::Command::Reader command);
  absl::flat_hash_set<Part> pending_parts_;  // logged and not applied
  std::vector<CommandBytes> to_log_again_;  // decisions that a full log refused
  std::map<std::uint64_t, std::set<PartitionId>> askers_;
  std::int64_t last_ask_ns_ = 0;
  std::set<std::uint64_t> asked_once_;  // in doubt at the last look: asked about if they still are at the next
  std::size_t long_in_doubt_ = 0;       // of these, those that were so at the look before
};

struct Partition::HeldRead {
  RequestMail mail;
  std::vector<TransactionKey> wait_for;
};

struct Partition::Transaction {
  enum class Stage { queued, resolving, preparing, committing, backing_off };
  TransactionKey key;
  Stage stage = Stage::preparing;
  CommandBytes command;  // the client's; for a deletion too
  std::vector<ReplyPortPtr> ports;
  std::int64_t deadline_ns = 0;
  BatchOwners owners;     // of a batch
  std::vector<PartitionId> participants;
  std::set<PartitionId> waiting_for;
  ResolvedKeys hints;     // targets as they were before
  ResolvedKeys resolved;  // as voted
  BatchCounts counts;
  std::optional<BatchDeletions> deletions;  // of a batch that deletes vertices, as they are in this attempt
  std::size_t deletions_bytes = 0;          // counted in transaction_bytes_
  std::optional<Outcome> held_outcome;  // of a change of a space, until every partition has applied it
  Lsn deletes;            // the command that locked a vertex to delete
  int attempts = 0;
  std::int64_t retry_at_ns = 0;
  std::int64_t ask_again_ns = 0;  // for votes, when
  int asks = 0;
  RequestNumber request_number;
};

/// A deadline-aware error answer, as a frame.
Frame error_answer(const Status& status);
Frame outcome_answer(const Outcome& outcome);

}  // namespace engram
