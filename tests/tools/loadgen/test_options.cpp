#include "tools/loadgen/options.h"

#include <catch2/catch.hpp>

using namespace engram::loadgen;

TEST_CASE("a mix is names with weights") {
  auto mix = parse_mix("get=80,put=19.5,link");
  REQUIRE(mix.ok());
  REQUIRE(mix->size() == 3);
  CHECK((*mix)[0].call == CallKind::get);
  CHECK((*mix)[0].weight == 80);
  CHECK((*mix)[1].weight == 19.5);
  CHECK((*mix)[2].call == CallKind::link);
  CHECK((*mix)[2].weight == 1);
}

TEST_CASE("a bad mix is refused with what there is") {
  auto text = GENERATE("", "gets", "get=", "get=0", "get=-1", "get=nan", "get=inf", "get=1,", "get=1x", "get=1,,put=1");
  CAPTURE(text);
  auto mix = parse_mix(text);
  REQUIRE_FALSE(mix.ok());
  CHECK(mix.status().field() == "mix");
}

TEST_CASE("a bad name is answered with the names that there are") {
  CHECK(parse_mix("gets").status().message().find("expand3, recall") != std::string::npos);
}

TEST_CASE("a list of partitions is numbers with commas between them") {
  CHECK(parse_partitions("key-partitions", "7").value() == std::vector<std::uint16_t>{7});
  CHECK(parse_partitions("key-partitions", "0,3,65535").value() == std::vector<std::uint16_t>{0, 3, 65535});
  auto text = GENERATE("", ",", "1,", ",1", "1,,2", "a", "1x", "-1", "65536", "1 2");
  CAPTURE(text);
  auto refused = parse_partitions("key-partitions", text);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.status().field() == "key-partitions");
}

TEST_CASE("options out of range name the option") {
  BenchOptions good;
  CHECK(check(good).ok());
  auto refused = [](auto change) {
    BenchOptions options;
    change(options);
    return check(options).field();
  };
  CHECK(refused([](auto& options) { options.threads = 0; }) == "threads");
  CHECK(refused([](auto& options) { options.connections = 0; }) == "connections");
  CHECK(refused([](auto& options) { options.in_flight = 10'001; }) == "in-flight");
  CHECK(refused([](auto& options) { options.bulk = 0; }) == "bulk");
  CHECK(refused([](auto& options) { options.batch = 0; }) == "batch");
  CHECK(refused([](auto& options) { options.rate = -1; }) == "rate");
  CHECK(refused([](auto& options) { options.zipf_exponent = -0.1; }) == "zipf");
  CHECK(refused([](auto& options) { options.key_partitions = {1}, options.zipf_exponent = 1; }) == "zipf");
  CHECK(refused([](auto& options) { options.target_partitions = {1}; }) == "target-partitions");
  CHECK(refused([](auto& options) { options.mix = parse_mix("link").value(), options.key_partitions = {1}; }) ==
        "target-partitions");
  CHECK(refused([](auto& options) { options.keys = KeySpace::numbers(0); }) == "keys");
  CHECK(refused([](auto& options) { options.seconds = 0; }) == "seconds");
  CHECK(refused([](auto& options) { options.warmup_seconds = -1; }) == "warmup");
}
