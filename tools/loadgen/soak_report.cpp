#include "tools/loadgen/soak_report.h"

#include <cstdio>

#include <nlohmann/json.hpp>

namespace engram::loadgen {

namespace {

using Json = nlohmann::ordered_json;

double rounded(double value) { return static_cast<double>(static_cast<std::int64_t>(value * 1000 + 0.5)) / 1000; }
double seconds_of(std::int64_t ns) { return rounded(static_cast<double>(ns) / 1e9); }
double microseconds(std::uint64_t ns) { return rounded(static_cast<double>(ns) / 1e3); }
double milliseconds(std::uint64_t ns) { return static_cast<double>(ns) / 1e6; }

template <typename... Values>
std::string format(const char* pattern, Values... values) {
  char line[256];
  std::snprintf(line, sizeof line, pattern, values...);
  return line;
}

unsigned long long number(std::uint64_t value) { return value; }

std::string errors_text(const SoakCounts& counts) {
  std::string text;
  for (auto& [code, count] : counts.errors) text += format("  %llu x %s", number(count), code_name(code));
  if (counts.missing > 0) text += format("  %llu vertices not there", number(counts.missing));
  return text;
}

Json counts_json(const SoakCounts& counts) {
  auto& latency = counts.latency_ns;
  Json json;
  json["calls"] = counts.calls;
  json["latency_us"] = {{"p50", microseconds(latency.at(0.5))}, {"p99", microseconds(latency.at(0.99))},
                        {"max", microseconds(latency.max())}};
  json["failures"] = counts.failures();
  json["errors"] = Json::object();
  for (auto& [code, count] : counts.errors) json["errors"][code_name(code)] = count;
  json["vertices_not_there"] = counts.missing;
  if (!counts.first_error.empty()) json["first_error"] = counts.first_error;
  return json;
}

std::string line_of(const char* name, const Json& json) {
  return Json{{name, json}}.dump(-1, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace

std::string interval_text(const SoakInterval& interval) {
  auto& latency = interval.counts.latency_ns;
  return format("%7.1f s  %8.0f calls/s  p50 %8.2f ms  p99 %8.2f ms  longest %8.1f ms  errors %llu",
                interval.since_begin_seconds, static_cast<double>(interval.counts.calls) / interval.seconds,
                milliseconds(latency.at(0.5)), milliseconds(latency.at(0.99)),
                milliseconds(static_cast<std::uint64_t>(interval.longest_ns)), number(interval.counts.failures())) +
         errors_text(interval.counts) + "\n";
}

std::string interval_json(const SoakInterval& interval) {
  Json json;
  json["at_s"] = rounded(interval.since_begin_seconds);
  json["calls_per_second"] = rounded(static_cast<double>(interval.counts.calls) / interval.seconds);
  json["longest_us"] = microseconds(static_cast<std::uint64_t>(interval.longest_ns));
  json.update(counts_json(interval.counts));
  return line_of("interval", json);
}

std::string summary_text(const SoakResult& result) {
  auto& counts = result.counts;
  auto& writes = result.writes;
  std::string text = format("%llu calls in %.1f s, %llu errors%s\n", number(counts.calls), result.seconds,
                            number(counts.failures()), errors_text(counts).c_str());
  if (!counts.first_error.empty()) text += "the first error: " + counts.first_error + "\n";
  text += format("longest time without a completed call: %.3f s; of each client:", seconds_of(result.longest_pause_ns));
  for (auto& client : result.clients) text += format(" %.3f", seconds_of(client.longest_pause_ns));
  text += format("\n%llu acknowledged writes read back: %llu lost, %llu applied more than once", number(writes.acknowledged),
                 number(writes.lost), number(writes.repeated));
  if (writes.not_refused > 0) text += format(", %llu there that were refused", number(writes.not_refused));
  if (writes.unsettled > 0) text += format(", %llu without an answer", number(writes.unsettled));
  text += "\n";
  if (!writes.first_problem.empty()) text += writes.first_problem + "\n";
  if (result.unsent > 0) text += format("%llu calls were due at the end and not sent any more\n", number(result.unsent));
  return text;
}

std::string summary_json(const SoakResult& result) {
  Json json;
  json["seconds"] = rounded(result.seconds);
  json.update(counts_json(result.counts));
  json["unsent"] = result.unsent;
  json["longest_pause_s"] = seconds_of(result.longest_pause_ns);
  json["clients"] = Json::array();
  for (auto& client : result.clients)
    json["clients"].push_back({{"calls", client.counts.calls},
                               {"failures", client.counts.failures()},
                               {"longest_pause_s", seconds_of(client.longest_pause_ns)}});
  auto& writes = result.writes;
  json["writes"] = {{"acknowledged", writes.acknowledged}, {"lost", writes.lost},         {"repeated", writes.repeated},
                    {"not_refused", writes.not_refused},   {"unsettled", writes.unsettled}};
  if (!writes.first_problem.empty()) json["writes"]["first_problem"] = writes.first_problem;
  json["all_right"] = result.all_right();
  return line_of("summary", json);
}

}  // namespace engram::loadgen
