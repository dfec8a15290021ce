#include "tests/history/sets.h"

#include <optional>
#include <set>

namespace engram::history {
namespace {

void complain(Anomalies& anomalies, const char* kind, std::string text) {
  anomalies.push_back({kind, std::move(text)});
}

std::string name(const Claim& claim) {
  return std::to_string(claim.number) + " for " + claim.key + " (" + describe(claim) + ")";
}

}  // namespace

Anomalies check_set(const std::vector<Insert>& history, const std::vector<std::string>& members) {
  Anomalies anomalies;
  std::set<std::string> there;
  for (const std::string& member : members)
    if (!there.insert(member).second) complain(anomalies, "duplicate", member);
  std::set<std::string> asked;
  for (const Insert& insert : history) {
    if (!asked.insert(insert.member).second) complain(anomalies, "history", insert.member + " is inserted twice");
    bool found = there.contains(insert.member);
    if (insert.ending == Ending::ok && !found)
      complain(anomalies, "lost", insert.member + " (" + describe(insert) + ")");
    if (insert.ending == Ending::failed && found)
      complain(anomalies, "aborted", insert.member + " (" + describe(insert) + ")");
  }
  for (const std::string& member : there)
    if (!asked.contains(member)) complain(anomalies, "from nowhere", member);
  return anomalies;
}

// --- Unique keys

namespace {

void check_key(const std::string& key, const std::vector<const Claim*>& claims, std::optional<std::int64_t> owner,
               Anomalies& anomalies) {
  const Claim* winner = nullptr;
  const Claim* here = nullptr;
  for (const Claim* claim : claims) {
    if (claim->number == owner) here = claim;
    if (claim->ending != Ending::ok) continue;
    if (winner != nullptr) complain(anomalies, "two winners", name(*winner) + " and " + name(*claim));
    winner = claim;
  }
  if (owner && here == nullptr)
    complain(anomalies, "from nowhere", key + " belongs to " + std::to_string(*owner));
  if (here != nullptr && here->ending == Ending::failed) complain(anomalies, "aborted", name(*here));
  if (winner != nullptr && owner != winner->number)
    complain(anomalies, "lost", name(*winner) + ", the key belongs to " + (owner ? std::to_string(*owner) : "nobody"));
  for (const Claim* claim : claims) {
    if (claim->ending != Ending::failed || !claim->taken) continue;
    bool possible = here != nullptr && here->ending != Ending::failed && here->began_ns < claim->ended_ns;
    if (!possible) complain(anomalies, "no winner", name(*claim) + " was told that it is taken");
  }
}

}  // namespace

Anomalies check_claims(const std::vector<Claim>& history, const std::map<std::string, std::int64_t>& owners) {
  Anomalies anomalies;
  std::map<std::string, std::vector<const Claim*>> by_key;
  std::set<std::int64_t> numbers;
  for (const Claim& claim : history) {
    if (!numbers.insert(claim.number).second) complain(anomalies, "history", name(claim) + " is made twice");
    by_key[claim.key].push_back(&claim);
  }
  for (const auto& [key, claims] : by_key) {
    auto owner = owners.find(key);
    check_key(key, claims, owner == owners.end() ? std::nullopt : std::optional(owner->second), anomalies);
  }
  for (const auto& [key, owner] : owners)
    if (!by_key.contains(key)) complain(anomalies, "from nowhere", key + " belongs to " + std::to_string(owner));
  return anomalies;
}

}  // namespace engram::history
