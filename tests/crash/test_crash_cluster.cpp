// Three engines as one cluster, of which one after the other is killed, while the others go on: what was acknowledged is
// there exactly once, what failed is not, and both ends of every edge agree, on whatever nodes they are.

#include <catch2/catch.hpp>

#include <algorithm>

#include "tests/crash/crash_campaign.h"

using namespace engram;
using namespace engram::test;

namespace {

// Where a node can leave the others in doubt, or be left in doubt by them.
const std::vector<Kill> kills = {
    {Kill::When::at_point, "transaction.before_vote", 3},   {Kill::When::at_point, "transaction.before_vote", 20},
    {Kill::When::at_point, "transaction.before_commit", 2}, {Kill::When::at_point, "transaction.before_commit", 15},
    {Kill::When::at_point, "transaction.after_commit", 1},  {Kill::When::at_point, "transaction.after_commit", 12},
    {Kill::When::at_point, "transaction.before_participant", 3},
    {Kill::When::at_point, "transaction.before_participant", 16},
    {Kill::When::at_point, "transaction.after_vote", 2},    {Kill::When::at_point, "transaction.after_vote", 15},
    {Kill::When::at_point, "transaction.after_decide", 1},  {Kill::When::at_point, "transaction.after_decide", 11},
    {Kill::When::at_point, "transaction.before_acknowledge", 2},
    {Kill::When::at_point, "transaction.before_acknowledge", 14},
    {Kill::When::at_point, "transaction.before_forget", 1}, {Kill::When::at_point, "transaction.before_forget", 9},
    {Kill::When::at_point, "log.before_sync", 25},          {Kill::When::at_point, "log.after_sync", 30},
    {Kill::When::at_point, "partition.before_apply", 60},   {Kill::When::at_point, "partition.after_apply", 80},
    {Kill::When::at_point, "partition.before_reply", 10},   {Kill::When::at_point, "partition.after_reply", 15},
    {Kill::When::at_point, "write_back.before", 3},         {Kill::When::at_point, "warm.after_commit", 2},
    {Kill::When::under_load},                               {Kill::When::under_load},
    {Kill::When::under_load},                               {Kill::When::under_load},
    {Kill::When::under_load},                               {Kill::When::under_load},
    {Kill::When::while_starting},                           {Kill::When::while_starting},
};

}  // namespace

TEST_CASE("kills of one node after the other lose nothing and repeat nothing") {
  CampaignOptions options{.seed = 7, .workers = 6, .flags = {"--cluster-partitions", "6"}, .nodes = 3};
  CrashCampaign campaign(options);
  std::mt19937_64 random(options.seed);
  std::vector<Kill> plan = kills;
  std::shuffle(plan.begin(), plan.end(), random);
  for (const Kill& kill : plan) {
    campaign.choose(static_cast<unsigned>(random() % options.nodes));
    campaign.live_and_die(kill);
  }
  for (unsigned node = 0; node < options.nodes; ++node) {
    campaign.choose(node);
    campaign.end_in_peace();
  }
  Ledger& ledger = campaign.ledger();
  WARN(campaign.kills() << " kills, " << ledger.committed << " changes committed, " << ledger.failed << " refused, "
                        << ledger.unknown << " left without an answer, " << ledger.duplicates << " answered a second time");
  CHECK(ledger.committed > 200);
  for (const Kill& kill : kills) {
    if (!kill.point.starts_with("transaction.")) continue;
    INFO("never reached: " << kill.point);
    CHECK(campaign.points().contains(kill.point));
  }
}
