#include "tools/loadgen/floors.h"

#include <catch2/catch.hpp>

#include <sched.h>

#include "tests/support/temporary_directory.h"

using namespace engram::loadgen;

TEST_CASE("round trips are measured, whatever the sizes") {
  auto size = GENERATE(std::size_t{1}, std::size_t{256}, std::size_t{100'000});
  auto measured = measure_tcp_round_trip(size, 256, 0.2);
  REQUIRE(measured.ok());
  CHECK(measured->count() > 10);
  CHECK(measured->at(0.5) > 1'000);        // a switch to another process and back takes over a microsecond
  CHECK(measured->at(0.5) < 100'000'000);
}

TEST_CASE("after a round trip was measured the process may run on all of its cores again") {
  cpu_set_t before;
  cpu_set_t after;
  REQUIRE(::sched_getaffinity(0, sizeof before, &before) == 0);
  REQUIRE(measure_tcp_round_trip(16, 16, 0.05).ok());
  REQUIRE(::sched_getaffinity(0, sizeof after, &after) == 0);
  CHECK(CPU_EQUAL(&before, &after));
}

TEST_CASE("synced writes are measured, and leave nothing behind") {
  engram::test::TemporaryDirectory folder;
  auto measured = measure_sync(folder.path(), 4096, 0.2);
  REQUIRE(measured.ok());
  CHECK(measured->count() > 0);
  CHECK(std::filesystem::is_empty(folder.path()));
}

TEST_CASE("a folder that is not there is named") {
  auto measured = measure_sync("/nowhere/at/all", 4096, 0.1);
  REQUIRE_FALSE(measured.ok());
  CHECK(measured.status().message().find("/nowhere/at/all") != std::string::npos);
}
