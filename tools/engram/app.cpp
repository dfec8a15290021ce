#include "tools/engram/app.h"

#include <algorithm>
#include <csignal>

#include <CLI/CLI.hpp>

#include "tools/certs/add_certs.h"
#include "tools/engram/app_checks.h"
#include "tools/engram/command_support.h"
#include "tools/engram/json.h"
#include "tools/import/add_import.h"
#include "tools/loadgen/add_bench.h"
#include "tools/loadgen/add_soak.h"
#include "tools/offline/add_offline.h"

namespace engram::cli {

namespace {

constexpr const char* exit_codes = R"(Exit codes:
  0  done
  1  a vertex, edge or path that does not exist, one that exists already, a precondition that failed;
     'verify' found something wrong; 'cluster upgrade-check' found that it is not safe to go on;
     a call of 'soak' failed, or a write is not there exactly once
  2  wrong arguments
  3  no engine answers, or it is not ready; 'cluster status': a node is away
  4  the engine refused: permission, limit, quota, full disk
  5  the outcome of a change is unknown: read, or repeat it
  6  a local file or standard output cannot be read or written

'engram COMMAND --help' shows a command's options and examples.)";

constexpr std::uint64_t max_timeout_ms = 600'000;  // what the engine takes
constexpr std::uint64_t max_wait_ms = 86'400'000;

void add_client_options(CLI::App& app, Globals& globals) {
  constexpr const char* group = "Connection";
  app.add_option("--server", globals.server,
                 "host:port or unix:/path; of a cluster several, separated by commas: the next is taken if one is away. "
                 "Without it: the Unix socket of this machine's engine, else 127.0.0.1:9470")
      ->envname("ENGRAM_SERVER")
      ->group(group);
  app.add_option("--token-file", globals.token_file, "A file with the token on its first line")
      ->envname("ENGRAM_TOKEN_FILE")
      ->group(group);
  app.add_option("--space", globals.space, "The graph to work on")
      ->envname("ENGRAM_SPACE")
      ->capture_default_str()
      ->check(CLI::Validator([](std::string& name) { return name.empty() ? "the name is empty" : ""; }, ""))
      ->group(group);
  app.add_option("--ca", globals.ca_file, "TLS: trust these authorities (PEM)")->envname("ENGRAM_CA")->group(group);
  app.add_option("--tls-name", globals.tls_name, "TLS: the name in the engine's certificate, if it is not the host's")
      ->group(group);
  auto* certificate = app.add_option("--cert", globals.certificate_file,
                                     "TLS: this client's certificate (PEM), for an engine with tls.client_ca")
                          ->envname("ENGRAM_CERT")
                          ->group(group);
  auto* key = app.add_option("--key", globals.key_file, "TLS: the private key of --cert (PEM, without a passphrase)")
                  ->envname("ENGRAM_KEY")
                  ->group(group);
  certificate->needs(key);
  key->needs(certificate);
  app.add_flag("--tls", globals.tls, "TLS with the authorities that this system trusts")->group(group);
  auto* timeout = app.add_option("--timeout", globals.timeout_ms,
                                 "Deadline of a call, its retries included: 500ms, 5s, 2m; 1ms to 10m");
  take_duration(*timeout->default_str("5s")->group(group), 1, max_timeout_ms);
  auto* wait = app.add_option("--wait", globals.wait_ms,
                              "Wait so long for an engine that is not there yet: 30s; 0, the default: not at all");
  take_duration(*wait->group(group), 0, max_wait_ms);
}

void add_shared(CLI::App& app, Globals& globals) {
  app.fallthrough();
  app.require_subcommand(0, 1);   // none at all is told in `parse`, with the unknown word if there is one
  app.add_flag("--json", globals.json, "Print JSON: one object, or one a line");
}

void add_client_commands(CLI::App& app, Globals& globals) {
  add_write_commands(app, globals);
  add_read_commands(app, globals);
  add_traverse_commands(app, globals);
  add_admin_commands(app, globals);
}

void build(CLI::App& app, Globals& globals) {
  add_shared(app, globals);
  app.set_version_flag("--version", ENGRAM_VERSION);
  add_client_options(app, globals);
  add_serve(app, globals);
  add_client_commands(app, globals);
  add_shell(app, globals);
  add_import(app, globals);
  add_export(app, globals);
  add_bench(app, globals);
  add_soak(app, globals);
  add_token(app, globals);
  add_certs(app, globals);
  add_log(app, globals);
  add_verify(app, globals);
  check_values(app);
  app.footer(exit_codes);
}

/// Also where the arguments cannot be understood otherwise.
bool asks_for_json(const std::vector<std::string>& arguments) {
  auto options_end = std::find(arguments.begin(), arguments.end(), "--");
  return std::find(arguments.begin(), options_end, "--json") != options_end;
}

/// The library's own text has them in the opposite order.
std::string unknown_words(const CLI::App& app) {
  std::string words;
  for (const auto& word : app.remaining(true)) words += " '" + as_typed(word) + "'";
  return "not understood:" + words;
}

int wrong_arguments(Globals& globals, const std::string& message) {
  report_usage(globals, Status(Code::invalid_argument, message));
  return exit_usage;
}

/// Help and version are no errors; anything else in the arguments is 2.
int parse(CLI::App& app, std::vector<std::string> arguments, Globals& globals) {
  if (asks_for_json(arguments)) globals.json = true;
  for (auto& argument : arguments) argument = keep_whole(std::move(argument));
  std::reverse(arguments.begin(), arguments.end());   // as the library wants them
  try {
    app.parse(arguments);
    if (!app.get_subcommands().empty()) return globals.exit_code;
    return wrong_arguments(globals, "which command? 'engram --help' lists them");
  } catch (const CLI::CallForVersion& version) {
    print_line(globals.json ? dump({{"version", version.what()}}) : version.what());
    return exit_ok;
  } catch (const CLI::ExtrasError&) {
    return wrong_arguments(globals, unknown_words(app) +
                                        ". 'engram --help' lists the commands, 'engram COMMAND --help' its options");
  } catch (const CLI::ParseError& error) {
    bool wrong = error.get_exit_code() != 0;
    if (wrong && globals.json) return wrong_arguments(globals, error.what());
    app.exit(error);
    return wrong ? exit_usage : exit_ok;
  }
}

}  // namespace

int run_command_line(std::vector<std::string> arguments) {
  std::signal(SIGPIPE, SIG_IGN);  // a reader that left is an error of writing: exit_local for every command
  CLI::App app("Engram: a graph database for associative memory", "engram");
  Globals globals;
  build(app, globals);
  refuse_useless_options(app, arguments);
  globals.exit_code = parse(app, std::move(arguments), globals);
  finish_output(globals);
  return globals.exit_code;
}

void run_shell_line(Globals& globals, std::vector<std::string> words) {
  CLI::App app("", "");
  add_shared(app, globals);
  add_client_commands(app, globals);
  check_values(app);
  app.footer("  use NAME   work on another space\n  exit       leave\n\n'COMMAND --help' shows options and examples.");
  if (words.front() == "help") words = {"--help"};
  globals.exit_code = parse(app, std::move(words), globals);
}

void add_shell(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand("shell", "Type commands on one connection; reads a script from a pipe");
  command->footer(R"(All commands on vertices, edges and spaces, and 'use NAME' to work on another space, 'help', 'exit'. Words are separated
by blanks; quotes and backslashes keep them. '#' begins a comment. History is kept in ~/.local/state/engram/history.
A script stops at the first line that fails.

Examples:
  engram shell --space notes
  printf 'put a\nput b\nlink a NEXT b\n' | engram shell
  printf 'use notes\nget a\nuse default\nget a\n' | engram shell)");
  command->callback([&globals] {
    CLI::App commands;
    Globals unused;
    add_client_commands(commands, unused);
    std::vector<std::string> verbs;
    for (const auto* verb : commands.get_subcommands([](CLI::App*) { return true; })) verbs.push_back(verb->get_name());
    run_shell(globals, verbs, run_shell_line);
  });
}

}  // namespace engram::cli
