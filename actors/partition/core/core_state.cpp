// The part of the core's state that is neither vertex nor space: counters, and transactions on their way. It is written
// to the warm store with every write-back, since the log before it is not replayed again.

#include <limits>

#include "actors/partition/core/partition_core.h"
#include "storage/base/damage.h"
#include "storage/base/pack.h"

namespace engram {
namespace {

constexpr std::string_view state_key = "state";
constexpr std::string_view epoch_key = "epoch";

void pack_transaction(Packer& out, const TransactionKey& key) {
  out.number(key.coordinator.value).number(key.number).signed_number(key.started_ns);
}

TransactionKey unpack_transaction(Unpacker& in) {
  TransactionKey key;
  key.coordinator.value = static_cast<std::uint16_t>(in.number());
  key.number = in.number();
  key.started_ns = in.signed_number();
  return key;
}

void pack_record(Packer& out, const LoggedCommand& record) {
  out.number(record.lsn.value).signed_number(record.accepted_ns).text(as_text(record.command.bytes()));
}

LoggedCommand unpack_record(Unpacker& in) {
  LoggedCommand record;
  record.lsn.value = in.number();
  record.accepted_ns = in.signed_number();
  record.command = CommandBytes::copy_of(as_bytes(in.text()));
  return record;
}

void pack_locks(Packer& out, const std::vector<LockRequest>& locks) {
  out.number(locks.size());
  for (const LockRequest& lock : locks) out.number(lock.name).number(static_cast<std::uint64_t>(lock.mode));
}

std::vector<LockRequest> unpack_locks(Unpacker& in) {
  std::vector<LockRequest> locks;
  for (std::uint64_t left = in.number(); left > 0 && in.ok(); --left) {
    std::uint64_t name = in.number();
    locks.push_back({name, static_cast<LockMode>(in.number())});
  }
  return locks;
}

void pack_keys(Packer& out, const ResolvedKeys& keys) {
  out.number(keys.size());
  for (const auto& [name, id] : keys) out.number(name.high).number(name.low).number(id.value);
}

ResolvedKeys unpack_keys(Unpacker& in) {
  ResolvedKeys keys;
  for (std::uint64_t left = in.number(); left > 0 && in.ok(); --left) {
    Hash128 name{in.number(), in.number()};
    keys.set(name, VertexId{in.number()});
  }
  return keys;
}

}  // namespace

Status PartitionCore::open(const WarmStore* store) {
  if (store == nullptr) return graph_.open(nullptr, LocalId{0});
  WarmStore::View view(*store);
  applied_ = view.applied_lsn();
  if (Status status = load_epoch(view); !status.ok()) return status;
  if (Status status = sessions_.load(view); !status.ok()) return status;
  if (Status status = load_state(view); !status.ok()) return status;
  return graph_.open(store, graph_.next_local());
}

std::vector<WarmChange> PartitionCore::take_all() {
  cut();
  take_some(std::numeric_limits<std::size_t>::max());
  return taken();
}

void PartitionCore::cut() {
  graph_.cut();
  sessions_.take_changes(graph_.changes());
  save_state(graph_.changes());
}

void PartitionCore::save_state(std::vector<WarmChange>& out) {
  Packer packed;
  packed.number(graph_.next_local().value);
  graph_.spaces().pack_counters(packed);
  packed.number(prepared_.size());
  for (const auto& [key, prepared] : prepared_) {
    pack_transaction(packed, key);
    pack_record(packed, prepared.record);
    pack_locks(packed, prepared.locks);
    pack_keys(packed, prepared.reserved);
    packed.number(prepared.plain ? 1 : 0);
  }
  packed.number(decisions_.size());
  for (const auto& [key, decision] : decisions_) {
    pack_transaction(packed, key);
    packed.number(decision.participants.size());
    for (PartitionId participant : decision.participants) packed.number(participant.value);
    pack_keys(packed, decision.resolved);
  }
  packed.number(deletes_.size());
  for (const auto& [lsn, pending] : deletes_) {
    pack_record(packed, pending.record);
    pack_locks(packed, pending.locks);
  }
  packed.number(waiting_.size());
  for (const Waiting& one : waiting_) {
    pack_transaction(packed, one.as);
    pack_record(packed, one.record);
    pack_locks(packed, one.locks);
  }
  out.push_back({WarmTable::meta, std::string(state_key), BlobRef::copy_of(as_bytes(packed.bytes()))});
  Packer epoch;
  epoch.number(epoch_);
  out.push_back({WarmTable::meta, std::string(epoch_key), BlobRef::copy_of(as_bytes(epoch.bytes()))});
}

/// The log tells it too, but is cut off behind what is stored. A store of before has none: nobody had moved yet.
Status PartitionCore::load_epoch(const WarmStore::View& view) const {
  auto value = view.get(WarmTable::meta, as_bytes(epoch_key));
  if (!value.ok()) return value.status();
  if (!value.value().has_value()) return {};
  Unpacker in(*value.value());
  std::uint64_t written = in.number();
  if (!in.ok() || !in.at_end()) return warm_store_damage("the warm store's epoch does not parse");
  if (written <= epoch_) return {};
  return {Code::precondition_failed, "The warm store of partition " + std::to_string(self_.value) + " was written under ownership " +
                                         std::to_string(written) + ", and this node was told to own it under " +
                                         std::to_string(epoch_) + ": another node owns it by now. Start this one with the newest map."};
}

Status PartitionCore::load_state(const WarmStore::View& view) {
  auto value = view.get(WarmTable::meta, as_bytes(state_key));
  if (!value.ok()) return value.status();
  stored_ = value.value().has_value();
  if (!stored_) return {};
  Unpacker in(*value.value());
  graph_.set_next_local({in.number()});
  graph_.spaces().unpack_counters(in);
  for (std::uint64_t left = in.number(); left > 0 && in.ok(); --left) {
    TransactionKey key = unpack_transaction(in);
    Prepared prepared{unpack_record(in), {}, {}, false, {}};
    prepared.locks = unpack_locks(in);
    prepared.reserved = unpack_keys(in);
    prepared.plain = in.number() != 0;
    locks_.acquire(key, prepared.locks);
    prepared_.emplace(key, std::move(prepared));
  }
  for (std::uint64_t left = in.number(); left > 0 && in.ok(); --left) {
    Decision decision{unpack_transaction(in), {}, {}};
    for (std::uint64_t count = in.number(); count > 0 && in.ok(); --count)
      decision.participants.push_back({static_cast<std::uint16_t>(in.number())});
    decision.resolved = unpack_keys(in);
    decisions_.emplace(decision.transaction, std::move(decision));
  }
  for (std::uint64_t left = in.number(); left > 0 && in.ok(); --left) {
    PendingDelete pending{unpack_record(in), {}};
    pending.locks = unpack_locks(in);
    locks_.acquire({self_, pending.record.lsn.value, pending.record.accepted_ns}, pending.locks);
    deletes_.emplace(pending.record.lsn.value, std::move(pending));
  }
  for (std::uint64_t left = in.number(); left > 0 && in.ok(); --left) {
    TransactionKey as = unpack_transaction(in);
    LoggedCommand record = unpack_record(in);
    std::vector<LockRequest> locks = unpack_locks(in);
    queued_.acquire(as, locks);
    waiting_.push_back({std::move(record), std::move(locks), as});
  }
  if (!in.ok() || !in.at_end())
    return warm_store_damage("the warm store's state record does not parse");
  return {};
}

}  // namespace engram
