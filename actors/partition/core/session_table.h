#pragma once
// Answers retries with the first answer. Part of the partition's state: filled by history alone, so that every replay
// has the same table (the idea: Ongaro, "Consensus: Bridging Theory and Practice", 2014, section 6.3; RIFL, SOSP 2015).

#include <map>
#include <optional>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "actors/partition/core/outcome.h"
#include "storage/base/result.h"
#include "storage/warm/warm_store.h"

namespace engram {

struct SessionLimits {
  /// A session not heard of for so long is forgotten once the table is over its size. By the commands' accepted times.
  std::int64_t ttl_ns = 3'600'000'000'000;
  std::size_t max_sessions = 65'536;
  /// Answers kept of one session; a client may not have more unanswered commands than this.
  std::size_t max_answers = 16'384;
  /// Of all sessions together, or as many as there may be sessions, if that is more. Past this the oldest sessions are
  /// forgotten: a client that never says what it has heard, and begins a new session each time, must not fill the memory.
  std::size_t max_answers_in_all = 1'000'000;
};

class SessionTable {
 public:
  explicit SessionTable(SessionLimits limits) : limits_(limits) {}
  Status load(const WarmStore::View& view);

  /// The first answer if this is a retry; an error `session_expired` if it is older than what is remembered.
  [[nodiscard]] std::optional<Outcome> find(std::uint64_t session, std::uint64_t sequence) const;
  /// Remembers an answer and forgets those below `first_incomplete`. Session 0 is not remembered.
  void record(std::uint64_t session, std::uint64_t sequence, std::uint64_t first_incomplete, const Outcome& outcome);

  [[nodiscard]] std::size_t size() const { return sessions_.size(); }
  void take_changes(std::vector<WarmChange>& out);

 private:
  struct Session {
    std::int64_t last_active_ns = 0;
    std::uint64_t floor = 0;                    // sequences below have been answered and forgotten
    std::map<std::uint64_t, Outcome> answers;
    bool dirty = false;
  };
  void expire(std::int64_t now_ns);
  /// Forgets the oldest sessions but this one until an eighth of all answers may come again.
  void make_room(std::uint64_t recorded);
  /// Oldest first. Ties go by id, so that every replay forgets the same ones.
  [[nodiscard]] std::vector<std::pair<std::int64_t, std::uint64_t>> by_age() const;
  void forget(std::uint64_t id);
  void mark_dirty(std::uint64_t id, Session& session);

  SessionLimits limits_;
  absl::flat_hash_map<std::uint64_t, Session> sessions_;
  std::size_t answers_ = 0;  // of all sessions
  std::vector<std::uint64_t> dirty_;
  std::vector<std::uint64_t> expired_;
};

}  // namespace engram
