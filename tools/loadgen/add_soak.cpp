#include "tools/loadgen/add_soak.h"

#include <atomic>
#include <csignal>
#include <cstdio>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "tools/loadgen/soak_report.h"

namespace engram::cli {

namespace {

struct SoakArguments {
  loadgen::SoakOptions options;
  std::string mix = "get=80,put=15,link=5";
  std::uint64_t keys = 0;
  std::string key_file;
};

constexpr const char* description =
    "Use a cluster as applications do, while nodes are restarted, and account for every call and every write";

constexpr const char* footer = R"(Clients of the client library, each with all of --server's nodes and one call at a time, make calls at even intervals:
a get reads a vertex that is there, a put makes a new one, a link makes a new one with an edge to one that is there. Latency
counts from the intended start. SIGINT and SIGTERM end the load. Then every write is read back: an acknowledged one
has to be there, with the version and the time that its answer had, which a second application would have changed.
Exit code 1: a call failed, or a write is not there exactly once. What was written stays, under keys that begin with soak/.

Examples:
  engram --server a:9470,b:9470,c:9470 soak --keys 403394 --seconds 60
  engram --server a:9470,b:9470,c:9470 --json soak --keys 403394 --mix get=50,put=50 --clients 8 --rate 1000)";

std::atomic<bool> stop_asked{false};
static_assert(std::atomic<bool>::is_always_lock_free, "a signal handler sets it");

void ask_to_stop(int) { stop_asked = true; }

/// What is wrong with the arguments alone.
Status read_arguments(SoakArguments& arguments) {
  auto& options = arguments.options;
  auto mix = loadgen::parse_mix(arguments.mix);
  if (!mix.ok()) return mix.status();
  options.mix = std::move(mix).value();
  bool from_file = !arguments.key_file.empty();
  if (!from_file && arguments.keys == 0)
    return {Code::invalid_argument, "say which vertices are there: --keys 1000 for the keys 0 to 999, or --key-file", "keys"};
  options.keys = loadgen::KeySpace::numbers(from_file ? 1 : arguments.keys);
  return loadgen::check(options);
}

Status read_files(SoakArguments& arguments, const Globals& globals) {
  auto client = client_options(globals);
  if (!client.ok()) return client.status();
  auto& options = arguments.options;
  options.client = std::move(client).value();
  if (arguments.key_file.empty()) return {};
  auto keys = loadgen::KeySpace::from_file(arguments.key_file);
  if (keys.ok()) options.keys = std::move(keys).value();
  return keys.status();
}

void print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stdout);
  if (std::fflush(stdout) != 0) stop_asked = true;   // nobody reads it any more
}

void fail(Globals& globals, const Status& status, ExitCode exit_code) {
  report_error(globals, status);
  globals.exit_code = exit_code;
}

void run(SoakArguments& arguments, Globals& globals) {
  if (auto status = read_arguments(arguments); !status.ok()) return fail(globals, status, exit_usage);
  if (auto status = read_files(arguments, globals); !status.ok()) return fail(globals, status, exit_local);
  std::signal(SIGINT, ask_to_stop);
  std::signal(SIGTERM, ask_to_stop);
  auto result = loadgen::run_soak(arguments.options, stop_asked, [&](const loadgen::SoakInterval& interval) {
    print(globals.json ? loadgen::interval_json(interval) : loadgen::interval_text(interval));
  });
  std::signal(SIGINT, SIG_DFL);
  std::signal(SIGTERM, SIG_DFL);
  if (!result.ok()) return report_error(globals, result.status());
  print(globals.json ? loadgen::summary_json(*result) : loadgen::summary_text(*result));
  if (!result->all_right()) globals.exit_code = exit_not_found;
}

}  // namespace

void add_soak(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand("soak", description);
  auto arguments = std::make_shared<SoakArguments>();
  auto& options = arguments->options;
  auto* keys = command->add_option("--keys", arguments->keys, "The keys of the vertices that are there: the numbers 0 to N-1");
  command->add_option("--key-file", arguments->key_file, "A file of these keys, one a line")->excludes(keys);
  command->add_option("--mix", arguments->mix, "Which calls, with weights")->capture_default_str();
  command->add_option("--clients", options.clients, "Clients, each a thread")->capture_default_str();
  command->add_option("--rate", options.rate, "Calls a second, all together")->capture_default_str();
  command->add_option("--seconds", options.seconds, "How long")->capture_default_str();
  command->add_option("--report-every", options.report_every_seconds, "Print a line after so many seconds")
      ->capture_default_str();
  command->add_option("--seed", options.seed, "Seed of all random choices, but for the keys of what is written")
      ->capture_default_str();
  command->footer(footer);
  command->callback([arguments, &globals] { run(*arguments, globals); });
}

}  // namespace engram::cli
