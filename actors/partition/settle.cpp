#include "actors/partition/settle.h"

#include "actors/partition/transaction_messages.h"

namespace engram {
namespace {

void apply(PartitionCore& core, CommandBytes command) {
  Effects effects;  // what they ask for is found in the cores by the next round
  core.apply({{core.applied().value + 1}, 0, std::move(command)}, effects);
}

bool is_elsewhere(const std::vector<PartitionCore*>& cores, const TransactionKey& key) {
  return key.coordinator.value < cores.size() && cores[key.coordinator.value] == nullptr;
}

/// One question of a participant, and its coordinator's answer. False: there is none, or none yet, a commit waits for a lock.
bool settle_one(const std::vector<PartitionCore*>& cores, PartitionCore& participant, const TransactionKey& key,
                SettledTransactions& settled) {
  if (is_elsewhere(cores, key)) return false;
  bool known = key.coordinator.value < cores.size();
  if (known && cores[key.coordinator.value]->commit_waits(key)) return false;
  auto decision = known ? cores[key.coordinator.value]->decision(key) : std::nullopt;
  apply(participant, decision ? decide_message(key, true, decision->resolved) : decide_message(key, false, {}));
  ++(decision ? settled.committed : settled.aborted);
  return true;
}

}  // namespace

Result<SettledTransactions> settle_transactions(const std::vector<PartitionCore*>& cores) {
  SettledTransactions settled;
  bool moved = true;
  bool open = true;
  while (moved && open) {
    moved = open = false;
    for (PartitionCore* core : cores) {
      if (core == nullptr) continue;
      for (const TransactionKey& key : core->pending_deletes()) {
        apply(*core, abort_message(key));
        ++settled.aborted;
        moved = true;
      }
      for (const TransactionKey& key : core->in_doubt()) moved = settle_one(cores, *core, key, settled) || moved;
      if (Status failure = core->graph().take_failure(); !failure.ok()) return failure;
    }
    for (PartitionCore* core : cores)
      open = open || (core != nullptr && (core->waiting() > 0 || !core->in_doubt().empty() || !core->pending_deletes().empty()));
  }
  for (PartitionCore* core : cores)
    for (const TransactionKey& key : core == nullptr ? std::vector<TransactionKey>() : core->in_doubt())
      settled.elsewhere += is_elsewhere(cores, key) ? 1 : 0;
  if (open && settled.elsewhere == 0) return Status(Code::corrupt, "transactions wait for each other, and none of them can end");
  return settled;
}

}  // namespace engram
