// Soak runs against an engine that loses, repeats and forgets on demand: the account tells what happened, and nothing else.

#include "tools/loadgen/soak.h"

#include <functional>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "tests/tools/loadgen/fake_engine.h"
#include "tools/loadgen/soak_report.h"
#include "tools/loadgen/worker.h"

using namespace engram;
using namespace engram::loadgen;
using loadgen::test::FakeBehaviour;
using loadgen::test::FakeEngine;

namespace {

struct Soak {
  Soak() {
    options.client.server = engine.address();
    options.client.timeout_ms = 60'000;
    options.clients = 2;
    options.rate = 400;
    options.seconds = 0.5;
  }

  SoakResult run(const OnInterval& on_interval = {}) {
    auto result = run_soak(options, stop, on_interval);
    INFO(result.status().message());
    REQUIRE(result.ok());
    return std::move(result).value();
  }
  /// However long it takes.
  SoakResult run_until(const std::function<bool()>& enough) {
    options.seconds = 120;
    options.report_every_seconds = 0.02;
    return run([&](const SoakInterval&) {
      std::lock_guard lock(behaviour.mutex);
      if (enough()) stop = true;
    });
  }
  SoakResult run_until_written(std::size_t writes) {
    return run_until([&] { return behaviour.submitted.size() >= writes; });
  }

  FakeBehaviour behaviour;
  FakeEngine engine{behaviour};
  SoakOptions options;
  std::atomic<bool> stop{false};
};

}  // namespace

TEST_CASE("an engine that keeps what it acknowledges passes, and every call is in the account") {
  Soak soak;
  auto result = soak.run();
  CHECK(result.all_right());
  CHECK(static_cast<double>(result.counts.calls + result.unsent) == Approx(200).margin(4));   // a slow machine sends fewer
  CHECK(result.counts.calls == result.counts.latency_ns.count());
  CHECK(result.counts.calls == result.clients.at(0).counts.calls + result.clients.at(1).counts.calls);
  CHECK(result.writes.acknowledged == soak.behaviour.submitted.size());
  CHECK(result.writes.acknowledged + soak.behaviour.gets > result.counts.calls);   // the check reads too
  CHECK(result.writes.acknowledged > 0);
  for (auto& command : soak.behaviour.submitted) CHECK(command.puts.at(0).starts_with("soak/"));
}

TEST_CASE("writes that are not there exactly once are found, one by one") {
  Soak soak;
  soak.options.mix = parse_mix("link").value();
  SECTION("a lost vertex") {
    soak.behaviour.lose_write = 3;
    auto writes = soak.run_until_written(10).writes;
    CHECK(writes.lost == 1);
    CHECK(writes.repeated == 0);
    CHECK(writes.first_problem.starts_with("the vertex of soak/"));
  }
  SECTION("a lost edge") {
    soak.behaviour.lose_edge_of_write = 3;
    auto writes = soak.run_until_written(10).writes;
    CHECK(writes.lost == 1);
    CHECK(writes.first_problem.starts_with("the edge of soak/"));
  }
  SECTION("one applied twice: its vertex and its edge were changed again") {
    soak.behaviour.apply_twice = 3;
    auto writes = soak.run_until_written(10).writes;
    CHECK(writes.repeated == 2);
    CHECK(writes.lost == 0);
  }
  SECTION("one refused, and there all the same") {
    soak.behaviour.refuse_and_keep = 3;
    auto result = soak.run_until_written(10);
    CHECK(result.counts.errors == std::map<Code, std::uint64_t>{{Code::quota_exceeded, 1}});
    CHECK(result.writes.not_refused == 2);   // the vertex and the edge
    CHECK_FALSE(result.all_right());
  }
}

TEST_CASE("a write without an answer is an error, and is asked for again before the check") {
  Soak soak;
  soak.options.mix = parse_mix("put").value();
  soak.options.client.timeout_ms = 3000;
  soak.behaviour.vague_write = 1;
  auto result = soak.run_until([&] { return soak.behaviour.vague_write == 0; });
  CHECK(result.counts.errors[Code::deadline_exceeded] == 1);
  CHECK(result.writes.acknowledged == soak.behaviour.submitted.size());
  CHECK(result.writes.all_right());
  CHECK_FALSE(result.all_right());
}

TEST_CASE("a vertex that should be there and is not is a failure") {
  Soak soak;
  soak.options.keys = KeySpace::numbers(1);
  soak.options.mix = parse_mix("get").value();
  soak.behaviour.vertices = 0;
  auto result = soak.run();
  CHECK(result.counts.missing == result.counts.calls);
  CHECK_FALSE(result.all_right());
}

TEST_CASE("a pause shows as one: in the intervals while it lasts, in the latencies of what it made late, in the summary") {
  Soak soak;
  soak.options.mix = parse_mix("get").value();
  soak.options.seconds = 2.5;
  soak.options.report_every_seconds = 0.25;
  soak.behaviour.stall_at_get = 30;
  soak.behaviour.stall_ms = 1000;
  int silent = 0;
  std::int64_t longest_ns = 0;
  auto result = soak.run([&](const SoakInterval& interval) {
    silent += interval.counts.calls == 0 ? 1 : 0;
    longest_ns = std::max(longest_ns, interval.longest_ns);
  });
  CHECK(result.all_right());
  CHECK(silent >= 2);
  CHECK(longest_ns > 950'000'000);
  CHECK(result.longest_pause_ns > 990'000'000);
  CHECK(result.counts.latency_ns.at(0.8) > 50'000'000);   // two fifths of all calls were due while it lasted
}

TEST_CASE("a run that is told to stop ends, and checks what it wrote") {
  Soak soak;
  soak.options.seconds = 60;
  soak.options.report_every_seconds = 0.05;
  std::int64_t begin = now_ns();
  auto result = soak.run([&](const SoakInterval& interval) {
    if (interval.since_begin_seconds > 0.3) soak.stop = true;
  });
  CHECK(static_cast<double>(now_ns() - begin) / 1e9 < 50);
  CHECK(result.writes.acknowledged > 0);
  CHECK(result.all_right());
}

TEST_CASE("soak options out of range name the option") {
  auto refused = [](auto change) {
    SoakOptions options;
    change(options);
    return check(options).field();
  };
  CHECK(refused([](auto&) {}).empty());
  CHECK(refused([](auto& options) { options.mix = parse_mix("get,recall").value(); }) == "mix");
  CHECK(refused([](auto& options) { options.clients = 0; }) == "clients");
  CHECK(refused([](auto& options) { options.rate = 0; }) == "rate");
  CHECK(refused([](auto& options) { options.seconds = 0; }) == "seconds");
  CHECK(refused([](auto& options) { options.report_every_seconds = 0; }) == "report-every");
  CHECK(refused([](auto& options) { options.keys = KeySpace::numbers(0); }) == "keys");
}

TEST_CASE("no engine is a clear error, for all clients together") {
  Soak soak;
  soak.options.client.server = "127.0.0.1:1";
  soak.options.client.connect_wait_ms = 0;
  auto result = run_soak(soak.options, soak.stop);
  REQUIRE_FALSE(result.ok());
  CHECK(result.status().code() == Code::unavailable);
}

TEST_CASE("the report says in text and in JSON what came of it") {
  Soak soak;
  soak.options.mix = parse_mix("put").value();
  soak.options.seconds = 120;
  soak.options.report_every_seconds = 0.1;
  soak.behaviour.lose_write = 3;
  std::string line;
  auto result = soak.run([&](const SoakInterval& interval) {
    if (interval.counts.calls < 3) return;
    line = interval_json(interval);
    soak.stop = true;
  });
  auto interval = nlohmann::json::parse(line)["interval"];
  CHECK(interval["at_s"] > 0);
  CHECK(interval["calls"] > 0);
  CHECK(interval["latency_us"]["p99"] >= interval["latency_us"]["p50"]);
  CHECK(interval["failures"] == 0);
  auto summary = nlohmann::json::parse(summary_json(result))["summary"];
  CHECK(summary["writes"]["acknowledged"] == soak.behaviour.submitted.size());
  CHECK(summary["writes"]["lost"] == 1);
  CHECK(summary["clients"].size() == 2);
  CHECK(summary["all_right"] == false);
  CHECK(summary_text(result).find("1 lost, 0 applied more than once") != std::string::npos);
}
