#include "cluster/config/values.h"

#include <catch2/catch.hpp>

#include "cluster/config/endpoint.h"

using namespace engram;

TEST_CASE("sizes are whole numbers with a unit of 1024") {
  CHECK(parse_size("4096").value() == 4096);
  CHECK(parse_size("64KiB").value() == 65536);
  CHECK(parse_size("8MiB").value() == 8ull << 20);
  CHECK(parse_size("2GiB").value() == 2ull << 30);
  CHECK(parse_size("2G").value() == 2ull << 30);
  CHECK(parse_size("1 TiB").value() == 1ull << 40);
  for (const char* bad : {"", "MiB", "1.5GiB", "-1", "8 miles", "8MB", "99999999TiB", "18446744073709551616"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_size(bad).ok());
  }
}

TEST_CASE("durations are whole numbers with a unit, or milliseconds") {
  CHECK(parse_duration_ms("250").value() == 250);
  CHECK(parse_duration_ms("500ms").value() == 500);
  CHECK(parse_duration_ms("10s").value() == 10'000);
  CHECK(parse_duration_ms("5m").value() == 300'000);
  CHECK(parse_duration_ms("1h").value() == 3'600'000);
  CHECK(parse_duration_ms("7d").value() == 604'800'000);
  for (const char* bad : {"", "s", "1.5s", "-1s", "10 parsecs", "9223372036854775807h"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_duration_ms(bad).ok());
  }
}

TEST_CASE("what is formatted is read back") {
  for (std::uint64_t bytes : {0ull, 1ull, 1023ull, 1024ull, 1536ull, 64ull << 20, 3ull << 40}) {
    CHECK(parse_size(format_size(bytes)).value() == bytes);
    CHECK(parse_duration_ms(format_duration_ms(static_cast<std::int64_t>(bytes))).value() ==
          static_cast<std::int64_t>(bytes));
  }
  CHECK(format_size(64ull << 20) == "64MiB");
  CHECK(format_duration_ms(30'000) == "30s");
}

TEST_CASE("an endpoint is a host and a port") {
  CHECK(parse_endpoint("127.0.0.1:9470")->port == 9470);
  CHECK(parse_endpoint("[::1]:9470")->host == "::1");
  CHECK(parse_endpoint("[::1]:9470")->text() == "[::1]:9470");
  CHECK(parse_endpoint("engram-0.engram:1")->text() == "engram-0.engram:1");
  for (const char* bad : {"", "localhost", ":9470", "::1:9470", "[::1]", "[nonsense]:1", "host:", "host:65536",
                          "host:-1", "host:1a", "a b:1"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_endpoint(bad).ok());
  }
}

TEST_CASE("only addresses of this machine alone are loopback") {
  for (const char* inside : {"127.0.0.1:1", "127.9.9.9:1", "[::1]:1", "localhost:1"})
    CHECK(parse_endpoint(inside)->loopback());
  for (const char* outside : {"0.0.0.0:1", "[::]:1", "10.0.0.1:1", "128.0.0.1:1", "localhost.example.org:1"})
    CHECK_FALSE(parse_endpoint(outside)->loopback());
}
