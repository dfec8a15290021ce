#include "actors/partition/partition.h"

#include <algorithm>

#include "storage/base/failpoint.h"
#include "storage/base/planted_bug.h"

namespace engram {
Frame error_answer(const Status& status) {
  return Frame::build<schema::Answer>([&](schema::Answer::Builder answer) { write_error(status, answer.initError()); });
}

Frame outcome_answer(const Outcome& outcome) {
  return Frame::build<schema::Answer>([&](schema::Answer::Builder answer) { outcome.write(answer.initOutcome()); }, 64);
}

Partition::Partition(const CoreOptions& options, const PartitionLimits& limits, PartitionHost& host, const Clock& clock,
                     std::uint64_t random)
    : options_(options),
      limits_(limits),
      host_(host),
      clock_(clock),
      core_(options),
      // The upper bit keeps them apart from deletions, which are named by their LSN; the random part from those of the
      // process before, whose prepares may still be found in some log.
      first_transaction_(random | std::uint64_t{1} << 63),
      next_transaction_(first_transaction_) {}

void Partition::on(RecoveredMail mail) {
  started_ = true;
  written_back_ = mail.written_back;
  next_lsn_ = {core_.applied().value + 1};
  durable_ = start_lsn_ = core_.applied();
  for (const PartitionCore::Decision& decision : core_.decisions()) {
    Unacknowledged& entry = unacknowledged_[decision.transaction.number];
    entry.key = decision.transaction;
    entry.waiting_for = {decision.participants.begin(), decision.participants.end()};
  }
  for (const TransactionKey& key : core_.pending_deletes()) on_ask(key, options_.self);
  // A retry of one of these must get its answer, and not be tried beside it: that one could fail, for what this one does.
  for (const PartitionCore::WaitingCommand& command : core_.waiting_commands()) {
    SessionKey session{command.session, command.sequence};
    if (planted_bug("forget what waits at a start")) break;
    logged_sessions_[session] = command.lsn.value;
    ports_[command.lsn.value].session = session;
  }
  // Nobody works on these any more: their coordinators are asked with the first tick.
  for (const TransactionKey& key : core_.in_doubt()) asked_once_.insert(key.number);
  recovered_ = std::move(mail.port);
  tell_recovered();
  update_gauges();
}

void Partition::receive(Mail mail) {
  // The others may be ahead: before it knows where its history ends, nothing can be added to it.
  if (!started_ && !std::holds_alternative<RecoveredMail>(mail)) {
    if (answers_as_new(mail)) return;
    if (!std::holds_alternative<TickMail>(mail)) early_.push_back(std::move(mail));
    return;
  }
  handle(std::move(mail));
  for (Mail& early : std::exchange(early_, {})) handle(std::move(early));
}

/// Two volumes may be lost, and each new one asks the other: it must not wait for what it waits for itself.
bool Partition::answers_as_new(const Mail& mail) const {
  const auto* question = std::get_if<RequestMail>(&mail);
  if (!is_new_ || question == nullptr || question->port == nullptr) return false;
  if (!question->request.read<schema::Request>().isDescribeSpaces()) return false;
  question->port->reply(
      Frame::build<schema::Answer>([](schema::Answer::Builder answer) { answer.initDescribeSpaces().setIsNew(true); }));
  return true;
}

void Partition::handle(Mail mail) {
  std::visit([this](auto&& one) { on(std::move(one)); }, std::move(mail));
  if (Status failure = core_.graph().take_failure(); !failure.ok()) host_.panic(failure);
  core_.graph().evict();
}

// --- log and apply --------------------------------------------------------------------------------------------------

Status Partition::room_for_write() const {
  if (pending_bytes_ + transaction_bytes_ > limits_.max_pending_bytes || pending_.size() > limits_.max_pending_records)
    return {Code::overloaded, "The partition has more commands waiting than it may hold; retry with a pause.", "",
            limits_.max_pending_bytes};
  if (core_.waiting() > limits_.max_waiting)
    return {Code::overloaded,
            "As many commands as may wait for transactions that are not decided yet: is a node away that decides them? "
            "Reads of other vertices go on; retry with a pause.",
            "", limits_.max_waiting};
  bool too_dirty = gauges_.dirty_bytes.load(std::memory_order_relaxed) > limits_.max_dirty_bytes;
  if (too_dirty && !store_full_.ok())
    return {Code::disk_full,
            "The warm store cannot be written, and as much as may be held in memory waits for it: " +
                store_full_.message() + " Reads go on; make room, and writes go on by themselves.",
            "", limits_.max_dirty_bytes};
  if (too_dirty)
    return {Code::overloaded,
            "More state waits to be written to the warm store than may be held in memory: the disk is slow. Reads go "
            "on; retry with a pause.",
            "", limits_.max_dirty_bytes};
  return {};
}

Lsn Partition::append(CommandBytes command, Gate gate) {
  Lsn lsn = next_lsn_;
  ++next_lsn_.value;
  LoggedCommand record{lsn, clock_.wall_ns(), std::move(command)};
  pending_bytes_ += record.command.bytes().size();
  if (!gate.ports.empty()) {
    if (gate.session.first != 0) logged_sessions_[gate.session] = lsn.value;
    ports_[lsn.value] = std::move(gate);
  }
  // What the command will touch is loaded while the disk syncs.
  Needs needs;
  if (!core_.touch(record, needs)) load(std::move(needs), [](const Status&) {});
  host_.append(lsn, append_epoch_, record.accepted_ns, record.command);
  if (!held_reads_.empty() || core_.waiting() != 0) host_.press_log();
  pending_.push_back(std::move(record));
  if (planted_bug("acknowledge before it is durable")) durable_ = lsn;
  return lsn;
}

void Partition::on(PeerCommandMail mail) {
  Failpoints::hit("transaction.before_participant");
  CommandView view(mail.command);
  auto command = view.root();
  if (stopping_ && (refuse_prepare(command) || decides_nothing(command))) return;
  if (repeats_what_waits(command)) return;
  append(std::move(mail.command));
}

void Partition::on(DurableMail mail) {
  durable_ = std::max(durable_, mail.lsn);
  apply_durable();
}

void Partition::apply_durable() {
  while (!apply_waits_ && !pending_.empty() && pending_.front().lsn <= durable_) {
    Needs needs;
    // A command that needs more than fits into memory would be loaded for ever: then the core reads on the spot.
    if (apply_loads_ < max_loads && !core_.touch(pending_.front(), needs)) {
      apply_waits_ = true;
      ++apply_loads_;
      load(std::move(needs), [this](const Status& status) {
        if (!status.ok()) host_.panic(status);  // it is logged, and has to be applied
        apply_waits_ = false;
        apply_durable();
      });
      return;
    }
    apply_loads_ = 0;
    LoggedCommand record = std::move(pending_.front());
    pending_.pop_front();
    pending_bytes_ -= record.command.bytes().size();
    forget_part(record);
    Failpoints::hit("partition.before_apply");
    Effects effects;
    core_.apply(record, effects);
    // Before a read that waited for the command could take the failure for its own.
    if (Status failure = core_.graph().take_failure(); !failure.ok()) host_.panic(failure);
    Failpoints::hit("partition.after_apply");
    carry_out(std::move(effects));
    if (record.lsn == purge_lsn_) take_step_soon();
  }
  tell_recovered();
  maybe_write_back(false);
  continue_flush();
  update_gauges();
}

void Partition::carry_out(Effects effects) {
  for (Effect& effect : effects) {
    switch (effect.kind) {
      case Effect::Kind::reply: reply_to(effect.lsn, effect.outcome); break;
      case Effect::Kind::vote: send_vote(effect); break;
      case Effect::Kind::decided: on_decided(effect); break;
      case Effect::Kind::acknowledge:
        Failpoints::hit("transaction.before_acknowledge");
        host_.send(effect.transaction.coordinator,
                   RequestMail{Frame::build<schema::Request>([&](schema::Request::Builder request) {
                                 auto acknowledge = request.initAcknowledge();
                                 effect.transaction.write(acknowledge.initTransaction());
                                 acknowledge.setParticipant(options_.self.value);
                               }),
                               nullptr, options_.self});
        break;
      case Effect::Kind::delete_edges: begin_delete(effect); break;
      case Effect::Kind::released: release_reads(effect.transaction); break;
    }
  }
}

void Partition::reply_to(Lsn lsn, const Outcome& outcome) {
  if (auto commit = commits_.find(lsn.value); commit != commits_.end()) {
    std::uint64_t number = commit->second;
    commits_.erase(commit);
    Failpoints::hit("partition.before_reply");
    on_commit_outcome(number, outcome);
    Failpoints::hit("partition.after_reply");
    return;
  }
  auto failed = failed_deletes_.extract(lsn.value);
  auto found = ports_.find(lsn.value);
  if (found == ports_.end()) return;
  Gate gate = std::move(found->second);
  ports_.erase(found);
  logged_sessions_.erase(gate.session);
  if (auto lost = lost_deletes_.extract(lsn.value); !lost.empty() && outcome.status.code() == Code::conflict) {
    LostDelete& again = lost.mapped();
    std::int64_t pause_ns = again.pause_ns * std::min(++gate.tries, 16);
    host_.wake_in(pause_ns);
    again_.push_back({std::move(again.command), std::move(gate), clock_.monotonic_ns() + pause_ns});
    return;
  }
  Outcome told = outcome;
  if (!failed.empty() && outcome.status.code() == Code::conflict) told.status = std::move(failed.mapped());
  Failpoints::hit("partition.before_reply");
  for (ReplyPortPtr& port : gate.ports) port->reply(outcome_answer(told));
  Failpoints::hit("partition.after_reply");
}

void Partition::append_again() {
  if (stopping_) return;  // whoever waits for one asks the process after this one
  std::int64_t now = clock_.monotonic_ns();
  std::vector<Again> due;
  std::erase_if(again_, [&](Again& one) {
    if (now < one.at_ns) return false;
    due.push_back(std::move(one));
    return true;
  });
  for (Again& one : due) append(std::move(one.command), std::move(one.gate));
}

void Partition::on(RefusedMail mail) {
  if (mail.epoch != append_epoch_) return;
  ++append_epoch_;
  next_lsn_ = mail.first;
  purge_lsn_ = std::min(purge_lsn_, Lsn{mail.first.value - 1});  // the next tick tries again
  std::deque<LoggedCommand> refused;
  while (!pending_.empty() && pending_.back().lsn >= mail.first) {
    pending_bytes_ -= pending_.back().command.bytes().size();
    refused.push_front(std::move(pending_.back()));
    pending_.pop_back();
  }
  for (const LoggedCommand& record : refused) {
    forget_part(record);
    refuse(record, mail.status);
  }
}

void Partition::refuse(const LoggedCommand& record, const Status& status) {
  CommandView view(record.command);
  auto command = view.root();
  Outcome outcome;
  outcome.status = status;
  if (command.isPrepare()) {
    Effect no{Effect::Kind::vote, record.lsn, TransactionKey::read(command.getPrepare().getTransaction()), outcome,
              false, {}, {}, {}};
    send_vote(no);
  } else if (command.isDecide() || command.isAbort() || command.isForget()) {
    to_log_again_.push_back(record.command);
  } else if (command.isCommit()) {
    auto found = transactions_.find(command.getCommit().getTransaction().getNumber());
    commits_.erase(record.lsn.value);
    if (found != transactions_.end()) {
      found->second->stage = Transaction::Stage::preparing;  // nothing of the commit happened: all have to hear of it
      give_up(*found->second, status);
    }
  } else if (command.isPurge()) {
    purge_lsn_ = {};
  }
  reply_to(record.lsn, outcome);
}

// --- reads ----------------------------------------------------------------------------------------------------------

void Partition::on(RequestMail mail) {
  auto request = mail.request.read<schema::Request>();
  switch (request.which()) {
    case schema::Request::VOTE: return on_vote(request.getVote());
    case schema::Request::ACKNOWLEDGE: return on_acknowledge(request.getAcknowledge());
    case schema::Request::ASK_OUTCOME: return on_ask(TransactionKey::read(request.getAskOutcome()), mail.from);
    default: return run_read(std::move(mail));
  }
}

void Partition::run_read(RequestMail mail, int loads) {
  if (mail.port->cancelled()) return;
  auto request = mail.request.read<schema::Request>();
  if (std::int64_t deadline = deadline_of(mail); deadline != 0 && clock_.monotonic_ns() > deadline)
    return mail.port->reply(error_answer({Code::deadline_exceeded, "The time given ran out; nothing was changed."}));
  ReadOutcome outcome = read(core_, request, loads < max_loads, mail.waits_among.get());
  switch (outcome.kind) {
    case ReadOutcome::Kind::answered:
      (loads == 0 ? gauges_.hot_hits : gauges_.warm_hits).fetch_add(1, std::memory_order_relaxed);
      return mail.port->reply(std::move(outcome.answer));
    case ReadOutcome::Kind::missing: {
      auto held = std::make_shared<RequestMail>(std::move(mail));
      return load(std::move(outcome.needs), [this, held, loads](const Status& status) {
        if (!status.ok()) return held->port->reply(error_answer(status));
        run_read(std::move(*held), loads + 1);
      });
    }
    case ReadOutcome::Kind::locked:
      if (mail.waits_among == nullptr)
        mail.waits_among = std::make_shared<const std::vector<TransactionKey>>(core_.prepared_transactions());
      held_reads_.push_back({std::move(mail), std::move(outcome.wait_for)});
      host_.press_log();
  }
}

void Partition::release_reads(const TransactionKey& transaction) {
  if (held_reads_.empty()) return;
  std::vector<RequestMail> ready;
  std::erase_if(held_reads_, [&](HeldRead& held) {
    std::erase(held.wait_for, transaction);
    if (!held.wait_for.empty()) return false;
    ready.push_back(std::move(held.mail));
    return true;
  });
  for (RequestMail& mail : ready) run_read(std::move(mail));
}

void Partition::load(Needs needs, std::function<void(const Status&)> then) {
  std::uint64_t number = next_load_++;
  loads_.emplace(number, std::move(then));
  host_.load(number, std::move(needs));
}

void Partition::on(LoadedMail mail) {
  auto found = loads_.find(mail.load);
  if (found == loads_.end()) return;
  auto then = std::move(found->second);
  loads_.erase(found);
  if (!mail.parts.ok()) return then(mail.parts.status());
  // If a write-back began meanwhile it may be stale: it is not taken, and `then` asks again.
  core_.graph().install(std::move(mail.parts).value());
  then(core_.graph().take_failure());
}

void Partition::update_gauges() {
  auto set = [](std::atomic<std::uint64_t>& gauge, std::uint64_t value) {
    gauge.store(value, std::memory_order_relaxed);
  };
  HotTier& hot = core_.graph().hot();
  set(gauges_.applied_lsn, core_.applied().value);
  set(gauges_.pending_records, pending_.size());
  set(gauges_.pending_bytes, pending_bytes_);
  set(gauges_.hot_bytes, hot.bytes());
  set(gauges_.dirty_bytes, hot.dirty_bytes());
  set(gauges_.hot_vertices, hot.vertices());
  set(gauges_.evictions, hot.evictions());
  set(gauges_.warm_reads, core_.graph().warm_reads());
  set(gauges_.transactions, transactions_.size());
  set(gauges_.waiting_reads, held_reads_.size() + loads_.size());
  set(gauges_.sessions, core_.sessions().size());
  set(gauges_.spaces, core_.graph().spaces().size());
  set(gauges_.names, core_.graph().dictionary().size());
  set(gauges_.in_doubt, core_.prepared());
  set(gauges_.long_in_doubt, std::min(long_in_doubt_, core_.prepared()));
}

}  // namespace engram
