#include "actors/partition/core/session_table.h"

#include <algorithm>

#include "storage/base/damage.h"
#include "storage/base/planted_bug.h"

namespace engram {
namespace {

std::string session_key(std::uint64_t id) {
  std::string key;
  append_big_endian(key, id);
  return key;
}

}  // namespace

Status SessionTable::load(const WarmStore::View& view) {
  Status bad;
  Status scanned = view.scan(WarmTable::sessions, {}, {}, [&](Bytes key, Bytes value) {
    Session session;
    Unpacker in(value);
    session.last_active_ns = in.signed_number();
    session.floor = in.number();
    for (std::uint64_t left = in.number(); left > 0 && in.ok(); --left) {
      std::uint64_t sequence = in.number();
      session.answers.emplace(sequence, Outcome::unpack(in));
    }
    if (!in.ok()) bad = warm_store_damage("the warm store's table of sessions does not parse");
    answers_ += session.answers.size();
    sessions_.emplace(read_big_endian<std::uint64_t>(key.data()), std::move(session));
    return bad.ok();
  });
  return scanned.ok() ? bad : scanned;
}

std::optional<Outcome> SessionTable::find(std::uint64_t session, std::uint64_t sequence) const {
  auto found = sessions_.find(session);
  if (session == 0 || found == sessions_.end() || planted_bug("execute retries anew")) return std::nullopt;
  auto answer = found->second.answers.find(sequence);
  if (answer != found->second.answers.end()) {
    Outcome outcome = answer->second;
    outcome.duplicate = true;
    return outcome;
  }
  if (sequence >= found->second.floor) return std::nullopt;
  Outcome expired;
  expired.status = Status(Code::session_expired,
                          "The answer to this sequence number was forgotten, because a later command said that it had "
                          "arrived. Use a new sequence number for a new command.",
                          "sequence", found->second.floor);
  return expired;
}

void SessionTable::record(std::uint64_t session, std::uint64_t sequence, std::uint64_t first_incomplete,
                          const Outcome& outcome) {
  if (session == 0) return;
  if (sessions_.size() >= limits_.max_sessions && !sessions_.contains(session)) expire(outcome.accepted_ns);
  Session& entry = sessions_[session];
  std::size_t answers_before = entry.answers.size();
  entry.last_active_ns = std::max(entry.last_active_ns, outcome.accepted_ns);
  entry.floor = std::max(entry.floor, std::min(first_incomplete, sequence));
  entry.answers.erase(entry.answers.begin(), entry.answers.lower_bound(entry.floor));
  entry.answers[sequence] = outcome;
  while (entry.answers.size() > limits_.max_answers) {
    entry.floor = entry.answers.begin()->first + 1;
    entry.answers.erase(entry.answers.begin());
  }
  answers_ = answers_ - answers_before + entry.answers.size();
  mark_dirty(session, entry);
  if (answers_ > std::max(limits_.max_answers_in_all, limits_.max_sessions)) make_room(session);
}

void SessionTable::mark_dirty(std::uint64_t id, Session& session) {
  if (session.dirty) return;
  session.dirty = true;
  dirty_.push_back(id);
}

std::vector<std::pair<std::int64_t, std::uint64_t>> SessionTable::by_age() const {
  std::vector<std::pair<std::int64_t, std::uint64_t>> result;
  result.reserve(sessions_.size());
  for (const auto& [id, session] : sessions_) result.emplace_back(session.last_active_ns, id);
  std::sort(result.begin(), result.end());
  return result;
}

void SessionTable::forget(std::uint64_t id) {
  auto found = sessions_.find(id);
  answers_ -= found->second.answers.size();
  sessions_.erase(found);
  expired_.push_back(id);
}

void SessionTable::expire(std::int64_t now_ns) {
  // The oldest eighth at least: one sweep then pays for many new sessions.
  std::size_t at_least = limits_.max_sessions / 8 + 1;
  for (auto [last_active_ns, id] : by_age()) {
    bool old = now_ns - last_active_ns > limits_.ttl_ns;
    if (at_least == 0 && !old) break;
    at_least -= at_least == 0 ? 0 : 1;
    forget(id);
  }
}

void SessionTable::make_room(std::uint64_t recorded) {
  std::size_t most = std::max(limits_.max_answers_in_all, limits_.max_sessions);
  for (auto [last_active_ns, id] : by_age()) {
    if (answers_ <= most - most / 8) break;
    if (id != recorded) forget(id);
  }
}

void SessionTable::take_changes(std::vector<WarmChange>& out) {
  for (std::uint64_t id : expired_)
    if (!sessions_.contains(id)) out.push_back({WarmTable::sessions, session_key(id), {}});
  for (std::uint64_t id : dirty_) {
    auto found = sessions_.find(id);
    if (found == sessions_.end() || !found->second.dirty) continue;
    Session& session = found->second;
    session.dirty = false;
    Packer packed;
    packed.signed_number(session.last_active_ns).number(session.floor).number(session.answers.size());
    for (const auto& [sequence, outcome] : session.answers) {
      packed.number(sequence);
      outcome.pack(packed);
    }
    out.push_back({WarmTable::sessions, session_key(id), BlobRef::copy_of(as_bytes(packed.bytes()))});
  }
  dirty_.clear();
  expired_.clear();
}

}  // namespace engram
