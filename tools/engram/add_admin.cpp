// space, stats, status and token on the command line.

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

#include "tools/engram/app.h"
#include "tools/engram/app_checks.h"
#include "tools/engram/commands.h"

namespace engram::cli {

namespace {

using Arguments = std::shared_ptr<SpaceArguments>;

void add_quota_options(CLI::App& command, const Arguments& arguments) {
  command.add_option("--max-vertices", arguments->quota_vertices, "At most so many vertices; 0: any number");
  command.add_option("--max-edges", arguments->quota_edges, "At most so many edges; 0: any number");
  take_size(*command.add_option("--max-bytes", arguments->quota_bytes,
                                "At most so much stored (500MiB, 2GiB); 0: any size"));
}

constexpr const char* quota_of_spread =
    R"(A spread space keeps its quota in equal shares, one for each partition: a partition whose share is full refuses
(quota_exceeded tells the share) though others have room. So a small quota wants a space that is kept --together.)";

CLI::App* space_command(CLI::App& space, const char* name, const char* help, const Arguments& arguments) {
  auto* command = space.add_subcommand(name, help);
  command->add_option("name", arguments->name, "The space's name")->required();
  return command;
}

void add_space(CLI::App& app, Globals& globals) {
  auto* space = app.add_subcommand("space", "Create, list and drop spaces: graphs of their own");
  auto arguments = std::make_shared<SpaceArguments>();
  space->require_subcommand(1);
  auto* create = space_command(*space, "create", "Create a space", arguments);
  create->add_flag("--together", arguments->together, "Keep it in one partition: for small graphs");
  add_quota_options(*create, arguments);
  create->footer(std::string(quota_of_spread) +
                 "\n\nExamples:\n  engram space create notes\n  engram space create notes --together --max-bytes 500MiB");
  create->callback([arguments, &globals] { run_space_create(globals, *arguments); });

  auto* list = space->add_subcommand("list", "List the spaces that the token may see, with what they hold");
  list->footer("Examples:\n  engram space list\n  engram space list --json | jq -r .name");
  list->callback([&globals] { run_space_list(globals); });

  auto* drop = space_command(*space, "drop", "Drop a space with all that it holds", arguments);
  drop->add_flag("--yes", arguments->yes, "Yes, really");
  drop->footer("Example:\n  engram space drop notes --yes");
  drop->callback([arguments, &globals] { run_space_drop(globals, *arguments); });

  auto* quota = space_command(*space, "quota", "Show a space's quota and what is used of it, or replace it", arguments);
  auto* none = quota->add_flag("--none", arguments->no_quota, "Remove it: everything is unlimited");
  add_quota_options(*quota, arguments);
  auto limits = {quota->get_option("--max-vertices"), quota->get_option("--max-edges"), quota->get_option("--max-bytes")};
  for (auto* limit : limits) none->excludes(limit);
  quota->footer("With one of the options, what is not given is unlimited then.\n" + std::string(quota_of_spread) + R"(

Examples:
  engram space quota notes
  engram space quota notes --max-vertices 100000 --max-bytes 1GiB
  engram space quota notes --none)");
  quota->callback([arguments, limits = std::vector<CLI::Option*>(limits), &globals] {
    arguments->sets_quota = std::any_of(limits.begin(), limits.end(), [](auto* limit) { return limit->count() > 0; });
    run_space_quota(globals, *arguments);
  });

  auto* index = space->add_subcommand("index", "Declare or drop an index in the space that --space names");
  index->add_option("property", arguments->property, "The property")->required();
  index->add_option("-l,--label", arguments->label, "Only of vertices with this label");
  index->add_flag("--drop", arguments->drop, "Drop it");
  index->footer(R"(Old vertices are entered in the background; 'engram scan --lookup' answers when all are.

Examples:
  engram space index code --label airport
  engram space index born --space notes
  engram space index code --label airport --drop)");
  index->callback([arguments, &globals] { run_space_index(globals, *arguments); });

  space->footer(R"(Examples:
  engram space create notes --together --max-bytes 500MiB
  engram space list
  engram space quota notes --max-vertices 100000
  engram space index code --label airport --space default
  engram space drop notes --yes)");
}

void add_upgrade(CLI::App& cluster, Globals& globals) {
  auto* check = cluster.add_subcommand("upgrade-check", "Say whether the next node may be stopped");
  auto wait_ms = std::make_shared<std::uint32_t>(10'000);
  constexpr std::uint64_t longest_wait_ms = 3'600'000;
  take_duration(*check->add_option("--wait", *wait_ms, "Wait so long for it")->default_str("10s"), 0, longest_wait_ms);
  check->footer(R"(It is safe if all nodes are ready and connected to each other, and no transaction is in doubt. To be asked before
each step of a rolling upgrade, which goes from the highest ordinal to the lowest. Exit code 1: not safe, with the reasons;
3: no engine answers. It also says whether nodes can go back to the version before, or the feature level has ended that.

Examples:
  engram cluster upgrade-check --server engram-0.engram:9470,engram-1.engram:9470,engram-2.engram:9470
  engram cluster upgrade-check --wait 1m)");
  check->callback([wait_ms, &globals] { run_upgrade_check(globals, *wait_ms); });
  auto* finalize = cluster.add_subcommand("finalize", "End an upgrade: from now on there is no way back");
  finalize->footer(R"(Until then the cluster writes and sends only what the version before knows, and each node can go back to it. This
raises the feature level to the highest that all nodes know. Refused while a node is away, or older.

Examples:
  engram cluster finalize --server engram-0.engram:9470)");
  finalize->callback([&globals] { run_finalize(globals); });
}

void add_cluster(CLI::App& app, Globals& globals) {
  auto* cluster = app.add_subcommand("cluster", "What concerns all nodes of a cluster");
  cluster->require_subcommand(1);
  auto* status = cluster->add_subcommand("status", "Show every node: version, partitions, log, queue, hit rate, doubt");
  status->footer("Every node tells the others how it is; each that --server names is asked itself. Exit code 3 if one of the\n"
                 "nodes is away.\n\nExamples:\n"
                 "  engram cluster status\n"
                 "  engram cluster status --server 127.0.0.1:9470,127.0.0.1:9480,127.0.0.1:9490");
  status->callback([&globals] { run_cluster_status(globals); });
  add_upgrade(*cluster, globals);
  auto* forget = cluster->add_subcommand("forget-volume", "Let a node come back with another volume");
  auto ordinal = std::make_shared<std::uint32_t>(0);
  forget->add_option("ordinal", *ordinal, "The node whose volume is lost")->required();
  forget->footer(R"(Every node remembers which volume each other node has, so that an empty or a foreign one is not taken for it.
If a volume is lost for good, what its partitions held is lost with it. This tells the nodes that --server names, which
should be all others, to take the next volume that comes for right.

Examples:
  engram cluster forget-volume 2 --server engram-0.engram:9470,engram-1.engram:9470)");
  forget->callback([ordinal, &globals] { run_forget_volume(globals, *ordinal); });
}

}  // namespace

void add_admin_commands(CLI::App& app, Globals& globals) {
  add_space(app, globals);
  add_cluster(app, globals);
  auto* stats = app.add_subcommand("stats", "Show what the space holds: counts, labels, edge types, indexes");
  stats->footer("Examples:\n  engram stats\n  engram stats --space notes --json");
  stats->callback([&globals] { run_stats(globals); });
  auto* status = app.add_subcommand("status", "Show how the engine is");
  status->footer("Examples:\n  engram status\n  engram status --json | jq .node.version");
  status->callback([&globals] { run_status(globals); });
}

void add_token(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand("token", "Make a token for clients; needs no engine");
  auto arguments = std::make_shared<TokenArguments>();
  command->add_option("name", arguments->name, "A name for it, as logs show it")->required();
  command->add_option("--role", arguments->role, "read, write or admin")->capture_default_str();
  command->add_option("--only-space", arguments->spaces, "Only for this space; may be repeated")->allow_extra_args(false);
  command->add_option("--expires", arguments->expires, "When it ends: 2027-01-31 or 2027-01-31T12:00:00Z");
  command->add_option("--file", arguments->file, "Append the entry to this token file");
  command->footer(R"(The token goes to standard output, once, and nowhere else. Keep it in a file of mode 0600 and name it by
--token-file.

Examples:
  engram token ingest --role write --file tokens.toml > ingest.token
  engram token dashboard --only-space news --expires 2027-01-31)");
  command->callback([arguments, &globals] { run_token(globals, *arguments); });
}

}  // namespace engram::cli
