#include "cluster/operations/readiness.h"

#include <catch2/catch.hpp>

using namespace engram;

TEST_CASE("a node is ready between its start and its end, and started from then on") {
  Readiness readiness;
  CHECK(readiness.live().ok);
  CHECK_FALSE(readiness.startup().ok);
  CHECK_FALSE(readiness.readiness().ok);
  readiness.replaying(400'000, 1'000'000);
  CHECK(readiness.readiness().reason == "replaying the command log: 40 % (400000 of 1000000 bytes)");
  CHECK_FALSE(readiness.startup().ok);
  readiness.ready();
  CHECK(readiness.readiness().ok);
  CHECK(readiness.startup().ok);
  readiness.draining();
  CHECK_FALSE(readiness.readiness().ok);
  CHECK(readiness.readiness().reason == "draining");
  CHECK(readiness.startup().ok);
  CHECK(readiness.live().ok);
  readiness.stopping();
  CHECK(readiness.live().ok);
}

TEST_CASE("a SIGTERM during the replay is not undone when the replay ends") {
  Readiness readiness;
  readiness.replaying(1, 2);
  readiness.draining();
  readiness.replaying(2, 2);
  readiness.ready();
  CHECK(readiness.phase() == Phase::draining);
  CHECK_FALSE(readiness.readiness().ok);
  CHECK_FALSE(readiness.startup().ok);
}

TEST_CASE("a node that failed is neither alive nor ready, and keeps the first reason") {
  Readiness readiness;
  readiness.ready();
  readiness.fail("the command log could not be synced");
  readiness.fail("something that follows from it");
  CHECK_FALSE(readiness.live().ok);
  CHECK_FALSE(readiness.readiness().ok);
  CHECK(readiness.live().reason == "failed: the command log could not be synced");
}

TEST_CASE("replaying nothing is no division by zero") {
  Readiness readiness;
  readiness.replaying(0, 0);
  CHECK(readiness.readiness().reason == "replaying the command log: 0 % (0 of 0 bytes)");
}
