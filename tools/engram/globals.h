#pragma once
// What every client command of `engram` shares: the options in front of it, and how it ends.
// A command lives in a function `void add_<name>(CLI::App& app, Globals& globals)` that main calls; its callback sets
// `globals.exit_code`. No command calls exit().

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "client/engram/client.h"

namespace engram::cli {

/// The exit codes of `engram`, as --help lists them.
enum ExitCode : int {
  exit_ok = 0,
  exit_not_found = 1,      // a vertex, edge or path that does not exist; a precondition that failed
  exit_usage = 2,          // wrong arguments
  exit_unreachable = 3,    // no engine answers there, or it is not ready
  exit_refused = 4,        // the engine refused: permission, limits, quota, full disk ...
  exit_unknown = 5,        // a change whose outcome is unknown: repeat it
  exit_local = 6,          // a local file, or standard output
};

struct Globals {
  std::string server;             // empty: the engine of the default data directory, else 127.0.0.1:9470
  std::string token_file;
  std::string space = "default";
  std::string ca_file;
  std::string tls_name;
  std::string certificate_file;   // with key_file, or neither
  std::string key_file;
  bool tls = false;               // implied by --ca, --tls-name and --cert
  std::uint32_t timeout_ms = 5000;
  std::uint32_t wait_ms = 0;      // how long to wait for an engine that is not there yet
  bool json = false;
  int exit_code = exit_ok;

  /// The connection of this process: made by the first command, and kept in the shell.
  std::shared_ptr<client::Client> client;
};

/// The client options that the globals ask for; reads the token file.
Result<client::Options> client_options(const Globals& globals);
/// The same for calls on the engine, which open no space. On an error, it was reported, and globals.exit_code is set.
Result<client::Options> session_options(Globals& globals);
/// Connects, and opens the space. On an error, it was reported, and globals.exit_code is set.
Result<client::Client> connect(Globals& globals);
/// The process's own client, connected if it was not, on the space that the globals name. Null: the error was reported, and
/// globals.exit_code is set.
client::Client* open_client(Globals& globals);
/// The same for calls on spaces and the engine: opens no space, which may not exist yet, or not be for this token.
client::Client* open_session(Globals& globals);

/// Where the engine of this machine's configuration and environment keeps its data.
std::string default_data_dir();

/// Prints an error as text or, with --json, as {"error": ...} to standard error, and sets the exit code that fits it.
void report_error(Globals& globals, const Status& status);
int exit_code_of(Code code);

/// Text for standard error: control characters are made visible if it is a terminal.
std::string printable_error(std::string_view text);
/// Whether standard output takes colours: a terminal, NO_COLOR not set, TERM not dumb.
bool colours_on_output();
/// Whether to draw progress on standard error.
bool progress_on_error_output();

}  // namespace engram::cli
