// Hand-written histories of sets and unique keys: good ones pass, and every kind of anomaly is found in one that has it.

#include <catch2/catch.hpp>

#include "tests/history/sets.h"

using namespace engram::history;

namespace {

void require(const Anomalies& found, const std::string& kind) {
  std::string all;
  for (const Anomaly& one : found) all += one.kind + ": " + one.text + "\n";
  INFO(all);
  CHECK(count(found, kind) > 0);
}

Operation at(std::int64_t began_ns, std::int64_t ended_ns, Ending ending) { return {1, began_ns, ended_ns, ending}; }

Insert insert(const std::string& member, Ending ending) { return {at(1, 2, ending), member}; }

Claim claim(const std::string& key, std::int64_t number, Ending ending, bool taken = false, std::int64_t began_ns = 1) {
  return {at(began_ns, began_ns + 5, ending), key, number, taken};
}

}  // namespace

TEST_CASE("a set has all that was acknowledged and nothing that failed") {
  std::vector<Insert> history{insert("x", Ending::ok), insert("y", Ending::failed), insert("z", Ending::unknown)};
  CHECK(check_set(history, {"x"}).empty());
  CHECK(check_set(history, {"z", "x"}).empty());
  require(check_set(history, {"z"}), "lost");
  require(check_set(history, {"x", "y"}), "aborted");
  require(check_set(history, {"x", "w"}), "from nowhere");
  require(check_set(history, {"x", "x"}), "duplicate");
  history.push_back(insert("x", Ending::ok));
  require(check_set(history, {"x"}), "history");
}

TEST_CASE("of those who claim a key one wins") {
  std::vector<Claim> history{claim("k", 1, Ending::ok), claim("k", 2, Ending::failed, true), claim("l", 3, Ending::failed),
                             claim("m", 4, Ending::unknown), claim("m", 5, Ending::failed, true)};
  CHECK(check_claims(history, {{"k", 1}, {"m", 4}}).empty());
  require(check_claims(history, {{"k", 1}}), "no winner");  // 5 was told that m is taken
  require(check_claims(history, {{"m", 4}}), "lost");
  require(check_claims(history, {{"k", 2}, {"m", 4}}), "aborted");
  require(check_claims(history, {{"k", 1}, {"l", 3}, {"m", 4}}), "aborted");
  require(check_claims(history, {{"k", 9}, {"m", 4}}), "from nowhere");
  require(check_claims(history, {{"k", 1}, {"m", 4}, {"n", 6}}), "from nowhere");
  history.push_back(claim("k", 1, Ending::failed));
  require(check_claims(history, {{"k", 1}, {"m", 4}}), "history");
}

TEST_CASE("two winners, and a key that is said to be taken before anybody came") {
  require(check_claims({claim("k", 1, Ending::ok), claim("k", 2, Ending::ok)}, {{"k", 2}}), "two winners");
  std::vector<Claim> early{claim("k", 1, Ending::failed, true, 1), claim("k", 2, Ending::ok, false, 100)};
  require(check_claims(early, {{"k", 2}}), "no winner");
}
