// put, link and delete on the command line.

#include <memory>
#include <string>

#include <CLI/CLI.hpp>

#include "tools/engram/app.h"
#include "tools/engram/commands.h"

namespace engram::cli {

namespace {

constexpr const char* property_help =
    "name=value, the type by how it looks; or name:type=value with the type int, float, text, bool, timestamp, bytes "
    "(base64), list, vector. A colon in a name needs a backslash: 'dc\\:title=Notes'. name=null removes";

CLI::Option* each(CLI::Option* option) { return option->allow_extra_args(false); }

/// `what`: "vertex", "edge".
template <typename Arguments>
void add_conditions(CLI::App& command, Arguments& arguments, const std::string& what) {
  command.add_option("--if-version", arguments.if_version, "Only if the " + what + "'s version is still this one");
  each(command.add_option("--if-property", arguments.if_properties,
                          "Only if the " + what +
                              " has this property: name=value as for put, name=null: not at all; may be repeated"));
}

void add_put(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand("put", "Create or change a vertex");
  auto arguments = std::make_shared<PutArguments>();
  command->add_option("key", arguments->key, "The vertex's key")->required();
  command->add_option("properties", arguments->properties, property_help);
  each(command->add_option("-l,--label", arguments->labels, "Add this label; may be repeated"));
  each(command->add_option("--remove-label", arguments->remove_labels, "Remove this label; may be repeated"));
  auto* create = command->add_flag("--create", arguments->create, "It must not exist");
  command->add_flag("--update", arguments->update, "It must exist")->excludes(create);
  command->add_flag("--replace", arguments->replace, "What is given is all that it will have");
  add_conditions(*command, *arguments, "vertex");
  command->footer(R"(Examples:
  engram put ada --label Person born=1815 name="Ada Lovelace"
  engram put ada died:timestamp=1852-11-27 score:float=1 nickname=null
  engram put note-7 "embedding:vector=[0.1,0.2,0.7]" 'dc\:title=Notes on the engine'
  engram put ada city=London --update --if-version 42
  engram put job-7 state=taken --if-property state=open)");
  command->callback([arguments, &globals] { run_put(globals, *arguments); });
}

void add_link(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand("link", "Create or change an edge");
  auto arguments = std::make_shared<LinkArguments>();
  command->add_option("source", arguments->source, "Key of the vertex that it starts at")->required();
  command->add_option("type", arguments->type, "The edge's type")->required();
  command->add_option("target", arguments->target, "Key of the vertex that it leads to")->required();
  command->add_option("properties", arguments->properties, property_help);
  command->add_option("--rank", arguments->rank, "Tells parallel edges of one type apart");
  command->add_option("-w,--weight", arguments->weight, "Weight; a new edge has 1 without it");
  auto* create = command->add_flag("--create", arguments->create, "It must not exist");
  command->add_flag("--update", arguments->update, "It must exist")->excludes(create);
  command->add_flag("--replace", arguments->replace, "The properties given are all that it will have");
  command->add_flag("--create-missing", arguments->create_missing, "Create source and target if they are not there");
  add_conditions(*command, *arguments, "edge");
  command->footer(R"(Examples:
  engram link ada KNOWS charles --weight 0.9 since=1833
  engram link ada WROTE "note g" --create-missing
  engram link a FLIES b --rank 2 carrier=XY)");
  command->callback([arguments, &globals] { run_link(globals, *arguments); });
}

void add_delete(CLI::App& app, Globals& globals) {
  auto* command = app.add_subcommand("delete", "Delete vertices with their edges, or one edge");
  auto arguments = std::make_shared<DeleteArguments>();
  auto* key = command->add_option("keys", arguments->keys, "Keys; several vertices go together or not at all, and conditions are about each");
  command->add_option("--edge", arguments->edge, "SOURCE TYPE TARGET: delete this edge")->expected(3)->excludes(key);
  command->add_option("--rank", arguments->rank, "The edge's rank")->excludes(key);
  command->add_flag("--if-exists", arguments->if_exists, "Absent is not an error");
  add_conditions(*command, *arguments, "vertex or edge");
  command->footer(R"(Examples:
  engram delete ada
  engram delete ada charles engine
  engram delete --edge ada KNOWS charles
  engram delete --edge a FLIES b --rank 2 --if-exists
  engram delete job-7 --if-property state=done)");
  command->callback([arguments, &globals] { run_delete(globals, *arguments); });
}

}  // namespace

void add_write_commands(CLI::App& app, Globals& globals) {
  add_put(app, globals);
  add_link(app, globals);
  add_delete(app, globals);
}

}  // namespace engram::cli
