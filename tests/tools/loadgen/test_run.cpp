// Whole runs against an engine that does as it is told: what is counted is what happened.

#include "tools/loadgen/run.h"

#include <algorithm>
#include <map>
#include <set>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/tools/loadgen/fake_engine.h"
#include "tools/loadgen/report.h"

using namespace engram;
using namespace engram::loadgen;
using loadgen::test::FakeBehaviour;
using loadgen::test::FakeEngine;

namespace {

struct Bench {
  Bench() {
    options.client.server = engine.address();
    options.warmup_seconds = 0;
    options.floors = false;
  }

  RunResult run() {
    auto result = run_bench(options);
    INFO(result.status().message());
    REQUIRE(result.ok());
    return std::move(result).value();
  }
  CallTotals& of(RunResult& result, CallKind kind) { return result.totals[static_cast<std::size_t>(kind)]; }

  FakeBehaviour behaviour;
  FakeEngine engine{behaviour};
  BenchOptions options;
};

constexpr std::uint64_t milliseconds = 1'000'000;

}  // namespace

TEST_CASE("a run of so many calls makes exactly these, over connections and threads") {
  Bench bench;
  bench.options.calls = 1000;
  bench.options.threads = 2;
  bench.options.connections = 5;
  bench.options.in_flight = 3;
  bench.options.bulk = 7;
  auto result = bench.run();
  CHECK(bench.behaviour.gets == 1000);
  CHECK(bench.behaviour.keys == 7000);
  auto& gets = bench.of(result, CallKind::get);
  CHECK(gets.calls == 1000);
  CHECK(gets.items == 7000);
  CHECK(gets.latency_ns.count() == 1000);
  CHECK(gets.errors.empty());
}

TEST_CASE("a run by time ends in time, and the warm-up is not counted") {
  Bench bench;
  bench.options.seconds = 0.5;
  bench.options.warmup_seconds = 0.5;
  std::int64_t begin = now_ns();
  auto result = bench.run();
  double took = static_cast<double>(now_ns() - begin) / 1e9;
  CHECK(took > 0.99);
  CHECK(took < 60);
  CHECK(result.seconds == Approx(0.5));
  auto calls = bench.of(result, CallKind::get).calls;
  CHECK(calls > 0);
  CHECK(calls < bench.behaviour.gets);
}

TEST_CASE("refused calls are counted by code and are not among the latencies") {
  Bench bench;
  bench.behaviour.refuse_every = 10;
  bench.options.calls = 1000;
  auto result = bench.run();
  auto& gets = bench.of(result, CallKind::get);
  CHECK(gets.errors == std::map<Code, std::uint64_t>{{Code::overloaded, 100}});
  CHECK(gets.latency_ns.count() == 900);
  CHECK(gets.calls == 1000);
}

TEST_CASE("keys that do not exist are counted") {
  Bench bench;
  bench.behaviour.vertices = 500;
  bench.options.keys = KeySpace::numbers(1000);
  bench.options.calls = 1000;
  auto result = bench.run();
  CHECK(bench.of(result, CallKind::get).missing == Approx(500).margin(100));
}

TEST_CASE("a stall of the engine shows in the open loop, where a closed loop hides it") {
  Bench bench;
  bench.behaviour.stall_ms = 600;
  bench.behaviour.stall_at_get = 30;
  bench.options.seconds = 3;
  bench.options.connections = 2;
  bench.options.in_flight = 2;

  SECTION("closed: four calls are late, one in thousands") {
    bench.options.rate = 0;
    auto result = bench.run();
    auto& latency = bench.of(result, CallKind::get).latency_ns;
    CHECK(latency.at(0.9) < 300 * milliseconds);
    CHECK(latency.max() > 590 * milliseconds);
  }
  SECTION("open: a fifth of all calls were meant to start in these 0.6 of 3 seconds, and waited") {
    bench.options.rate = 100;
    auto result = bench.run();
    auto& latency = bench.of(result, CallKind::get).latency_ns;
    CHECK(static_cast<double>(latency.count() + result.unsent) == Approx(300).margin(3));   // a slow machine sends fewer
    CHECK(latency.at(0.5) < 300 * milliseconds);
    CHECK(latency.at(0.9) > 200 * milliseconds);
    CHECK(latency.max() > 590 * milliseconds);
  }
}

TEST_CASE("an open loop keeps its rate, and says what it could not send") {
  Bench bench;
  bench.options.seconds = 2;
  bench.options.rate = 200;
  bench.options.threads = 2;
  bench.options.connections = 2;
  auto result = bench.run();
  auto& gets = bench.of(result, CallKind::get);
  CHECK(static_cast<double>(gets.latency_ns.count() + result.unsent) == Approx(400).margin(4));
  CHECK(gets.calls <= gets.latency_ns.count());   // those that were answered within the run
  CHECK(gets.calls > 200);

  bench.options.rate = 10'000'000;   // no machine does that on two lanes
  bench.options.seconds = 0.3;
  auto overrun = bench.run();
  CHECK(overrun.unsent > 100'000);
  CHECK(report_text(bench.options, overrun).find("could not be sent") != std::string::npos);
}

TEST_CASE("a mix is drawn by its weights") {
  Bench bench;
  bench.options.mix = parse_mix("get=3,ping=1").value();
  bench.options.calls = 4000;
  auto result = bench.run();
  CHECK(static_cast<double>(bench.of(result, CallKind::get).calls) == Approx(3000).epsilon(0.1));
  CHECK(bench.of(result, CallKind::get).calls + bench.of(result, CallKind::ping).calls == 4000);
}

TEST_CASE("changes carry a session a connection, growing sequences, and the oldest one still open") {
  Bench bench;
  bench.options.mix = parse_mix("put").value();
  bench.options.calls = 200;
  bench.options.connections = 2;
  bench.options.in_flight = 4;
  bench.options.batch = 3;
  bench.run();
  std::map<std::uint64_t, std::set<std::uint64_t>> sequences;
  for (auto& command : bench.behaviour.submitted) {
    CHECK(command.operations == 3);
    CHECK(command.puts.size() == 3);
    CHECK(command.first_incomplete >= 1);
    CHECK(command.first_incomplete <= command.sequence);
    CHECK(command.sequence - command.first_incomplete < 8);
    CHECK(sequences[command.session].insert(command.sequence).second);
  }
  CHECK(sequences.size() == 2);
  for (auto& [session, numbers] : sequences) {
    CHECK(session != 0);
    CHECK(*numbers.rbegin() == numbers.size());
  }
}

TEST_CASE("links join vertices of different partitions; batches stay in one if asked") {
  Bench bench;
  bench.options.calls = 100;
  auto is_odd = [](const std::string& key) { return std::stoul(key) % 2 == 1; };
  SECTION("links") {
    bench.options.mix = parse_mix("link").value();
    bench.run();
    for (auto& command : bench.behaviour.submitted) {
      REQUIRE(command.links.size() == 1);
      CHECK(is_odd(command.links[0].first) != is_odd(command.links[0].second));
    }
  }
  SECTION("batches") {
    bench.options.mix = parse_mix("put").value();
    bench.options.batch = 10;
    bench.options.batch_in_one_partition = true;
    bench.run();
    for (auto& command : bench.behaviour.submitted) {
      for (auto& key : command.puts) CHECK(is_odd(key) == is_odd(command.puts[0]));
    }
  }
  CHECK(bench.behaviour.submitted.size() == 100);
}

TEST_CASE("keys are drawn from the partitions that are asked for, and links lead where they shall") {
  Bench bench;
  bench.options.calls = 100;
  bench.options.key_partitions = {1, 7};
  auto is_odd = [](const std::string& key) { return std::stoul(key) % 2 == 1; };
  SECTION("puts") {
    bench.options.mix = parse_mix("put").value();
    bench.options.batch = 3;
    bench.run();
    for (auto& command : bench.behaviour.submitted) CHECK(std::all_of(command.puts.begin(), command.puts.end(), is_odd));
  }
  SECTION("links") {
    auto target = GENERATE(std::uint16_t{0}, std::uint16_t{1});
    bench.options.target_partitions = {target};
    bench.options.mix = parse_mix("link").value();
    bench.run();
    for (auto& command : bench.behaviour.submitted) {
      CHECK(is_odd(command.links.at(0).first));
      CHECK(is_odd(command.links.at(0).second) == (target == 1));
    }
  }
  CHECK(bench.behaviour.submitted.size() == 100);
}

TEST_CASE("partitions without keys are a clear error") {
  Bench bench;
  bench.options.key_partitions = {5};
  auto none = run_bench(bench.options);
  REQUIRE_FALSE(none.ok());
  CHECK(none.status().field() == "key-partitions");
}

TEST_CASE("the report says in text and in JSON what was measured, with the floors") {
  Bench bench;
  bench.options.calls = 100;
  bench.options.floors = true;
  auto result = bench.run();
  auto json = nlohmann::json::parse(report_json(bench.options, result));
  CHECK(json["calls"]["get"]["calls"] == 100);
  CHECK(json["calls"]["get"]["latency_us"]["count"] == 100);
  CHECK(json["calls"]["get"]["latency_us"]["p50"] > 0);
  CHECK(json["calls"].size() == 1);
  CHECK(json["floors"]["tcp_round_trip_us"]["p50"] > 0);
  CHECK(json["floors"]["request_bytes"] > 100);
  CHECK_FALSE(json["floors"].contains("sync_us"));
  auto text = report_text(bench.options, result);
  CHECK(text.find("floor: TCP round trip") != std::string::npos);
  CHECK(has_answers(result));
}

TEST_CASE("an engine that is not there, and keys that nobody has, are clear errors") {
  BenchOptions options;
  options.client.server = "127.0.0.1:1";
  options.client.connect_wait_ms = 0;
  auto refused = run_bench(options);
  REQUIRE_FALSE(refused.ok());
  CHECK(refused.status().code() == Code::unavailable);

  Bench bench;
  bench.behaviour.vertices = 0;
  bench.options.mix = parse_mix("link").value();
  auto none = run_bench(bench.options);
  REQUIRE_FALSE(none.ok());
  CHECK(none.status().code() == Code::unknown_vertex);
}
