// expand, path and recall on the command line.

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "tools/engram/app.h"
#include "tools/engram/app_checks.h"
#include "tools/engram/filter_options.h"

namespace engram::cli {

namespace {

/// "type=route direction=in where=elev>100": the options of these names, for one hop.
HopArguments parse_hop(const std::string& text) {
  auto words = split_words(text);
  if (!words.ok()) throw CLI::ValidationError("--hop", "'" + text + "': " + words.status().message());
  HopArguments hop;
  CLI::App app("", "--hop");
  app.set_help_flag();
  add_edge_options(app, hop.edges);
  add_vertex_options(app, hop.vertices);
  check_values(app);
  for (auto& word : *words) word.insert(0, "--");
  std::reverse(words->begin(), words->end());   // as the library wants them
  try {
    app.parse(*words);
  } catch (const CLI::ParseError& error) {
    throw CLI::ValidationError("--hop", "'" + text + "': " + error.what());
  }
  return hop;
}

void add_hops(CLI::App& command, const std::shared_ptr<ExpandArguments>& arguments) {
  auto take = [arguments](const std::vector<std::string>& hops) {
    for (const auto& hop : hops) arguments->each_hop.push_back(parse_hop(hop));
  };
  auto* hop = command.add_option_function<std::vector<std::string>>(
      "--hop", take, "One hop with conditions of its own, as words: 'type=route direction=in where=elev>100'; repeated: hop "
                     "by hop");
  hop->allow_extra_args(false);
  for (const char* other : {"--hops", "--direction", "--type", "--min-weight", "--max-weight", "--edge-where", "--label",
                            "--where"})
    hop->excludes(command.get_option(other));
}

void add_expand(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand("expand", "Show what is reached within some hops");
  auto arguments = std::make_shared<ExpandArguments>();
  command->add_option("keys", arguments->keys, "Keys to start from")->required();
  command->add_option("--hops", arguments->hops, "Hops, 1 to 32")->capture_default_str()->check(CLI::Range(1, 32));
  add_edge_options(*command, arguments->edges);
  add_vertex_options(*command, arguments->vertices);
  at_least_one(*command->add_option("-n,--limit", arguments->limit, "Show at most so many")->capture_default_str());
  command->add_flag("-p,--properties", arguments->properties, "Also labels and properties");
  add_hops(*command, arguments);
  command->footer(R"(Each vertex is shown once, with the least number of hops to it. Conditions hold on every hop; with --hop, each hop has
its own: the words are the options --direction, --type, --min-weight, --max-weight, --edge-where, --label and --where.

Examples:
  engram expand ada --hops 2
  engram expand 1 --hops 2 --type route --where "elev>100" --label airport
  engram expand 1 --hop "type=contains direction=in label=country" --hop "type=contains where=elev>4000")");
  command->callback([arguments, &globals] { run_expand(globals, *arguments); });
}

void add_path(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand("path", "Find a shortest path");
  auto arguments = std::make_shared<PathArguments>();
  command->add_option("source", arguments->source, "Key to start from")->required();
  command->add_option("target", arguments->target, "Key to arrive at")->required();
  command->add_option("--by", arguments->by, "What to keep small: hops, weight, or the name of a numeric edge property")
      ->capture_default_str();
  command->add_option("--max-hops", arguments->max_hops, "Longest path to look for; not with --by weight or a property")
      ->default_str("64");
  add_edge_options(*command, arguments->edges);
  add_vertex_options(*command, arguments->vertices);
  command->footer(R"(Conditions on vertices hold for those between. Exit code 1 if there is no path.

Examples:
  engram path ada babbage
  engram path ada babbage --max-hops 4
  engram path 1 200 --by dist --type route
  engram path a b --by weight --direction both)");
  command->callback([arguments, &globals] { run_path(globals, *arguments); });
}

void add_recall(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand("recall", "Show what comes to mind: spreading activation");
  auto arguments = std::make_shared<RecallArguments>();
  command->add_option("seeds", arguments->seeds, "KEY, or KEY=0.5 for an activation below 1")->required();
  command->add_option("--hops", arguments->hops, "Rounds, 1 to 16")->capture_default_str()->check(CLI::Range(1, 16));
  command->add_option("--top", arguments->top, "Show the so many most active")->capture_default_str();
  command->add_option("--decay", arguments->decay, "Factor of each hop, over 0 and up to 1")->capture_default_str();
  command->add_option("--threshold", arguments->threshold, "Less than this is not passed on")->capture_default_str();
  command->add_option("--normalise", arguments->normalise, "none, weight-sum or fan-out")->capture_default_str();
  command->add_flag("--include-seeds", arguments->include_seeds, "Show the seeds too");
  add_edge_options(*command, arguments->edges);
  add_vertex_options(*command, arguments->vertices);
  command->footer(R"(Examples:
  engram recall ada
  engram recall ada=1 "note g=0.5" --hops 2 --top 10 --normalise fan-out
  engram recall 1 --type route --decay 0.3 --json)");
  command->callback([arguments, &globals] { run_recall(globals, *arguments); });
}

}  // namespace

void add_traverse_commands(CLI::App& app, Globals& globals) {
  add_expand(app, globals);
  add_path(app, globals);
  add_recall(app, globals);
}

}  // namespace engram::cli
