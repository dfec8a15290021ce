// log on the command line.

#include <memory>

#include <CLI/CLI.hpp>

#include "tools/offline/add_offline.h"
#include "tools/offline/log_command.h"

namespace engram::cli {

void add_log(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand("log", "List the command log as text; the engine may be running");
  auto arguments = std::make_shared<LogArguments>();
  command->add_option("--data-dir", arguments->data_dir, "The engine's data directory")->envname("ENGRAM_DATA_DIR");
  command->add_flag("--archived", arguments->archived, "Also the segments that were moved to the archive");
  command->add_option("--archived-dir", arguments->archived_dir, "Where these are, if not in DATA/archived");
  command->add_flag("--segments", arguments->segments, "List the log's files");
  command->add_flag("--print", arguments->print, "Print every command in full");
  command->add_option("--partition", arguments->partition, "Only of this partition");
  command->add_option("--from-lsn", arguments->from_lsn, "Only from this LSN on");
  command->add_option("--to-lsn", arguments->to_lsn, "Only up to this LSN");
  command->add_option("--since", arguments->since, "Only accepted at this time or later");
  command->add_option("--until", arguments->until, "Only accepted before this time");
  command->add_option("--space-id", arguments->space_id, "Only in this space; 0 is 'default', 'space list --json' has the ids");
  command->add_option("--session", arguments->session, "Only of this client session");
  command->add_option("-n,--limit", arguments->limit, "Stop after so many");
  command->footer(R"(One line a record: partition/LSN, time, what it does.

Examples:
  engram log --limit 20
  engram log --since 2026-01-31T12:00:00Z --until 2026-01-31T12:05:00Z --space-id 0
  engram log --partition 0 --from-lsn 100 --to-lsn 100 --print
  engram log --segments --archived --json)");
  command->callback([arguments, &globals] { run_log(globals, *arguments); });
}

}  // namespace engram::cli
