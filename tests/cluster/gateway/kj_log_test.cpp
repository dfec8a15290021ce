// What KJ says on a thread of the gateway.

#include <catch2/catch.hpp>

#include <kj/debug.h>

#include "cluster/gateway/kj_log.h"
#include "cluster/logging/logging.h"

using namespace engram;
using Catch::Contains;

TEST_CASE("what KJ says goes to the program's log, and not to standard error") {
  std::vector<std::string> lines;
  SystemClock clock;
  start_logging({.sink = [&](std::string_view line) { lines.emplace_back(line); }}, clock);
  {
    KjLog listening;
    KJ_LOG(ERROR, "something failed", 7);
    KJ_LOG(WARNING, "something odd");
  }
  REQUIRE(stop_logging());
  REQUIRE(lines.size() == 2);
  CHECK_THAT(lines[0], Contains("error rpc library") && Contains("something failed") && Contains("7") &&
                           Contains("kj_log_test.cpp"));
  CHECK_THAT(lines[1], Contains("warn  rpc library") && Contains("something odd"));
}
