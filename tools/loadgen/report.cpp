#include "tools/loadgen/report.h"

#include <array>
#include <cstdio>
#include <utility>

#include <nlohmann/json.hpp>

namespace engram::loadgen {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::array<std::pair<const char*, double>, 4> quantiles = {
    {{"p50", 0.5}, {"p90", 0.9}, {"p99", 0.99}, {"p99.9", 0.999}}};

double microseconds(std::uint64_t ns) { return static_cast<double>(ns) / 1000; }
double rounded(double value) { return static_cast<double>(static_cast<std::int64_t>(value * 100 + 0.5)) / 100; }

template <typename... Values>
void print(std::string& to, const char* format, Values... values) {
  char line[256];
  std::snprintf(line, sizeof line, format, values...);
  to += line;
}

std::string latencies(const Histogram& ns) {
  std::string text;
  for (auto& [name, quantile] : quantiles) print(text, " %9.1f", microseconds(ns.at(quantile)));
  print(text, " %9.1f", microseconds(ns.max()));
  return text;
}

Json latencies_json(const Histogram& ns) {
  Json json;
  for (auto& [name, quantile] : quantiles) json[name] = rounded(microseconds(ns.at(quantile)));
  json["max"] = rounded(microseconds(ns.max()));
  json["mean"] = rounded(ns.mean() / 1000);
  json["count"] = ns.count();
  return json;
}

void print_errors(std::string& text, const CallTotals& totals) {
  for (auto& [code, count] : totals.errors) print(text, "  %llu x %s", (unsigned long long)count, code_name(code));
  if (totals.missing > 0) print(text, "  %llu keys without a vertex", (unsigned long long)totals.missing);
  if (totals.exceeded > 0) print(text, "  %llu answers cut at a limit", (unsigned long long)totals.exceeded);
}

Json call_json(const CallTotals& totals, double seconds) {
  Json json;
  json["calls"] = totals.calls;
  json["calls_per_second"] = rounded(static_cast<double>(totals.calls) / seconds);
  json["items_per_second"] = rounded(static_cast<double>(totals.items) / seconds);
  json["latency_us"] = latencies_json(totals.latency_ns);
  json["errors"] = Json::object();
  for (auto& [code, count] : totals.errors) json["errors"][code_name(code)] = count;
  json["keys_without_vertex"] = totals.missing;
  json["answers_cut"] = totals.exceeded;
  return json;
}

Json run_json(const BenchOptions& options, const RunResult& result) {
  return {{"server", options.client.server},   {"space", options.client.space},    {"threads", options.threads},
          {"connections", options.connections}, {"in_flight", options.in_flight},   {"rate", options.rate},
          {"keys", options.keys.size()},        {"zipf", options.zipf_exponent},    {"seed", options.seed},
          {"bulk", options.bulk},               {"batch", options.batch},           {"seconds", rounded(result.seconds)},
          {"unsent", result.unsent}};
}

}  // namespace

std::string report_text(const BenchOptions& options, const RunResult& result) {
  std::string text;
  print(text, "%-14s %12s %12s %9s %9s %9s %9s %9s\n", "", "calls/s", "items/s", "p50 us", "p90", "p99", "p99.9", "max");
  for (std::size_t i = 0; i < result.totals.size(); ++i) {
    auto& totals = result.totals[i];
    if (totals.calls == 0 && totals.errors.empty()) continue;
    print(text, "%-14.*s %12.0f %12.0f", static_cast<int>(call_names[i].size()), call_names[i].data(),
          static_cast<double>(totals.calls) / result.seconds, static_cast<double>(totals.items) / result.seconds);
    text += latencies(totals.latency_ns);
    print_errors(text, totals);
    text += '\n';
  }
  if (options.rate > 0) print(text, "open loop at %.0f calls/s: latency counts from the intended start\n", options.rate);
  if (result.unsent > 0) {
    print(text, "%llu calls were due and could not be sent: more --in-flight or --connections, or less --rate\n",
          static_cast<unsigned long long>(result.unsent));
  }
  auto& floors = result.floors;
  if (floors.tcp_round_trip_ns) {
    print(text, "%-40s%s\n", "floor: TCP round trip of the same size", latencies(*floors.tcp_round_trip_ns).c_str());
  }
  if (floors.sync_ns) print(text, "%-40s%s\n", "floor: write + fdatasync", latencies(*floors.sync_ns).c_str());
  return text;
}

std::string report_json(const BenchOptions& options, const RunResult& result) {
  Json json;
  json["run"] = run_json(options, result);
  json["calls"] = Json::object();
  for (std::size_t i = 0; i < result.totals.size(); ++i) {
    auto& totals = result.totals[i];
    if (totals.calls > 0 || !totals.errors.empty()) json["calls"][std::string(call_names[i])] = call_json(totals, result.seconds);
  }
  auto& floors = result.floors;
  if (floors.tcp_round_trip_ns) {
    json["floors"]["request_bytes"] = floors.request_bytes;
    json["floors"]["reply_bytes"] = floors.reply_bytes;
    json["floors"]["tcp_round_trip_us"] = latencies_json(*floors.tcp_round_trip_ns);
  }
  if (floors.sync_ns) json["floors"]["sync_us"] = latencies_json(*floors.sync_ns);
  return json.dump(2) + "\n";
}

bool has_answers(const RunResult& result) {
  for (auto& totals : result.totals) {
    if (totals.latency_ns.count() > 0) return true;
  }
  return false;
}

}  // namespace engram::loadgen
