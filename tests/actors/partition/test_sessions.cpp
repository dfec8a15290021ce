// What the table of sessions remembers, and what it forgets.

#include "actors/partition/core/session_table.h"
#include "tests/storage/warm/warm_script.h"

using namespace engram;
using namespace engram::test;

namespace {

constexpr std::uint64_t per_session = 30;

SessionLimits small_limits() {
  SessionLimits limits;
  limits.max_sessions = 50;
  limits.max_answers_in_all = 200;
  return limits;
}

/// As a client that never says what it has heard: all its answers are kept. One second for each command.
void run_session(SessionTable& table, std::uint64_t id) {
  for (std::uint64_t sequence = 1; sequence <= per_session; ++sequence) {
    Outcome outcome;
    outcome.version = id * 1000 + sequence;
    outcome.accepted_ns = static_cast<std::int64_t>(outcome.version) * 1'000'000'000;
    table.record(id, sequence, 0, outcome);
  }
}

std::vector<std::uint64_t> remembered(const SessionTable& table, std::uint64_t up_to) {
  std::vector<std::uint64_t> sessions;
  for (std::uint64_t id = 1; id <= up_to; ++id) {
    auto first = table.find(id, 1);
    if (first) sessions.push_back(id);
    if (first) CHECK(first->version == id * 1000 + 1);
    if (first) CHECK(table.find(id, per_session)->version == id * 1000 + per_session);
  }
  return sessions;
}

void write_back(SessionTable& table, WarmStore& store, std::uint64_t lsn) {
  std::vector<WarmChange> changes;
  table.take_changes(changes);
  write(store, lsn, std::move(changes));
}

SessionTable loaded_from(const WarmStore& store) {
  SessionTable table(small_limits());
  REQUIRE(table.load(WarmStore::View(store)).ok());
  return table;
}

}  // namespace

TEST_CASE("so many answers are kept in all; then the oldest sessions are forgotten, and so are they on disk") {
  TemporaryDirectory directory;
  auto store = open_store({directory.path()});
  SessionTable table(small_limits());
  for (std::uint64_t id = 1; id <= 6; ++id) run_session(table, id);  // 180 answers
  CHECK(remembered(table, 9) == std::vector<std::uint64_t>{1, 2, 3, 4, 5, 6});
  write_back(table, *store, 1);

  run_session(table, 7);  // the 201st makes room: at most 175 stay
  CHECK(remembered(table, 9) == std::vector<std::uint64_t>{2, 3, 4, 5, 6, 7});
  SessionTable again = loaded_from(*store);
  run_session(again, 7);
  CHECK(remembered(again, 9) == remembered(table, 9));  // wherever a replay begins
  write_back(table, *store, 2);
  CHECK(remembered(loaded_from(*store), 9) == remembered(table, 9));

  run_session(table, 1);  // a forgotten session is a new one
  for (std::uint64_t id = 8; id <= 40; ++id) run_session(table, id);
  CHECK(table.size() <= 7);
  CHECK(remembered(table, 40).back() == 40);
}

TEST_CASE("answers that a client has heard do not count") {
  SessionTable table(small_limits());
  run_session(table, 1);
  for (std::uint64_t sequence = 1; sequence <= 1000; ++sequence) table.record(2, sequence, sequence, Outcome());
  CHECK(remembered(table, 1) == std::vector<std::uint64_t>{1});
}
