#include "cluster/security/attempt_limiter.h"

#include <catch2/catch.hpp>

#include "tests/support/manual_clock.h"

using namespace engram;

TEST_CASE("after a burst of failures a peer waits, and others do not") {
  test::ManualClock clock;
  AttemptLimiter limiter(clock, {.burst = 3, .refill_ms = 1000});
  for (int i = 0; i < 3; ++i) {
    CHECK(limiter.wait_ms("10.0.0.1") == 0);
    limiter.failed("10.0.0.1");
  }
  CHECK(limiter.wait_ms("10.0.0.1") == 1000);
  CHECK(limiter.wait_ms("10.0.0.2") == 0);

  clock.advance_ms(400);
  CHECK(limiter.wait_ms("10.0.0.1") == 600);
  clock.advance_ms(600);
  CHECK(limiter.wait_ms("10.0.0.1") == 0);
  limiter.failed("10.0.0.1");
  CHECK(limiter.wait_ms("10.0.0.1") == 1000);
}

TEST_CASE("a right token makes earlier failures forgotten") {
  test::ManualClock clock;
  AttemptLimiter limiter(clock, {.burst = 1, .refill_ms = 1000});
  limiter.failed("peer");
  CHECK(limiter.wait_ms("peer") > 0);
  limiter.succeeded("peer");
  CHECK(limiter.wait_ms("peer") == 0);
}

TEST_CASE("memory is bounded: the peer that failed longest ago is forgotten first") {
  test::ManualClock clock;
  AttemptLimiter limiter(clock, {.burst = 1, .refill_ms = 1000, .max_peers = 2});
  limiter.failed("a");
  limiter.failed("b");
  limiter.failed("a");
  limiter.failed("c");
  CHECK(limiter.wait_ms("a") > 0);
  CHECK(limiter.wait_ms("b") == 0);
  CHECK(limiter.wait_ms("c") > 0);
}

TEST_CASE("an IPv6 client cannot escape by changing its address within its network") {
  CHECK(limiter_peer("2001:db8:1:2:3:4:5:6") == limiter_peer("2001:db8:1:2::99"));
  CHECK(limiter_peer("2001:db8:1:2::1") != limiter_peer("2001:db8:1:3::1"));
  CHECK(limiter_peer("::ffff:10.0.0.1") == "10.0.0.1");
  CHECK(limiter_peer("10.0.0.1") == "10.0.0.1");
  CHECK(limiter_peer("unix") == "unix");
}
