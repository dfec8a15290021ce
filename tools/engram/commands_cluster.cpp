// cluster: what concerns all nodes. Each of the servers that are named is asked by itself.

#include <chrono>
#include <cstdio>
#include <map>
#include <thread>

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

/// The nodes of a cluster, each as it says of itself if it was asked and answered, else as another one says.
struct Cluster {
  std::map<unsigned, Json> nodes;    // by ordinal, as in /status
  std::vector<std::string> silent;   // servers that did not answer, and why
  std::vector<std::string> broken;   // "0 - 2": pairs that are not connected, as one of both says
};

/// Version 0.1 speaks of itself alone.
void add_old_document(Cluster& cluster, const Json& document) {
  Json node = document["node"];
  node["connected"] = node["self"] = true;
  for (Json partition : document.value("partitions", Json::array())) {
    node["in_doubt"] = node.value("in_doubt", std::uint64_t{0}) + partition.value("in_doubt", std::uint64_t{0});
    node["queue"] = node.value("queue", std::uint64_t{0}) + partition.value("pending_commands", std::uint64_t{0});
  }
  node["partitions"] = document.value("partitions", Json::array());
  if (document.contains("log")) node["log_position"] = document["log"].value("end_position", std::uint64_t{0});
  node["feature_level"] = node["newest_level"] = 1;
  cluster.nodes[node.value("ordinal", 0U)] = node;
}

void add_document(Cluster& cluster, const std::string& server, const Json& document) {
  if (!document.contains("node")) {
    cluster.silent.push_back(server + ": " + document.value("error", "it does not say how it is"));
    return;
  }
  if (!document.contains("cluster")) return add_old_document(cluster, document);
  unsigned asked = document["node"].value("ordinal", 0U);
  for (const Json& node : document["cluster"]["nodes"]) {
    unsigned ordinal = node.value("ordinal", 0U);
    if (!node.value("connected", false))
      cluster.broken.push_back(std::to_string(asked) + " - " + std::to_string(ordinal));
    Json& known = cluster.nodes[ordinal];
    bool better = known.is_null() || node.value("self", false) || (!known.contains("phase") && node.contains("phase"));
    if (better) known = node;
  }
}

Cluster look(Globals& globals) {
  Cluster cluster;
  for_each_server(globals, [&](const std::string& server, Result<client::Client>& client) {
    add_document(cluster, server, client.ok() ? document_of(*client) : Json{{"error", client.status().message()}});
  });
  return cluster;
}

std::string partitions_of(const Json& node) {
  std::string own;
  for (const Json& one : node.value("partitions", Json::array()))
    own += (own.empty() ? "" : " ") + std::to_string(one.value("partition", 0));
  return own;
}

std::string level_of(const Json& node) {
  if (!node.contains("newest_level")) return "";
  auto newest = node.value("newest_level", 1U), level = node.value("feature_level", newest);
  return std::to_string(level) + (newest > level ? " of " + std::to_string(newest) : "");
}

void add_row(Table& table, unsigned ordinal, const Json& node) {
  bool told = node.contains("phase");
  auto number = [&](const char* name) { return told ? grouped(node.value(name, std::uint64_t{0})) : std::string(); };
  std::string phase = told ? node.value("phase", "") : "not told";
  if (!node.value("connected", false)) phase = "away";
  char rate[16] = "";
  if (node.contains("hit_rate")) std::snprintf(rate, sizeof rate, "%.1f %%", 100 * node.value("hit_rate", 1.0));
  table.add({std::to_string(ordinal), phase, node.value("version", ""), level_of(node), partitions_of(node),
             number("log_position"), number("queue"), rate, number("in_doubt"), node.value("client_address", "")},
            {Ink::name});
}

/// What keeps an operator from going on with the next node; empty: nothing.
std::vector<std::string> reasons_to_wait(const Cluster& cluster) {
  std::vector<std::string> reasons;
  for (const std::string& one : cluster.silent) reasons.push_back(one);
  for (const std::string& pair : cluster.broken) reasons.push_back("nodes " + pair + " are not connected");
  for (const auto& [ordinal, node] : cluster.nodes) {
    std::string name = "node " + std::to_string(ordinal);
    if (!node.contains("phase")) {
      reasons.push_back(name + " tells no other node how it is: name it in --server too");
      continue;
    }
    if (node.value("told_ms_ago", 0) > 10'000) reasons.push_back(name + " has not told how it is for 10 s");
    if (node.value("phase", "") != "ready") reasons.push_back(name + " is " + node.value("phase", ""));
    if (node.value("in_doubt", std::uint64_t{0}) > 0)
      reasons.push_back(name + " has " + grouped(node.value("in_doubt", std::uint64_t{0})) + " transactions in doubt");
  }
  if (cluster.nodes.empty()) reasons.emplace_back("no node answers");
  return reasons;
}

/// "1 of 2" if it can be raised.
std::string level_note(const Cluster& cluster) {
  unsigned level = ~0U, newest = ~0U;
  for (const auto& [ordinal, node] : cluster.nodes) {
    newest = std::min(newest, node.value("newest_level", 1U));
    level = std::min(level, node.value("feature_level", newest));
  }
  if (cluster.nodes.empty() || newest <= level) return {};
  return "all nodes know feature level " + std::to_string(newest) + ", and " + std::to_string(level) +
         " is in force: one can still go back; `engram cluster finalize` ends that";
}

}  // namespace

void run_cluster_status(Globals& globals) {
  Cluster cluster = look(globals);
  if (!cluster.silent.empty() && globals.exit_code == 0) globals.exit_code = exit_unreachable;
  Json all = Json::array();
  Table table({"node", "phase", "version", "level", "partitions", "log bytes", "queue", "hit rate", "in doubt", "clients at"},
              {false, false, false, false, false, true, true, true, true});
  for (const auto& [ordinal, node] : cluster.nodes) {
    if (!node.value("connected", false) && globals.exit_code == 0) globals.exit_code = exit_unreachable;
    add_row(table, ordinal, node);
    all.push_back(node);
  }
  if (globals.json) return print_line(dump(all));
  table.print();
  for (const auto& [ordinal, node] : cluster.nodes)
    if (node.contains("error")) print_line(ink(Ink::strong, printable("node " + std::to_string(ordinal) + ": " + node.value("error", ""))));
  for (const std::string& one : cluster.silent) print_line(ink(Ink::strong, printable(one)));
}

void run_upgrade_check(Globals& globals, std::uint32_t wait_seconds) {
  auto until = std::chrono::steady_clock::now() + std::chrono::seconds(wait_seconds);
  Cluster cluster = look(globals);
  std::vector<std::string> reasons = reasons_to_wait(cluster);
  while (!reasons.empty() && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    cluster = look(globals);
    reasons = reasons_to_wait(cluster);
  }
  globals.exit_code = reasons.empty() ? 0 : exit_not_found;
  std::string note = level_note(cluster);
  if (globals.json) return print_line(dump({{"safe", reasons.empty()}, {"reasons", reasons}, {"note", note}}));
  print_line(reasons.empty() ? "safe to go on: " + std::to_string(cluster.nodes.size()) + " nodes are ready, nothing is in doubt"
                             : "not safe to go on:");
  for (const std::string& reason : reasons) print_line("  " + printable(reason));
  if (!note.empty()) print_line(note);
}

void run_finalize(Globals& globals) {
  auto options = client_options(globals);
  if (!options.ok()) return report_error(globals, options.status());
  options->space = {};
  auto client = client::Client::connect(*options);
  if (!client.ok()) return report_error(globals, client.status());
  auto level = client->finalize();
  if (!level.ok()) return report_error(globals, level.status());
  if (globals.json) return print_line(dump({{"level", *level}}));
  print_line("feature level " + std::to_string(*level) + " is in force");
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
