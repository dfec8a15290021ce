#pragma once
// Things that are there once or not at all: members of a set, and keys that only one can have.

#include <map>

#include "tests/history/operation.h"

namespace engram::history {

// --- A set ----------------------------------------------------------------------------------------------------------------------
// Members are vertices, each inserted by one operation. Kinds: "lost" (acknowledged and not there), "aborted" (failed and there),
// "from nowhere", "duplicate" (there twice), "history" (inserted twice).

struct Insert : Operation {
  std::string member;
};

/// `members` is what a whole read found when nothing was under way any more.
Anomalies check_set(const std::vector<Insert>& history, const std::vector<std::string>& members);

// --- Unique keys ----------------------------------------------------------------------------------------------------------------
// Several claim one key by a batch that must create it; who wins leaves its number there. Kinds: "two winners"; "no winner"
// (someone was told that the key is taken, and nobody could have had it by then); "lost" (the winner is not there, or another
// is); "aborted" (it belongs to one who failed); "from nowhere"; "history".

struct Claim : Operation {
  std::string key;
  std::int64_t number = 0;
  bool taken = false;  // it failed because the key was there
};

/// `owners`: by key, whose number is there at the end.
Anomalies check_claims(const std::vector<Claim>& history, const std::map<std::string, std::int64_t>& owners);

}  // namespace engram::history
