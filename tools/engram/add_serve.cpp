// serve on the command line: configuration from file, environment and flags, then the node.

#include <memory>

#include <CLI/CLI.hpp>

#include "cluster/config/flags.h"
#include "cluster/config/load.h"
#include "cluster/config/machine.h"
#include "cluster/node/serve.h"
#include "tools/engram/app.h"
#include "tools/engram/config_json.h"
#include "tools/engram/output.h"

namespace engram::cli {

namespace {

struct ServeArguments {
  std::string config_file;
  FlagValues flags;
  bool print_config = false;
};

void run_serve(Globals& globals, const ServeArguments& arguments) {
  ConfigSources sources;
  sources.file = arguments.config_file;
  sources.environment = process_environment();
  sources.flags = arguments.flags;
  sources.machine = detect_machine();
  auto loaded = load_config(sources);
  if (!loaded.ok()) {
    report_error(globals, loaded.status());
    globals.exit_code = exit_usage;
    return;
  }
  if (arguments.print_config) {
    for (const auto& warning : loaded->warnings) print_note("engram: warning: " + warning);
    if (globals.json) return print_line(dump(to_json(*loaded)));
    auto toml = print_config(*loaded);
    toml.pop_back();   // the line's end is print_line's
    return print_line(toml);
  }
  // With --json the messages are lines of JSON too, unless something says otherwise.
  if (globals.json && loaded->origins["logging.format"].starts_with("default")) loaded->config.logging.format = "json";
  globals.exit_code = serve_main(*loaded, [&](const Status& status) {
    report_error(globals, {status.code(), "cannot start: " + status.message(), status.field(), status.limit()});
  });
}

}  // namespace

void add_serve(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand("serve", "Run an engine");
  auto arguments = std::make_shared<ServeArguments>();
  command->add_option("-c,--config", arguments->config_file, "Configuration file (TOML)")->envname("ENGRAM_CONFIG");
  command->add_flag("--print-config", arguments->print_config, "Print the configuration, and where each value is from; then end. With --json as JSON");
  add_config_flags(*command, arguments->flags);
  command->footer(R"(Flags win over the environment (ENGRAM_SECTION_KEY), which wins over the file.

Examples:
  engram serve
  engram serve --config /etc/engram.toml --listen-address 127.0.0.1:9470
  ENGRAM_DATA_DIR=/srv/engram engram serve --print-config)");
  command->callback([arguments, &globals] { run_serve(globals, *arguments); });
}

}  // namespace engram::cli
