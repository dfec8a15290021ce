// space, stats, status.

#include <algorithm>

#include "tools/engram/command_support.h"
#include "tools/engram/json.h"
#include "tools/engram/property_text.h"

namespace engram::cli {

namespace {

std::string quota_text(std::uint64_t used, std::uint64_t quota) {
  return quota == 0 ? grouped(used) : grouped(used) + " of " + grouped(quota);
}

client::Quota quota_of(const SpaceArguments& arguments) {
  return {arguments.quota_vertices, arguments.quota_edges, arguments.quota_bytes};
}

void show_quota(Globals& globals, client::Client& client, const std::string& name) {
  auto answer = client.list_spaces();
  auto* spaces = checked(globals, answer);
  if (spaces == nullptr) return;
  auto space = std::find_if(spaces->begin(), spaces->end(), [&](const auto& one) { return one.name == name; });
  if (space == spaces->end())
    return report_error(globals,
                        Status(Code::unknown_space, "there is no space '" + name + "', or the token may not use it"));
  if (globals.json) return print_line(dump(to_json(*space)));
  Table table({"", "used", "quota"}, {false, true, true});
  auto add = [&](const char* what, std::uint64_t used, std::uint64_t quota, auto show) {
    table.add({what, show(used), quota == 0 ? "no limit" : show(quota)}, {Ink::faint});
  };
  add("vertices", space->vertices, space->quota.vertices, grouped);
  add("edges", space->edges, space->quota.edges, grouped);
  add("bytes", space->bytes, space->quota.bytes, show_bytes);
  table.print();
}

/// A document as "path  value" lines: what /status says differs from version to version.
void flatten(Table& table, const Json& json, const std::string& path) {
  if (json.is_object() || (json.is_array() && !json.empty() && json.front().is_object())) {
    for (auto item = json.begin(); item != json.end(); ++item) {
      auto name = json.is_object() ? item.key() : std::to_string(item - json.begin());
      flatten(table, *item, path.empty() ? name : path + "." + name);
    }
    return;
  }
  table.add({path, json.is_string() ? json.get<std::string>() : dump(json)}, {Ink::faint, Ink::plain});
}

void print_counts(const char* head, const std::vector<client::NamedCount>& counts) {
  if (counts.empty()) return;
  Table table({head, "count"}, {false, true});
  for (const auto& count : counts) table.add({count.name, grouped(count.count)}, {Ink::name, Ink::number});
  print_line("");
  table.print();
}

}  // namespace

void run_space_create(Globals& globals, const SpaceArguments& arguments) {
  auto* client = open_session(globals);
  if (client == nullptr) return;
  auto placement = arguments.together ? client::Placement::together : client::Placement::spread;
  auto outcome = client->create_space(arguments.name, placement, quota_of(arguments));
  if (!outcome.committed() || globals.json) return report_outcome(globals, outcome);
  print_line("space '" + arguments.name + "' created");
}

void run_space_list(Globals& globals) {
  auto* client = open_session(globals);
  if (client == nullptr) return;
  auto answer = client->list_spaces();
  auto* spaces = checked(globals, answer);
  if (spaces == nullptr) return;
  Table table({"space", "placement", "vertices", "edges", "bytes"}, {false, false, true, true, true});
  for (const auto& space : *spaces) {
    if (globals.json) {
      print_line(dump(to_json(space)));
      continue;
    }
    table.add({space.name, placement_name(space.placement), quota_text(space.vertices, space.quota.vertices),
               quota_text(space.edges, space.quota.edges),
               show_bytes(space.bytes) + (space.quota.bytes == 0 ? "" : " of " + show_bytes(space.quota.bytes))},
              {Ink::strong, Ink::plain, Ink::number, Ink::number, Ink::number});
  }
  if (!globals.json) table.print();
}

void run_space_drop(Globals& globals, const SpaceArguments& arguments) {
  if (!arguments.yes)
    return report_usage(globals, Status(Code::invalid_argument, "this removes all of space '" + arguments.name +
                                                                    "' for good: say --yes if you mean it"));
  auto* client = open_session(globals);
  if (client == nullptr) return;
  auto outcome = client->drop_space(arguments.name);
  if (!outcome.committed() || globals.json) return report_outcome(globals, outcome);
  print_line("space '" + arguments.name + "' dropped; what it holds is removed in the background");
}

void run_space_quota(Globals& globals, const SpaceArguments& arguments) {
  auto* client = open_session(globals);
  if (client == nullptr) return;
  if (!arguments.sets_quota && !arguments.no_quota) return show_quota(globals, *client, arguments.name);
  auto outcome = client->set_quota(arguments.name, quota_of(arguments));
  if (!outcome.committed() || globals.json) return report_outcome(globals, outcome);
  print_line("quota of space '" + arguments.name + "' " + (arguments.no_quota ? "removed" : "set"));
}

void run_space_index(Globals& globals, const SpaceArguments& arguments) {
  auto* client = open_client(globals);
  if (client == nullptr) return;
  client::Index index{arguments.label, arguments.property};
  auto outcome = arguments.drop ? client->drop_index(index) : client->declare_index(index);
  if (!outcome.committed() || globals.json) return report_outcome(globals, outcome);
  print_line(std::string(arguments.drop ? "index dropped: " : "index declared: ") +
             printable((index.label.empty() ? "" : index.label + ".") + index.property));
}

void run_stats(Globals& globals) {
  auto* client = open_client(globals);
  if (client == nullptr) return;
  auto answer = client->statistics();
  auto* statistics = checked(globals, answer);
  if (statistics == nullptr) return;
  if (globals.json) return print_line(dump(to_json(*statistics)));
  const auto& space = statistics->space;
  Table table({"space", space.name});
  table.add({"placement", placement_name(space.placement)}, {Ink::faint});
  table.add({"vertices", quota_text(space.vertices, space.quota.vertices)}, {Ink::faint});
  table.add({"edges", quota_text(space.edges, space.quota.edges)}, {Ink::faint});
  table.add({"bytes", show_bytes(space.bytes)}, {Ink::faint});
  for (const auto& index : statistics->indexes)
    table.add({"index", (index.label.empty() ? "" : index.label + ".") + index.property +
                            (statistics->is_building(index) ? " (still being built)" : "")},
              {Ink::faint});
  table.print();
  print_counts("label", statistics->labels);
  print_counts("edge type", statistics->types);
}

void run_status(Globals& globals) {
  auto* client = open_session(globals);
  if (client == nullptr) return;
  const auto& server = client->server();
  auto answer = client->engine_statistics();
  Json document;
  if (answer.ok()) {
    document = Json::parse(*answer, nullptr, false);
  } else if (answer.status().code() == Code::permission_denied) {
    // Without the role admin there is less to say, but the engine is there.
    document = {{"node", {{"version", server.version}, {"ordinal", server.node}, {"partitions", server.partitions}}}};
  } else {
    return report_error(globals, answer.status());
  }
  if (globals.json) return print_line(dump(document));
  Table table({"engine", "version " + server.version});
  flatten(table, document, "");
  table.print();
}

}  // namespace engram::cli
