// kill -9, at named points and at any moment, again and again on the same data: what was acknowledged is there exactly
// once, what failed is not, and what got no answer is there whole or not at all.

#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/crash/crash_campaign.h"

using namespace engram;
using namespace engram::test;

namespace {

struct Point {
  const char* name;
  std::vector<int> times;   // rare ones die early, busy ones later as well
};

const std::vector<Point> points = {
    {"log.before_append", {1, 3, 20, 60}},        {"log.after_append", {1, 5, 25, 70}},
    {"log.before_sync", {2, 4, 30, 80}},          {"log.after_sync", {1, 7, 35, 90}},
    {"log.before_seal", {1, 2, 1, 2}},            {"log.after_seal", {1, 2, 1, 2}},
    {"log.before_archive", {1, 1, 2, 1}},         {"log.after_archive", {1, 1, 2, 1}},
    {"partition.before_apply", {1, 10, 40, 150}}, {"partition.after_apply", {1, 9, 50, 140}},
    {"partition.before_reply", {1, 6, 30, 60}},   {"partition.after_reply", {1, 8, 20, 70}},
    {"transaction.before_vote", {1, 3, 15, 40}},  {"transaction.before_commit", {1, 4, 12, 30}},
    {"transaction.after_commit", {1, 2, 10, 35}}, {"transaction.before_participant", {1, 4, 15, 50}},
    {"transaction.after_vote", {1, 2, 12, 30}},   {"transaction.after_decide", {1, 3, 10, 30}},
    {"transaction.before_forget", {1, 2, 8, 25}}, {"transaction.before_acknowledge", {1, 3, 9, 28}},
    {"write_back.before", {1, 2, 3, 5}},          {"write_back.after", {1, 2, 4, 6}},
    {"warm.before_commit", {1, 2, 3, 7}},         {"warm.after_commit", {1, 2, 4, 5}},
};

constexpr unsigned random_kills = 20;
constexpr unsigned early_kills = 14;

/// Every point twice (the first or the last two of its counts), and the others in between, in an order of the seed.
std::vector<Kill> plan(std::uint64_t seed) {
  std::vector<Kill> kills;
  for (const Point& point : points)
    for (std::size_t i = 0; i < 2; ++i)
      kills.push_back({Kill::When::at_point, point.name, point.times[2 * (seed % 2) + i]});
  kills.insert(kills.end(), random_kills, Kill{Kill::When::under_load});
  kills.insert(kills.end(), early_kills, Kill{Kill::When::while_starting});
  std::mt19937_64 random(seed);
  std::shuffle(kills.begin(), kills.end(), random);
  return kills;
}

void run_campaign(std::uint64_t seed, std::vector<std::string> flags) {
  CrashCampaign campaign({seed, 4, std::move(flags)});
  for (const Kill& kill : plan(seed)) campaign.live_and_die(kill);
  campaign.end_in_peace();
  Ledger& ledger = campaign.ledger();
  WARN("seed " << seed << ": " << campaign.kills() << " kills, " << ledger.committed << " changes committed, "
               << ledger.failed << " refused, " << ledger.unknown << " left without an answer, " << ledger.duplicates
               << " answered a second time");
  CHECK(campaign.kills() >= 80);
  CHECK(ledger.committed > 500);
  CHECK(ledger.duplicates > 0);
  for (const Point& point : points) {
    INFO("never reached: " << point.name);
    CHECK(campaign.points().contains(point.name));
  }
}

}  // namespace

TEST_CASE("82 kills on two partitions lose nothing and repeat nothing", "[two]") {
  run_campaign(1, {"--cluster-partitions", "2"});
}

TEST_CASE("82 kills on three partitions lose nothing and repeat nothing", "[three]") {
  run_campaign(2, {"--cluster-partitions", "3"});
}

TEST_CASE("82 kills on five partitions lose nothing and repeat nothing", "[five]") {
  run_campaign(3, {"--cluster-partitions", "5"});
}

TEST_CASE("82 kills with memory for a part of the graph only lose nothing and repeat nothing", "[small]") {
  run_campaign(4, {"--cluster-partitions", "3", "--hot-bytes", "1MiB", "--warm-write-back-bytes", "1MiB"});
}
