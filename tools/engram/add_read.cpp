// get, neighbors and scan on the command line.

#include <memory>

#include "tools/engram/app.h"
#include "tools/engram/app_checks.h"
#include "tools/engram/filter_options.h"

namespace engram::cli {

namespace {

void add_get(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand("get", "Show vertices by their keys");
  auto arguments = std::make_shared<GetArguments>();
  command->add_option("keys", arguments->keys, "Keys")->required();
  command->add_option("-p,--property", arguments->only, "Only this property; may be repeated")->allow_extra_args(false);
  command->add_flag("--id", arguments->by_id, "The keys are ids");
  command->add_flag("--times", arguments->times, "Also id, version and times");
  command->footer(R"(Examples:
  engram get ada
  engram get ada charles --property born
  engram get ada --json | jq .properties)");
  command->callback([arguments, &globals] { run_get(globals, *arguments); });
}

void add_neighbors(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand("neighbors", "Show a vertex's edges");
  auto arguments = std::make_shared<NeighborsArguments>();
  command->add_option("key", arguments->key, "The vertex's key")->required();
  add_edge_options(*command, arguments->edges);
  add_vertex_options(*command, arguments->vertices);
  auto* limit = command->add_option("-n,--limit", arguments->limit, "Show at most so many")->capture_default_str();
  at_least_one(*limit);
  auto* all = command->add_flag("--all", arguments->all, "Show all");
  command->add_flag("--count", arguments->count, "Only count them: out and in, or as --direction says; all that pass")
      ->excludes(limit)
      ->excludes(all);
  command->footer(R"(Examples:
  engram neighbors ada
  engram neighbors ada --direction both --type KNOWS --min-weight 0.5
  engram neighbors hub --count
  engram neighbors hub --count --direction in --type KNOWS --label Person
  engram neighbors atlanta --edge-where "dist<500" --where "elev>1000")");
  command->callback([arguments, command, &globals] {
    arguments->direction_is_given = command->count("--direction") > 0;
    run_neighbors(globals, *arguments);
  });
}

void add_scan(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand("scan", "List vertices by label, condition or index");
  auto arguments = std::make_shared<ScanArguments>();
  add_vertex_options(*command, arguments->vertices);
  at_least_one(*command->add_option("-n,--limit", arguments->limit, "Show at most so many")->capture_default_str());
  command->add_flag("--all", arguments->all, "Show all");
  command->add_flag("-k,--keys", arguments->keys_only, "Only keys");
  command->add_option("--lookup", arguments->lookup,
                      "Ask the index on a property (with --label: the index on the label's vertices): elev>=4000");
  command->footer(R"(Examples:
  engram scan --label Person
  engram scan --where "elev>10000" --where country=BO --all --json
  engram scan --label airport --lookup code=ATL)");
  command->callback([arguments, &globals] { run_scan(globals, *arguments); });
}

}  // namespace

void add_read_commands(CLI::App& app, Globals& globals) {
  add_get(app, globals);
  add_neighbors(app, globals);
  add_scan(app, globals);
}

}  // namespace engram::cli
