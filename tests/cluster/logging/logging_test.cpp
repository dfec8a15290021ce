#include "cluster/logging/logging.h"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <cmath>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

#include "tests/support/manual_clock.h"

using namespace engram;
using nlohmann::json;

namespace {

std::string line(LogFormat format, LogFields fields, std::string_view event = "segment sealed") {
  return format_log_line(format, test::ManualClock().wall_ns(), LogLevel::info, event, fields);
}

/// Collects lines; `stop_logging` runs when the test ends.
struct Collected {
  std::vector<std::string> lines;
  test::ManualClock clock;

  void start(LogLevel level, LogFormat format = LogFormat::text) {
    start_logging(
        {.format = format, .level = level, .sink = [this](std::string_view text) { lines.emplace_back(text); }}, clock);
  }
  ~Collected() { stop_logging(); }
};

}  // namespace

TEST_CASE("text lines read like sentences with values") {
  CHECK(line(LogFormat::text,
             {{"segment", 4096}, {"path", "/data/x.log"}, {"reason", "disk full"}, {"ok", false}, {"took_s", 0.25}}) ==
        "2026-01-31T10:20:30.123456789Z info  segment sealed segment=4096 path=/data/x.log reason=\"disk full\" "
        "ok=false took_s=0.25");
}

TEST_CASE("JSON lines are JSON with typed values") {
  json parsed = json::parse(
      line(LogFormat::json,
           {{"segment", std::uint64_t{1} << 63}, {"delta", -5}, {"ok", true}, {"ratio", 0.5}, {"nan", std::nan("")}}));
  CHECK(parsed["ts"] == "2026-01-31T10:20:30.123456789Z");
  CHECK(parsed["level"] == "info");
  CHECK(parsed["event"] == "segment sealed");
  CHECK(parsed["segment"] == std::uint64_t{1} << 63);
  CHECK(parsed["delta"] == -5);
  CHECK(parsed["ok"] == true);
  CHECK(parsed["ratio"] == 0.5);
  CHECK(parsed["nan"].is_null());
}

TEST_CASE("no value can start a line of its own or break out of its quotes") {
  for (const std::string& nasty : {std::string("a\nb"), std::string("x\" level=error"), std::string("back\\slash"),
                                   std::string("\x1b[31m"), std::string("nul\0l", 5), std::string("tab\t\r")}) {
    std::string text = line(LogFormat::text, {{"value", nasty}});
    CHECK(text.find_first_of("\n\r\x1b\t") == std::string::npos);
    CHECK(text.find('\0') == std::string::npos);
    CHECK(json::parse(text.substr(text.find("value=") + 6)) == nasty);
    CHECK(json::parse(line(LogFormat::json, {{"value", nasty}}))["value"] == nasty);
  }
  CHECK(line(LogFormat::text, {}, "two\nlines").find('\n') == std::string::npos);
}

TEST_CASE("bytes that are no UTF-8 do not make a line unreadable") {
  json parsed = json::parse(line(LogFormat::json, {{"value", "a\xff"}}));
  CHECK(parsed["value"] == "a\xEF\xBF\xBD");
  CHECK(json::parse(line(LogFormat::json, {{"value", "größe"}}))["value"] == "größe");
}

TEST_CASE("long values are cut and say so") {
  std::string text = json::parse(line(LogFormat::json, {{"value", std::string(5000, 'x')}}))["value"];
  CHECK(text == std::string(1024, 'x') + "...(cut)");
  std::string umlauts;
  for (int i = 0; i < 1000; ++i) umlauts += "x" + std::string(i % 2, ' ') + "ü";
  text = json::parse(line(LogFormat::json, {{"value", umlauts}}))["value"];
  CHECK(text.find("\xEF\xBF\xBD") == std::string::npos);
}

TEST_CASE("events below the level are not shown") {
  Collected collected;
  collected.start(LogLevel::warn);
  CHECK_FALSE(log_enabled(LogLevel::info));
  CHECK(log_enabled(LogLevel::error));
  log_event(LogLevel::info, "quiet");
  log_event(LogLevel::warn, "loud", {{"n", 1}});
  stop_logging();
  REQUIRE(collected.lines.size() == 1);
  CHECK(collected.lines[0] == "2026-01-31T10:20:30.123456789Z warn  loud n=1");
}

TEST_CASE("level off shows nothing at all") {
  Collected collected;
  collected.start(LogLevel::off);
  log_event(LogLevel::error, "nobody sees this");
  stop_logging();
  CHECK(collected.lines.empty());
}

TEST_CASE("lines of many threads are whole, and none is lost") {
  Collected collected;
  collected.start(LogLevel::info, LogFormat::json);
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([t] {
      for (int i = 0; i < 500; ++i) log_event(LogLevel::info, "tick", {{"thread", t}, {"i", i}});
    });
  for (std::thread& thread : threads) thread.join();
  stop_logging();
  REQUIRE(collected.lines.size() == 2000);
  int sum = 0;
  for (const std::string& text : collected.lines) sum += json::parse(text)["i"].get<int>();
  CHECK(sum == 4 * 500 * 499 / 2);
}

TEST_CASE("a reader that is stuck stops nobody: the oldest lines go, and are counted") {
  std::mutex stuck;
  std::vector<std::string> lines;
  test::ManualClock clock;
  std::uint64_t dropped_before = dropped_log_lines();
  auto take_line = [&](std::string_view text) {
    std::lock_guard wait(stuck);
    lines.emplace_back(text);
  };
  start_logging({.queue_lines = 16, .sink = take_line}, clock);
  {
    std::lock_guard hold(stuck);
    for (int i = 0; i < 1000; ++i) log_event(LogLevel::info, "tick", {{"i", i}});
  }
  stop_logging();
  CHECK(lines.size() < 100);
  CHECK(dropped_log_lines() - dropped_before == 1000 - lines.size());
  CHECK(lines.back().ends_with("i=999"));
}

TEST_CASE("a reader that never comes back does not keep the process from ending") {
  static std::mutex stuck;  // the thread that waits for it stays
  test::ManualClock clock;
  start_logging({.sink = [](std::string_view) { std::lock_guard wait(stuck); }}, clock);
  std::lock_guard hold(stuck);
  log_event(LogLevel::info, "nobody takes this");
  auto started = std::chrono::steady_clock::now();
  CHECK_FALSE(stop_logging());
  CHECK(std::chrono::steady_clock::now() - started < std::chrono::seconds(60));
  CHECK(stop_logging());  // there is nothing left to stop
}

TEST_CASE("the names of the configuration are understood") {
  CHECK(log_level_from("debug") == LogLevel::debug);
  CHECK(log_level_from("off") == LogLevel::off);
  CHECK(log_level_from("nonsense") == LogLevel::info);
  CHECK(log_format_from("json") == LogFormat::json);
  CHECK(log_format_from("text") == LogFormat::text);
}
