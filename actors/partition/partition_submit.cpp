// The way of a client's command into the log: on its own, or as a transaction over several partitions.

#include <algorithm>

#include "actors/partition/partition.h"
#include "actors/partition/transaction_messages.h"

namespace engram {

void Partition::on(SubmitMail mail) {
  CommandView view(mail.command);
  auto command = view.root();
  SessionKey session{command.getSession(), command.getSequence()};
  // The answer may be known and not be told yet, until it holds in all partitions.
  if (auto running = transaction_sessions_.find(session); running != transaction_sessions_.end())
    if (Transaction& transaction = *transactions_[running->second]; transaction.held_outcome) {
      transaction.ports.push_back(std::move(mail.port));
      return;
    }
  if (auto first = core_.answered(command.getSession(), command.getSequence()))
    return mail.port->reply(outcome_answer(*first));
  if (session.first != 0) {
    // A retry that overtakes its first attempt waits for that one's answer.
    if (auto logged = logged_sessions_.find(session); logged != logged_sessions_.end()) {
      ports_[logged->second].ports.push_back(std::move(mail.port));
      return;
    }
    for (Again& waiting : again_) {
      if (waiting.gate.session != session) continue;
      waiting.gate.ports.push_back(std::move(mail.port));
      return;
    }
    if (auto running = transaction_sessions_.find(session); running != transaction_sessions_.end()) {
      transactions_[running->second]->ports.push_back(std::move(mail.port));
      return;
    }
  }
  Outcome refused;
  refused.status = room_for_write();
  if (refused.status.ok() && !command.isCreateSpace() &&
      core_.graph().spaces().find({command.getSpace()}) == nullptr)
    refused.status = Status(Code::unknown_space, "There is no such space; it may have been dropped.", "space");
  if (!refused.status.ok()) return mail.port->reply(outcome_answer(refused));
  BatchOwners owners = owners_in(command);
  std::vector<PartitionId> participants =
      command.isBatch() ? owners.others(options_.self) : participants_of_space_change(command);
  refused.status = check_deletions(command, owners);
  if (!refused.status.ok()) return mail.port->reply(outcome_answer(refused));
  // Alone, a vertex is locked before its edges are looked at: no change of theirs can come between.
  bool unlinks = owners.deletes_vertices() && owners.operations().size() > 1 && host_.all_know_deletions();
  if (participants.empty() && !unlinks) {
    append(std::move(mail.command), {{std::move(mail.port)}, session, mail.deadline_ns});
  } else {
    begin(std::move(mail), std::move(owners), std::move(participants));
  }
}

/// An older node takes a key's vertex before its deletion for the one after it.
Status Partition::check_deletions(schema::Command::Reader command, const BatchOwners& owners) const {
  if (!owners.deletes_vertices() || host_.all_know_deletions()) return {};
  if (!BatchDeletions(command.getBatch(), owners, {command.getSpace()}).has_later_edges()) return {};
  return {Code::invalid_argument,
          "A vertex is deleted, and a later operation is about its edges: send that one in a batch of its own, or finalize the "
          "cluster's upgrade first.",
          "operations"};
}

BatchOwners Partition::owners_in(schema::Command::Reader command) {
  if (!command.isBatch() || options_.partitions == 1) return {};
  const SpaceRoute& route = core_.graph().spaces().find({command.getSpace()})->route;
  return route.placement == Placement::together ? BatchOwners()
                                                : BatchOwners(command.getBatch(), route, options_.partitions);
}

std::vector<PartitionId> Partition::participants_of_space_change(schema::Command::Reader command) {
  bool everywhere = command.isCreateSpace()
                        ? command.getCreateSpace().getPlacement() == schema::Placement::SPREAD
                        : core_.graph().spaces().find({command.getSpace()})->route.placement == Placement::spread;
  std::vector<PartitionId> others;
  for (std::uint16_t i = 0; everywhere && i < options_.partitions; ++i)
    if (PartitionId{i} != options_.self) others.push_back({i});
  return others;
}

void Partition::begin(SubmitMail mail, BatchOwners owners, std::vector<PartitionId> participants) {
  CommandView view(mail.command);
  auto command = view.root();
  auto transaction = std::make_unique<Transaction>();
  transaction->key = {options_.self, next_transaction_++, clock_.wall_ns()};
  transaction->command = mail.command;
  transaction->ports.push_back(std::move(mail.port));
  transaction->deadline_ns = mail.deadline_ns;
  transaction->request_number = mail.request_number;
  transaction->owners = std::move(owners);
  transaction->participants = std::move(participants);
  if (command.getSession() != 0)
    transaction_sessions_[{command.getSession(), command.getSequence()}] = transaction->key.number;
  transaction_bytes_ += transaction->command.bytes().size();
  Transaction& started = *transaction;
  transactions_.emplace(started.key.number, std::move(transaction));
  if (must_queue(started)) {
    started.stage = Transaction::Stage::queued;
  } else {
    ask_for_targets(started);
  }
}

/// Changes of one space come one after the other: no lock orders what two decisions do in a partition that hears of them
/// late (its log was full, or it asks after a crash), and the last quota has to be the same one everywhere.
bool Partition::must_queue(const Transaction& transaction) {
  CommandView view(transaction.command);
  auto command = view.root();
  if (command.isBatch() || command.isCreateSpace()) return false;
  for (const auto& [number, other] : transactions_) {
    if (other.get() == &transaction || other->deletes.value != 0) continue;
    CommandView other_view(other->command);
    auto change = other_view.root();
    if (!change.isBatch() && !change.isCreateSpace() && change.getSpace() == command.getSpace()) return true;
  }
  return false;
}

void Partition::begin_next_change_of(SpaceId space) {
  for (auto& [number, transaction] : transactions_) {
    if (transaction->stage != Transaction::Stage::queued) continue;
    CommandView view(transaction->command);
    if (view.root().getSpace() == space.value) return ask_for_targets(*transaction);
  }
}

void Partition::ask_for_targets(Transaction& transaction) {
  CommandView view(transaction.command);
  auto command = view.root();
  transaction.hints.clear();
  transaction.resolved.clear();
  transaction.counts = {};
  transaction.waiting_for.clear();
  transaction.deletions.reset();
  transaction_bytes_ -= std::exchange(transaction.deletions_bytes, 0);
  ++transaction.attempts;
  if (!command.isBatch()) return send_prepares(transaction);
  const Space* space = core_.graph().spaces().find({command.getSpace()});
  if (space == nullptr)
    return give_up(transaction, {Code::unknown_space, "There is no such space; it may have been dropped.", "space"});
  TargetKeys wanted = targets_to_resolve(command.getBatch(), transaction.owners, space->route.id, options_.self);
  if (transaction.owners.deletes_vertices() && host_.all_know_deletions()) {
    transaction.deletions.emplace(command.getBatch(), transaction.owners, space->route.id);
    for (const auto& [owner, places] : transaction.deletions->by_owner()) wanted[owner];
  }
  transaction.stage = Transaction::Stage::resolving;
  TransactionKey key = transaction.key;
  for (auto& [owner, keys] : wanted) transaction.waiting_for.insert(owner);
  if (wanted.empty()) return send_prepares(transaction);
  for (const auto& [owner, keys] : wanted) {
    std::vector<Hash128> names;
    for (const TargetKey& target : keys) names.push_back(target.name);
    std::vector<std::uint32_t> places;
    if (transaction.deletions)
      if (auto own = transaction.deletions->by_owner().find(owner); own != transaction.deletions->by_owner().end())
        places = own->second;
    host_.send(owner, RequestMail{targets_question(command, keys, places), target_port(key, owner, std::move(names)),
                                  options_.self, 0, nullptr, transaction.request_number});
  }
}

void Partition::send_prepares(Transaction& transaction) {
  CommandView view(transaction.command);
  auto command = view.root();
  const Space* space = core_.graph().spaces().find({command.getSpace()});
  if (command.isBatch() && space == nullptr)  // since it was asked for targets
    return give_up(transaction, {Code::unknown_space, "There is no such space; it may have been dropped.", "space"});
  transaction.stage = Transaction::Stage::preparing;
  if (transaction.deletions) {
    transaction.deletions_bytes = transaction.deletions->bytes();
    transaction_bytes_ += transaction.deletions_bytes;
    transaction.participants = transaction.owners.others(options_.self);
    for (PartitionId partition : transaction.deletions->elsewhere())
      if (partition != options_.self) transaction.participants.push_back(partition);
    std::sort(transaction.participants.begin(), transaction.participants.end());
    auto repeated = std::unique(transaction.participants.begin(), transaction.participants.end());
    transaction.participants.erase(repeated, transaction.participants.end());
  }
  transaction.waiting_for = {transaction.participants.begin(), transaction.participants.end()};
  transaction.asks = 0;
  if (transaction.waiting_for.empty()) return all_voted(transaction);
  ask_for_votes(transaction);
}

/// Again and again, since a message may be lost with its connection or its node, and what waits for it holds locks: a
/// participant that has prepared casts the same vote once more.
void Partition::ask_for_votes(Transaction& transaction) {
  transaction.ask_again_ns = clock_.monotonic_ns() + pause_before_again_ns(++transaction.asks);
  ask_for_votes(transaction, transaction.waiting_for);
}

void Partition::ask_for_votes(Transaction& transaction, const std::set<PartitionId>& whom) {
  if (whom.empty()) return;
  CommandView view(transaction.command);
  auto command = view.root();
  if (transaction.deletes.value != 0) {
    SpaceId space{command.getSpace()};
    LocalId id;
    core_.graph().find_key(space, text_of(command.getBatch().getOperations()[0].getDeleteVertex().getKey()), id);
    for (auto& [participant, message] : unlink_messages(transaction.key, core_.graph(), space, id))
      if (whom.contains(participant))
        host_.send(participant, PeerCommandMail{std::move(message), transaction.request_number});
    return;
  }
  const BatchDeletions* deletions = transaction.deletions ? &*transaction.deletions : nullptr;
  for (PartitionId participant : whom) {
    CommandBytes prepare =
        command.isBatch()
            ? prepare_message(transaction.key, transaction.command, transaction.owners, deletions, participant,
                              transaction.hints)
            : prepare_space_message(transaction.key, command);
    host_.send(participant, PeerCommandMail{std::move(prepare), transaction.request_number});
  }
}

}  // namespace engram
