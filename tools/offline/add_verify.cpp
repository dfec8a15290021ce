// verify on the command line.

#include <memory>

#include <CLI/CLI.hpp>

#include "tools/offline/add_offline.h"
#include "tools/offline/verify_command.h"

namespace engram::cli {

void add_verify(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand("verify", "Check a data directory whose engine is stopped: every checksum, every rule");
  auto arguments = std::make_shared<VerifyArguments>();
  command->add_option("--data-dir", arguments->data_dir, "The engine's data directory")->envname("ENGRAM_DATA_DIR");
  command->add_option("--archived-dir", arguments->archived_dir, "Where archived segments are, if not in DATA/archived");
  command->add_option("--max-findings", arguments->max_findings, "Show so many of what is wrong")->capture_default_str();
  command->add_flag("--progress", arguments->progress, "Show progress also where there is no terminal");
  command->footer(R"(Reads the whole log and every warm store, replays the log in memory, and checks the graph: both ends of every edge,
keys, labels, indexes and counts. Needs memory for the whole graph. Changes nothing; the volume may be read-only.

Exit codes: 0 all is well, 1 something is wrong, 6 it could not be checked (no such directory, an engine runs on it).

Examples:
  engram verify --data-dir /srv/engram
  engram verify --data-dir /srv/engram --json | jq .findings)");
  command->callback([arguments, &globals] { run_verify(globals, *arguments); });
}

}  // namespace engram::cli
