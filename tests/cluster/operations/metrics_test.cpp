#include "cluster/operations/metrics.h"

#include <catch2/catch.hpp>

#include <set>
#include <sstream>
#include <thread>

#include "tests/support/manual_clock.h"
#include "tests/support/temporary_directory.h"

using namespace engram;
using Catch::Contains;

namespace {

/// The value of a series, as Prometheus would read it; -1 if it is not there.
double value_of(const Metrics& metrics, const std::string& series) {
  std::istringstream lines(metrics.text());
  for (std::string text; std::getline(lines, text);)
    if (text.starts_with(series + " ")) return std::stod(text.substr(series.size() + 1));
  return -1;
}

}  // namespace

TEST_CASE("requests are counted by operation and result, with their latency") {
  test::ManualClock clock;
  auto metrics = std::make_unique<Metrics>(clock);
  metrics->requests.record(Operation::get, Code::none, 10'000);
  metrics->requests.record(Operation::get, Code::none, 10'001);
  metrics->requests.record(Operation::get, Code::unknown_vertex, 20'000'000'000);

  CHECK(value_of(*metrics, "engram_requests_total{operation=\"get\",code=\"ok\"}") == 2);
  CHECK(value_of(*metrics, "engram_requests_total{operation=\"get\",code=\"unknown_vertex\"}") == 1);
  CHECK(value_of(*metrics, "engram_requests_total{operation=\"get\",code=\"conflict\"}") == -1);
  CHECK(value_of(*metrics, "engram_requests_total{operation=\"recall\",code=\"ok\"}") == 0);
  CHECK(value_of(*metrics, "engram_request_duration_seconds_bucket{operation=\"get\",le=\"1e-05\"}") == 1);
  CHECK(value_of(*metrics, "engram_request_duration_seconds_bucket{operation=\"get\",le=\"2e-05\"}") == 2);
  CHECK(value_of(*metrics, "engram_request_duration_seconds_bucket{operation=\"get\",le=\"10\"}") == 2);
  CHECK(value_of(*metrics, "engram_request_duration_seconds_bucket{operation=\"get\",le=\"+Inf\"}") == 3);
  CHECK(value_of(*metrics, "engram_request_duration_seconds_count{operation=\"get\"}") == 3);
  CHECK(value_of(*metrics, "engram_request_duration_seconds_sum{operation=\"get\"}") == Approx(20.000020001));
}

TEST_CASE("nothing is lost when many threads count") {
  test::ManualClock clock;
  auto metrics = std::make_unique<Metrics>(clock);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&] {
      for (int i = 0; i < 10'000; ++i) {
        metrics->requests.record(Operation::submit, Code::none, 100);
        metrics->log.records.add(2);
        metrics->log.sync.record(30'000);
      }
    });
  for (int i = 0; i < 20; ++i) CHECK_FALSE(metrics->text().empty());
  for (std::thread& thread : threads) thread.join();
  CHECK(metrics->requests.count(Operation::submit, Code::none) == 40'000);
  CHECK(value_of(*metrics, "engram_log_records_total") == 80'000);
  CHECK(value_of(*metrics, "engram_log_sync_seconds_bucket{le=\"5e-05\"}") == 40'000);
  CHECK(value_of(*metrics, "engram_log_sync_seconds_sum") == Approx(1.2));
}

TEST_CASE("numbers that others keep are read when asked for, until their registration ends") {
  test::ManualClock clock;
  auto metrics = std::make_unique<Metrics>(clock);
  double depth = 7;
  {
    MetricRegistration first = metrics->add(
        {.name = "mailbox_depth", .help = "Waiting messages.", .labels = {{"partition", "0"}}, .read = [&] {
           return depth;
         }});
    MetricRegistration second =
        metrics->add({.name = "mailbox_depth", .help = "Waiting messages.", .labels = {{"partition", "1"}}, .read = [] {
                        return 1.0;
                      }});
    MetricRegistration counter = metrics->add(
        {.name = "restarts_total", .help = "Restarts.", .kind = MetricKind::counter, .read = [] { return 3.0; }});
    CHECK(value_of(*metrics, "engram_mailbox_depth{partition=\"0\"}") == 7);
    depth = 8;
    CHECK(value_of(*metrics, "engram_mailbox_depth{partition=\"0\"}") == 8);
    CHECK(value_of(*metrics, "engram_mailbox_depth{partition=\"1\"}") == 1);
    CHECK_THAT(metrics->text(), Contains("# TYPE engram_restarts_total counter\nengram_restarts_total 3"));
    MetricRegistration moved = std::move(first);
    CHECK(value_of(*metrics, "engram_mailbox_depth{partition=\"0\"}") == 8);
  }
  CHECK(value_of(*metrics, "engram_mailbox_depth{partition=\"0\"}") == -1);
}

TEST_CASE("volumes, process and build are there") {
  test::ManualClock clock;
  test::TemporaryDirectory directory;
  auto metrics = std::make_unique<Metrics>(clock);
  metrics->add_volume("data", directory.path());
  metrics->add_volume("gone", directory / "nowhere");
  clock.advance_ms(2500);
  CHECK(value_of(*metrics, "engram_volume_size_bytes{volume=\"data\"}") > 0);
  CHECK(value_of(*metrics, "engram_volume_free_bytes{volume=\"data\"}") >= 0);
  CHECK(value_of(*metrics, "engram_volume_free_bytes{volume=\"gone\"}") == -1);
  CHECK(value_of(*metrics, "engram_uptime_seconds") == 2.5);
  CHECK(value_of(*metrics, "process_resident_memory_bytes") > 1e6);
  CHECK(value_of(*metrics, "process_open_fds") > 2);
  CHECK_THAT(metrics->text(), Contains("engram_build_info{version=\"" + std::string(engram_version()) + "\""));
}

TEST_CASE("every family has a help text, one type, and a name by the rules") {
  test::ManualClock clock;
  auto metrics = std::make_unique<Metrics>(clock);
  std::istringstream lines(metrics->text());
  std::set<std::string> names;
  std::string last_help;
  for (std::string text; std::getline(lines, text);) {
    std::istringstream words(text);
    std::string hash, keyword, name, type;
    words >> hash >> keyword >> name >> type;
    if (keyword == "HELP") last_help = name;
    if (keyword != "TYPE") continue;
    CAPTURE(name);
    CHECK(last_help == name);
    CHECK(names.insert(name).second);
    CHECK((name.starts_with("engram_") || name.starts_with("process_")));
    CHECK((type == "counter") == name.ends_with("_total"));
  }
  CHECK(names.size() > 30);
}
