// The live side of transactions over partitions. What is here may be lost at any moment: the logs of the partitions say
// what was promised, and `on_ask` settles the rest (presumed abort).

#include <algorithm>
#include <iterator>

#include "actors/partition/partition.h"
#include "actors/partition/transaction_messages.h"
#include "storage/base/failpoint.h"
#include "storage/base/planted_bug.h"

namespace engram {
namespace {

constexpr std::int64_t ask_again_ns = 2'000'000'000;
constexpr std::size_t forget_at_once = 64;

Status lost_to_others() {
  return {Code::conflict, "Other transactions were in the way until the time ran out; retry."};
}

/// Passes a partition's answer about keys on to the transaction that asked, by mail: it may come on another thread.
class TargetPort final : public ReplyPort {
 public:
  TargetPort(std::function<void(Frame)> deliver) : deliver_(std::move(deliver)) {}
  void reply(Frame answer) override { deliver_(std::move(answer)); }

 private:
  std::function<void(Frame)> deliver_;
};

}  // namespace

ReplyPortPtr Partition::target_port(TransactionKey key, PartitionId owner, std::vector<Hash128> keys) {
  return std::make_shared<TargetPort>([this, key, owner, keys = std::move(keys)](Frame answer) {
    host_.post(options_.self, TargetsMail{key.number, owner, keys, std::move(answer)});
  });
}

void Partition::on(TargetsMail mail) {
  auto found = transactions_.find(mail.transaction);
  if (found == transactions_.end()) return;
  Transaction& transaction = *found->second;
  if (transaction.stage != Transaction::Stage::resolving || transaction.waiting_for.erase(mail.owner) == 0) return;
  auto answer = mail.answer.read<schema::Answer>();
  if (Status error = read_error(answer.getError()); !error.ok())
    return error.code() == Code::unavailable ? retry_later(transaction, error) : give_up(transaction, error);
  if (answer.isLinks())
    if (Status error = transaction.deletions->add(mail.owner, mail.answer); !error.ok()) return give_up(transaction, error);
  auto ids = answer.isLinks() ? answer.getLinks().getIds() : answer.getResolve();
  for (unsigned i = 0; i < ids.size(); ++i)
    transaction.hints.set(mail.keys[i], VertexId{ids[i]});  // absent ones too
  // What others were told of vertices here is checked when the commit is applied.
  for (unsigned i = 0; mail.owner == options_.self && i < ids.size(); ++i)
    transaction.resolved.set(mail.keys[i], VertexId{ids[i]});
  if (transaction.waiting_for.empty()) send_prepares(transaction);
}

// --- coordinator ----------------------------------------------------------------------------------------------------

void Partition::on_vote(schema::Vote::Reader vote) {
  TransactionKey key = TransactionKey::read(vote.getTransaction());
  PartitionId from{vote.getParticipant()};
  auto found = transactions_.find(key.number);
  if (found == transactions_.end() && is_of_before(key)) return on_ask(key, from);
  if (found == transactions_.end() || found->second->stage != Transaction::Stage::preparing ||
      found->second->key.number != key.number)
    return;  // from an attempt that is over; its participant has been or will be told
  Transaction& transaction = *found->second;
  Status error = read_error(vote.getError());
  if (!error.ok()) {
    if (error.code() == Code::conflict) return retry_later(transaction, lost_to_others());
    if (error.code() == Code::unavailable) return retry_later(transaction, error);
    return give_up(transaction, error);
  }
  if (transaction.waiting_for.erase(from) == 0) return;
  for (const auto& [name, id] : ResolvedKeys::unpack(vote.getResolved())) {
    transaction.resolved.set(name, id);
  }
  transaction.counts.created += vote.getCreated();
  transaction.counts.updated += vote.getUpdated();
  transaction.counts.deleted += vote.getDeleted();
  if (transaction.waiting_for.empty() || planted_bug("commit at the first vote")) all_voted(transaction);
}

void Partition::all_voted(Transaction& transaction) {
  CommandView view(transaction.command);
  auto command = view.root();
  transaction.stage = Transaction::Stage::committing;
  Failpoints::hit("transaction.before_commit");
  if (transaction.deletes.value != 0) {
    append(commit_delete_message(transaction.key, command, transaction.deletes, transaction.participants));
    return;  // its outcome goes to who sent the command that locked the vertex
  }
  if (planted_bug("answer before the commit is logged"))
    for (ReplyPortPtr& port : std::exchange(transaction.ports, {})) port->reply(outcome_answer({}));
  const BatchDeletions* deletions = transaction.deletions ? &*transaction.deletions : nullptr;
  Lsn lsn = append(commit_message(transaction.key, transaction.command, transaction.owners, deletions, transaction.resolved,
                                  transaction.participants, transaction.counts));
  commits_[lsn.value] = transaction.key.number;
}

void Partition::on_decided(const Effect& effect) {
  (effect.committed ? gauges_.committed : gauges_.aborted).fetch_add(1, std::memory_order_relaxed);
  Failpoints::hit("transaction.after_commit");
  auto asked = askers_.find(effect.transaction.number);
  std::set<PartitionId> tell(effect.participants.begin(), effect.participants.end());
  if (asked != askers_.end()) {
    tell.insert(asked->second.begin(), asked->second.end());
    askers_.erase(asked);
  }
  auto live = transactions_.find(effect.transaction.number);
  RequestNumber request = live != transactions_.end() ? live->second->request_number : RequestNumber();
  if (live != transactions_.end() && live->second->deletes.value != 0) {
    tell.insert(live->second->participants.begin(), live->second->participants.end());
    transactions_.erase(live);
  }
  tell.erase(options_.self);
  if (effect.committed && !tell.empty())
    unacknowledged_[effect.transaction.number] = {effect.transaction, tell, clock_.monotonic_ns() + pause_before_again_ns(1), 1};
  for (PartitionId participant : tell)
    send_decision(effect.transaction, effect.committed, effect.resolved, participant, request);
  Failpoints::hit("transaction.after_decide");
}

void Partition::send_decision(const TransactionKey& key, bool committed, const ResolvedKeys& resolved, PartitionId to,
                              RequestNumber request) {
  host_.send(to, PeerCommandMail{decide_message(key, committed, resolved), request});
}

void Partition::finish(Transaction& transaction, const Outcome& outcome) {
  CommandView view(transaction.command);
  auto command = view.root();
  transaction_sessions_.erase({command.getSession(), command.getSequence()});
  transaction_bytes_ -= transaction.command.bytes().size() + transaction.deletions_bytes;
  std::vector<ReplyPortPtr> ports = std::move(transaction.ports);
  bool frees_space = !command.isBatch() && !command.isCreateSpace() && transaction.stage != Transaction::Stage::queued;
  SpaceId space{command.getSpace()};
  transactions_.erase(transaction.key.number);
  for (ReplyPortPtr& port : ports) port->reply(outcome_answer(outcome));
  if (frees_space) begin_next_change_of(space);
}

void Partition::on_commit_outcome(std::uint64_t number, const Outcome& outcome) {
  auto found = transactions_.find(number);
  if (found == transactions_.end()) return;
  if (outcome.status.code() == Code::conflict) return retry_later(*found->second, lost_to_others());
  // No lock tells the other partitions' readers and writers that a space is about to change there too: whoever hears that
  // it has changed has to find it so everywhere.
  bool of_a_space = !CommandView(found->second->command).root().isBatch();
  if (of_a_space && outcome.status.ok() && unacknowledged_.contains(number)) {
    found->second->held_outcome = outcome;
    return;
  }
  finish(*found->second, outcome);
}

void Partition::give_up(Transaction& transaction, const Status& status) {
  bool begun = transaction.stage != Transaction::Stage::committing && transaction.stage != Transaction::Stage::queued;
  if (begun && transaction.deletes.value == 0)  // those hear of a deletion's end when it is applied
    for (PartitionId participant : transaction.participants)
      send_decision(transaction.key, false, {}, participant, transaction.request_number);
  Outcome outcome;
  outcome.status = status;
  if (transaction.deletes.value == 0) return finish(transaction, outcome);
  if (status.code() != Code::conflict) failed_deletes_[transaction.deletes.value] = status;
  // The lock goes, and the caller gets its answer, when this is applied.
  transaction.stage = Transaction::Stage::committing;
  append(abort_message(transaction.key));
}

/// `why` is what its caller hears if there is no time for another try.
void Partition::retry_later(Transaction& transaction, const Status& why) {
  bool in_time = transaction.deadline_ns == 0 || clock_.monotonic_ns() < transaction.deadline_ns;
  // Every try is work for the log of each participant, and a node that stops is away for longer than a lock.
  std::int64_t base_ns = why.code() == Code::unavailable ? retry_absent_pause_ns : retry_pause_ns;
  if (in_time && ports_.contains(transaction.deletes.value))  // nobody waits for one that a restart found waiting
    lost_deletes_[transaction.deletes.value] = {transaction.command, base_ns};
  if (transaction.deletes.value != 0 || !in_time)
    return give_up(transaction, why);
  if (transaction.stage == Transaction::Stage::preparing)
    for (PartitionId participant : transaction.participants) send_decision(transaction.key, false, {}, participant);
  // The next attempt has a name of its own, so that late votes for this one cannot count, but keeps its age: it becomes
  // the oldest one day, and then it waits instead of dying.
  auto node = transactions_.extract(transaction.key.number);
  Transaction& again = *node.mapped();
  again.key.number = next_transaction_++;
  again.stage = Transaction::Stage::backing_off;
  std::int64_t pause_ns = base_ns * std::min(again.attempts, 16);
  again.retry_at_ns = clock_.monotonic_ns() + pause_ns;
  host_.wake_in(pause_ns);
  CommandView view(again.command);
  auto command = view.root();
  if (command.getSession() != 0)
    transaction_sessions_[{command.getSession(), command.getSequence()}] = again.key.number;
  node.key() = again.key.number;
  transactions_.insert(std::move(node));
}

void Partition::begin_delete(const Effect& effect) {
  auto command_bytes = core_.pending_delete(effect.lsn);
  auto transaction = std::make_unique<Transaction>();
  transaction->key = effect.transaction;
  transaction->command = command_bytes;
  transaction->deletes = effect.lsn;
  if (auto gate = ports_.find(effect.lsn.value); gate != ports_.end()) transaction->deadline_ns = gate->second.deadline_ns;
  transaction->participants = effect.participants;
  transaction->waiting_for = {effect.participants.begin(), effect.participants.end()};
  Transaction& begun = *transaction;
  transactions_.emplace(effect.transaction.number, std::move(transaction));
  ask_for_votes(begun);
}

void Partition::on_acknowledge(schema::Acknowledge::Reader acknowledge) {
  auto found = unacknowledged_.find(acknowledge.getTransaction().getNumber());
  if (found == unacknowledged_.end()) return;
  found->second.waiting_for.erase({acknowledge.getParticipant()});
  if (!found->second.waiting_for.empty()) return;
  Failpoints::hit("transaction.before_forget");
  std::uint64_t number = found->first;
  to_forget_.push_back(found->second.key);
  unacknowledged_.erase(found);
  auto live = transactions_.find(number);
  if (live != transactions_.end() && live->second->held_outcome) finish(*live->second, Outcome(*live->second->held_outcome));
  if (to_forget_.size() >= forget_at_once) append(forget_message(std::exchange(to_forget_, {})));
  continue_flush();
}

void Partition::on_ask(const TransactionKey& key, PartitionId from) {
  if (planted_bug("call what was committed aborted")) return send_decision(key, false, {}, from);
  if (auto decision = core_.decision(key)) return send_decision(key, true, decision->resolved, from);
  if (planted_bug("call what is undecided aborted")) return send_decision(key, false, {}, from);
  if (transactions_.contains(key.number) || core_.commit_waits(key)) return;
  // Never decided, and nobody here still works on it: abort, and say so in the log before anybody hears it.
  bool first = !askers_.contains(key.number);
  askers_[key.number].insert(from);
  if (first) append(abort_message(key));
}

/// Commands that a crash left waiting take effect before anybody is let in: whoever looks finds what will stay.
void Partition::tell_recovered() {
  if (recovered_ == nullptr || core_.undecided_since(start_lsn_)) return;
  std::exchange(recovered_, nullptr)->reply(outcome_answer({}));
}

// --- participant ----------------------------------------------------------------------------------------------------

void Partition::send_vote(const Effect& effect) {
  Failpoints::hit("transaction.before_vote");
  Frame request = Frame::build<schema::Request>([&](schema::Request::Builder out) {
    auto vote = out.initVote();
    effect.transaction.write(vote.initTransaction());
    vote.setParticipant(options_.self.value);
    if (!effect.outcome.status.ok()) write_error(effect.outcome.status, vote.initError());
    effect.resolved.pack(
        vote.initResolved(static_cast<unsigned>(effect.resolved.size() * ResolvedKeys::entry_bytes)));
    vote.setCreated(effect.counts.created);
    vote.setUpdated(effect.counts.updated);
    vote.setDeleted(effect.counts.deleted);
  });
  host_.send(effect.transaction.coordinator, RequestMail{std::move(request), nullptr, options_.self});
  Failpoints::hit("transaction.after_vote");
}

/// A node that stops begins no more transactions: their coordinators try again when it is back.
bool Partition::refuse_prepare(schema::Command::Reader command) {
  if (!command.isPrepare()) return false;
  TransactionKey transaction = TransactionKey::read(command.getPrepare().getTransaction());
  if (core_.is_prepared(transaction)) return false;
  Outcome away;
  away.status = Status(Code::unavailable, "A partition that the command concerns is stopping; retry.");
  send_vote({Effect::Kind::vote, {}, transaction, away, false, {}, {}, {}});
  return true;
}

/// The end of a transaction that was refused here. A stop waits until all that is logged is written back, and would wait
/// for ever if others could have such things logged meanwhile.
bool Partition::decides_nothing(schema::Command::Reader command) const {
  if (!command.isDecide() || command.getDecide().getCommitted()) return false;
  TransactionKey transaction = TransactionKey::read(command.getDecide().getTransaction());
  if (core_.takes_part_in(transaction)) return false;
  return !pending_parts_.contains({transaction, false});
}

std::optional<Partition::Part> Partition::part_of(schema::Command::Reader command) {
  if (command.isPrepare()) return Part{TransactionKey::read(command.getPrepare().getTransaction()), false};
  if (command.isDecide()) return Part{TransactionKey::read(command.getDecide().getTransaction()), true};
  return std::nullopt;
}

/// The answer to the first one is still to come, and a coordinator's asking again must not fill a log that is slow already.
bool Partition::repeats_what_waits(schema::Command::Reader command) {
  auto part = part_of(command);
  return part && !pending_parts_.insert(*part).second;
}

void Partition::forget_part(const LoggedCommand& record) {
  if (pending_parts_.empty()) return;
  CommandView view(record.command);
  if (auto part = part_of(view.root())) pending_parts_.erase(*part);
}

// --- time -----------------------------------------------------------------------------------------------------------

void Partition::tick_transactions() {
  std::int64_t now = clock_.monotonic_ns();
  for (CommandBytes& command : std::exchange(to_log_again_, {})) append(std::move(command));
  if (!to_forget_.empty()) append(forget_message(std::exchange(to_forget_, {})));
  std::vector<std::uint64_t> due;
  std::vector<std::uint64_t> late;
  for (auto& [number, transaction] : transactions_) {
    bool rested = transaction->stage == Transaction::Stage::backing_off && now >= transaction->retry_at_ns;
    if (rested && !stopping_) due.push_back(number);
    bool waits = transaction->stage < Transaction::Stage::committing;
    if (waits && transaction->deadline_ns != 0 && now > transaction->deadline_ns) late.push_back(number);
    bool silent = transaction->stage == Transaction::Stage::preparing && now >= transaction->ask_again_ns;
    if (silent) ask_for_votes(*transaction);
  }
  for (std::uint64_t number : late)
    give_up(*transactions_[number], {Code::deadline_exceeded, "The time given ran out; the command was not executed."});
  for (std::uint64_t number : due) ask_for_targets(*transactions_[number]);
  for (auto& [number, entry] : unacknowledged_) {
    if (now < entry.send_again_ns) continue;
    entry.send_again_ns = now + pause_before_again_ns(++entry.sends);
    auto decision = core_.decision(entry.key);
    for (PartitionId participant : entry.waiting_for)
      if (decision) send_decision(entry.key, true, decision->resolved, participant);
  }
  if (now - last_ask_ns_ < ask_again_ns) return;
  last_ask_ns_ = now;
  std::set<std::uint64_t> before = std::exchange(asked_once_, {});
  long_in_doubt_ = 0;
  for (const TransactionKey& key : core_.in_doubt()) {
    asked_once_.insert(key.number);
    if (!before.contains(key.number)) continue;
    ++long_in_doubt_;
    ask_outcome(key);
  }
}

void Partition::ask_outcome(const TransactionKey& key) {
  Frame question =
      Frame::build<schema::Request>([&](schema::Request::Builder request) { key.write(request.initAskOutcome()); });
  host_.send(key.coordinator, RequestMail{std::move(question), nullptr, options_.self});
}

/// What may be lost is said again at once: others wait for what it locks, and a tick comes much later than a node that
/// was only restarted.
void Partition::on(ReconnectedMail mail) {
  auto of_them = [&](const std::set<PartitionId>& all) {
    std::set<PartitionId> some;
    std::set_intersection(all.begin(), all.end(), mail.partitions->begin(), mail.partitions->end(), std::inserter(some, some.end()));
    return some;
  };
  for (auto& [number, transaction] : transactions_)
    if (transaction->stage == Transaction::Stage::preparing) ask_for_votes(*transaction, of_them(transaction->waiting_for));
  for (auto& [number, entry] : unacknowledged_) {
    auto decision = core_.decision(entry.key);
    for (PartitionId participant : of_them(entry.waiting_for))
      if (decision) send_decision(entry.key, true, decision->resolved, participant);
  }
  for (const TransactionKey& key : core_.in_doubt())
    if (mail.partitions->contains(key.coordinator)) ask_outcome(key);
}

}  // namespace engram
