#include "tools/loadgen/add_bench.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "storage/base/error_text.h"
#include "tools/loadgen/report.h"

namespace engram::cli {

namespace {

struct BenchArguments {
  loadgen::BenchOptions options;
  std::string mix = "get";
  std::uint64_t keys = 0;
  std::string key_file;
  std::string key_partitions;
  std::string target_partitions;
  bool no_floors = false;
  bool ids_only = false;
};

constexpr const char* examples = R"(Calls: ping, get, neighbors, expand2, expand3, recall, put, link (over two partitions).
A put sets one property of the vertex; a link adds an edge of the type BENCH. Use a graph that may change.

Examples:
  engram bench --keys 403394                                  point gets, one connection, closed loop
  engram bench --keys 403394 --connections 16 --seconds 30    16 connections, one call in flight each
  engram bench --keys 403394 --bulk 100                       100 keys a call
  engram bench --keys 403394 --mix get=80,put=20 --zipf 0.99  reads and durable writes, some keys popular
  engram bench --keys 403394 --mix put --in-flight 64         64 durable writes in flight
  engram bench --keys 403394 --mix get --connections 16 --in-flight 64 --rate 20000
                                                              open loop: 20,000 calls a second, come what may
  engram bench --keys 403394 --key-partitions 1,2,4,5         what node 0 of three, with six partitions, does not own
  engram bench --keys 403394 --mix link --key-partitions 0,3 --target-partitions 1,4
                                                              links from node 0's vertices to node 1's
  engram bench --key-file airports.txt --mix recall --json)";

void add_load_options(CLI::App& command, BenchArguments& arguments) {
  auto& options = arguments.options;
  command.add_option("--mix", arguments.mix, "Which calls, with weights: get=80,put=20")->capture_default_str();
  auto* keys = command.add_option("--keys", arguments.keys, "The vertices' keys are the numbers 0 to N-1");
  command.add_option("--key-file", arguments.key_file, "A file of keys, one a line")->excludes(keys);
  command.add_option("--zipf", options.zipf_exponent, "Popularity by Zipf's law with this exponent, such as 0.99; 0: uniform");
  command.add_option("--seed", options.seed, "Seed of all random choices")->capture_default_str();
  command.add_option("--key-partitions", arguments.key_partitions,
                     "Only vertices of these partitions, and links from these: 0,3 (of 20,000 keys drawn at random)");
  command.add_option("--target-partitions", arguments.target_partitions, "Links lead to vertices of these");
  command.add_option("--bulk", options.bulk, "Keys in one get")->capture_default_str();
  command.add_option("--batch", options.batch, "Operations in one put or link")->capture_default_str();
  command.add_flag("--batch-in-one-partition", options.batch_in_one_partition, "Draw a batch's keys from one partition");
  command.add_flag("--no-properties", arguments.ids_only, "Gets return no labels and properties");
  command.add_option("--threads", options.threads, "Threads of load")->capture_default_str();
  command.add_option("--connections", options.connections, "Connections, all together")->capture_default_str();
  command.add_option("--in-flight", options.in_flight, "Calls in flight on each connection")->capture_default_str();
  command.add_option("--rate", options.rate, "Open loop: calls a second, all together. 0: closed loop");
}

void add_measure_options(CLI::App& command, BenchArguments& arguments) {
  auto& options = arguments.options;
  command.add_option("--seconds", options.seconds, "How long to measure")->capture_default_str();
  command.add_option("--operations", options.calls, "Measure so many calls instead");
  command.add_option("--warmup", options.warmup_seconds, "Seconds before that are not counted")->capture_default_str();
  command.add_option("--floor-dir", options.floor_dir, "Also measure fdatasync in this folder (the engine's volume)");
  command.add_flag("--no-floors", arguments.no_floors, "Do not measure an empty TCP round trip and fdatasync");
}

Status read_partitions(const char* option, const std::string& text, std::vector<std::uint16_t>& partitions) {
  if (text.empty()) return {};
  auto parsed = loadgen::parse_partitions(option, text);
  if (parsed.ok()) partitions = std::move(parsed).value();
  return parsed.status();
}

/// What is wrong with the arguments alone.
Status read_arguments(BenchArguments& arguments, const Globals& globals) {
  auto& options = arguments.options;
  options.timeout_ms = globals.timeout_ms;
  options.floors = !arguments.no_floors;
  options.return_properties = !arguments.ids_only;
  auto mix = loadgen::parse_mix(arguments.mix);
  if (!mix.ok()) return mix.status();
  options.mix = std::move(mix).value();
  if (auto status = read_partitions("key-partitions", arguments.key_partitions, options.key_partitions); !status.ok())
    return status;
  if (auto status = read_partitions("target-partitions", arguments.target_partitions, options.target_partitions); !status.ok())
    return status;
  bool from_file = !arguments.key_file.empty();
  if (!from_file && arguments.keys == 0)
    return {Code::invalid_argument, "say which vertices to ask for: --keys 1000 for the keys 0 to 999, or --key-file", "keys"};
  // Those of a file are read later; a place holder lets the other options be checked before.
  options.keys = loadgen::KeySpace::numbers(from_file ? 1 : arguments.keys);
  return loadgen::check(options);
}

Status read_files(BenchArguments& arguments, const Globals& globals) {
  auto client = client_options(globals);
  if (!client.ok()) return client.status();
  arguments.options.client = std::move(client).value();
  const auto& folder = arguments.options.floor_dir;
  if (arguments.options.floors && !folder.empty() && ::access(folder.c_str(), W_OK | X_OK) != 0)
    return {Code::invalid_argument, "cannot make a file in " + folder + ": " + error_text(errno), "--floor-dir"};
  if (arguments.key_file.empty()) return {};
  auto keys = loadgen::KeySpace::from_file(arguments.key_file);
  if (!keys.ok()) return keys.status();
  arguments.options.keys = std::move(keys).value();
  return {};
}

void fail(Globals& globals, const Status& status, ExitCode exit_code) {
  report_error(globals, status);
  globals.exit_code = exit_code;
}

void run(BenchArguments& arguments, Globals& globals) {
  if (auto status = read_arguments(arguments, globals); !status.ok()) return fail(globals, status, exit_usage);
  if (auto status = read_files(arguments, globals); !status.ok()) return fail(globals, status, exit_local);
  bool progress = progress_on_error_output();
  auto result = loadgen::run_bench(arguments.options, [&](double seconds, std::uint64_t calls) {
    if (progress) std::fprintf(stderr, "\r%5.0f s  %12llu calls", seconds, static_cast<unsigned long long>(calls));
  });
  if (progress) std::fprintf(stderr, "\r%40s\r", "");
  if (!result.ok()) return report_error(globals, result.status());
  auto report = globals.json ? loadgen::report_json(arguments.options, *result) : loadgen::report_text(arguments.options, *result);
  std::fwrite(report.data(), 1, report.size(), stdout);
  if (!loadgen::has_answers(*result)) globals.exit_code = exit_refused;
}

}  // namespace

void add_bench(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand("bench", "Drive a running engine, and measure it beside the machine's own floors");
  auto arguments = std::make_shared<BenchArguments>();
  add_load_options(*command, *arguments);
  add_measure_options(*command, *arguments);
  command->footer(examples);
  command->callback([arguments, &globals] { run(*arguments, globals); });
}

}  // namespace engram::cli
