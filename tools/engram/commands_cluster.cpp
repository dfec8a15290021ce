// cluster: what concerns all nodes. Each of the servers that are named is asked by itself.

#include "client/engram/servers.h"
#include "tools/engram/command_support.h"
#include "tools/engram/json.h"

namespace engram::cli {

namespace {

/// Calls `ask(client)` at each server, whether or not the others answer.
template <typename Ask>
void for_each_server(Globals& globals, const Ask& ask) {
  auto options = client_options(globals);
  if (!options.ok()) return report_error(globals, options.status());
  options->space = {};
  for (const std::string& server : client::split_servers(options->server)) {
    client::Options one = *options;
    one.server = server;
    auto client = client::Client::connect(one);
    ask(server, client);
  }
}

Json document_of(client::Client& client) {
  auto answer = client.engine_statistics();
  if (!answer.ok()) return {{"error", answer.status().message()}};
  return Json::parse(*answer, nullptr, false);
}

std::uint64_t sum_of(const Json& list, const char* name) {
  std::uint64_t sum = 0;
  for (const Json& one : list) sum += one.value(name, std::uint64_t{0});
  return sum;
}

/// "1 2", those that it is connected to.
std::string connected_peers(const Json& document) {
  std::string text;
  for (const Json& peer : document.value("peers", Json::array()))
    if (peer.value("connected", false)) text += (text.empty() ? "" : " ") + std::to_string(peer.value("ordinal", 0));
  return text.empty() ? "none" : text;
}

void add_row(Table& table, const std::string& server, const Json& document) {
  const Json& node = document["node"];
  const Json partitions = document.value("partitions", Json::array());
  std::string own;
  for (const Json& one : partitions) own += (own.empty() ? "" : " ") + std::to_string(one.value("partition", 0));
  table.add({std::to_string(node.value("ordinal", 0)), node.value("phase", ""), node.value("version", ""), own,
             connected_peers(document), grouped(sum_of(partitions, "in_doubt")),
             grouped(sum_of(partitions, "pending_commands")), server});
}

}  // namespace

void run_cluster_status(Globals& globals) {
  Json all = Json::array();
  Table table({"node", "phase", "version", "partitions", "connected to", "in doubt", "pending", "server"});
  std::vector<std::string> silent;
  for_each_server(globals, [&](const std::string& server, Result<client::Client>& client) {
    Json document = client.ok() ? document_of(*client) : Json{{"error", client.status().message()}};
    if (document.contains("node")) {
      add_row(table, server, document);
    } else {
      globals.exit_code = exit_unreachable;
      silent.push_back(server + ": " + document.value("error", "no status"));
    }
    document["server"] = server;
    all.push_back(std::move(document));
  });
  if (globals.json) return print_line(dump(all));
  table.print();
  for (const std::string& one : silent) print_line(ink(Ink::strong, printable(one)));
}

void run_forget_volume(Globals& globals, std::uint32_t ordinal) {
  for_each_server(globals, [&](const std::string& server, Result<client::Client>& client) {
    // The node that is spoken of is not asked.
    if (client.ok() && client->server().node == ordinal) return;
    Status status = client.ok() ? client->forget_volume(ordinal) : client.status();
    if (!status.ok()) return report_error(globals, status);
    if (!globals.json) print_line(server + " takes the next volume of node " + std::to_string(ordinal));
  });
}

}  // namespace engram::cli
