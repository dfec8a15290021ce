// cluster: what concerns all nodes. Each of the servers that are named is asked by itself.

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <map>
#include <thread>
#include <utility>

#include "client/engram/servers.h"
#include "tools/engram/command_support.h"
#include "tools/engram/json.h"

namespace engram::cli {

namespace {

/// Calls `ask(server, client)` for each server, whether or not the others answer.
template <typename Ask>
void for_each_server(const client::Options& options, const Ask& ask) {
  for (const std::string& server : client::split_servers(options.server)) {
    client::Options one = options;
    one.server = server;
    auto client = client::Client::connect(one);
    ask(server, client);
  }
}

Result<Json> document_of(Result<client::Client>& client) {
  if (!client.ok()) return client.status();
  auto answer = client->engine_statistics();
  if (!answer.ok()) return answer.status();
  Json document = Json::parse(*answer, nullptr, false);
  if (!document.contains("node")) return Status(Code::unavailable, "it does not say how it is");
  return document;
}

/// The error with the server that it is of, if it does not name it itself.
Status at(const std::string& server, const Status& status) {
  if (status.message().find(server) != std::string::npos) return status;
  return {status.code(), server + ": " + status.message(), status.field(), status.limit()};
}

/// The nodes of a cluster, each as it says of itself if it was asked and answered, else as another one says.
struct Cluster {
  std::map<unsigned, Json> nodes;    // by ordinal, as in /status
  std::vector<Status> silent;        // of servers that did not answer: why
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

void add_document(Cluster& cluster, const Json& document) {
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

Cluster look(const client::Options& options) {
  Cluster cluster;
  for_each_server(options, [&](const std::string& server, Result<client::Client>& client) {
    auto document = document_of(client);
    if (document.ok()) return add_document(cluster, *document);
    cluster.silent.push_back(at(server, document.status()));
  });
  return cluster;
}

/// A server does not want us, and no waiting changes that: a wrong token, a role that is too small, certificates.
bool is_refused(const Cluster& cluster) {
  return std::any_of(cluster.silent.begin(), cluster.silent.end(), [](const Status& status) {
    return status.code() != Code::unavailable && status.code() != Code::overloaded &&
           status.code() != Code::deadline_exceeded;
  });
}

/// The exit code is that of the first one, unless there was one already.
void report_silent(Globals& globals, const Cluster& cluster) {
  for (const Status& status : cluster.silent) {
    int before = globals.exit_code;
    report_error(globals, status);
    if (before != exit_ok) globals.exit_code = before;
  }
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
  for (const Status& status : cluster.silent) reasons.push_back(status.message());
  for (const std::string& pair : cluster.broken) reasons.push_back("nodes " + pair + " are not connected");
  for (const auto& [ordinal, node] : cluster.nodes) {
    std::string name = "node " + std::to_string(ordinal);
    if (!node.contains("phase")) {
      reasons.push_back(name + " tells no other node how it is: name it in --server too");
      continue;
    }
    if (node.value("told_ms_ago", 0) > 10'000) reasons.push_back(name + " has not told how it is for 10 s");
    if (node.value("phase", "") != "ready") reasons.push_back(name + " is " + node.value("phase", ""));
    // Those of this moment are what goes on under load; 0.1.0 does not tell since when.
    auto in_doubt = node.value("long_in_doubt", node.value("in_doubt", std::uint64_t{0}));
    if (in_doubt > 0) reasons.push_back(name + " has " + grouped(in_doubt) + " transactions in doubt");
  }
  return reasons;
}

/// Of the nodes that tell theirs.
struct Levels {
  unsigned in_force = 1;
  unsigned known_to_all = 1;
  [[nodiscard]] bool can_go_back() const { return in_force == 1 || known_to_all > in_force; }
};

Levels levels_of(const Cluster& cluster) {
  Levels levels;
  bool first = true;
  for (const auto& [ordinal, node] : cluster.nodes) {
    if (!node.contains("newest_level")) continue;
    unsigned newest = node.value("newest_level", 1U);
    levels.known_to_all = std::exchange(first, false) ? newest : std::min(levels.known_to_all, newest);
    levels.in_force = std::max(levels.in_force, node.value("feature_level", 1U));
  }
  return levels;
}

/// Whether nodes can go back to the version before.
std::string level_note(const Levels& levels) {
  std::string level = std::to_string(levels.in_force);
  if (!levels.can_go_back())
    return "going back is impossible to versions that do not know feature level " + level + ", which is in force";
  std::string possible = levels.in_force == 1
                             ? "going back is possible: feature level 1 is in force, which every version knows"
                             : "going back is possible to versions that know feature level " + level + ", which is in force";
  if (levels.known_to_all == levels.in_force) return possible;
  return possible + ". All nodes know " + std::to_string(levels.known_to_all) +
         ": `engram cluster finalize` raises it to that, and there is no way back then";
}

void print_cluster(const Cluster& cluster) {
  Table table({"node", "phase", "version", "level", "partitions", "log bytes", "queue", "hit rate", "in doubt", "clients at"},
              {false, false, false, false, false, true, true, true, true});
  for (const auto& [ordinal, node] : cluster.nodes) add_row(table, ordinal, node);
  table.print();
  for (const auto& [ordinal, node] : cluster.nodes)
    if (node.contains("error"))
      print_line(ink(Ink::strong, printable("node " + std::to_string(ordinal) + ": " + node.value("error", ""))));
}

Json json_of(const Cluster& cluster) {
  Json all = Json::array();
  for (const auto& [ordinal, node] : cluster.nodes) all.push_back(node);
  return all;
}

}  // namespace

void run_cluster_status(Globals& globals) {
  auto options = session_options(globals);
  if (!options.ok()) return;
  Cluster cluster = look(*options);
  report_silent(globals, cluster);
  if (cluster.nodes.empty()) return;
  bool all_there = std::all_of(cluster.nodes.begin(), cluster.nodes.end(),
                               [](const auto& node) { return node.second.value("connected", false); });
  if (!all_there && globals.exit_code == exit_ok) globals.exit_code = exit_unreachable;
  if (globals.json) return print_line(dump(json_of(cluster)));
  print_cluster(cluster);
}

void run_upgrade_check(Globals& globals, std::uint32_t wait_ms) {
  auto options = session_options(globals);
  if (!options.ok()) return;
  auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(wait_ms);
  Cluster cluster = look(*options);
  std::vector<std::string> reasons = reasons_to_wait(cluster);
  while (!reasons.empty() && !is_refused(cluster) && std::chrono::steady_clock::now() < until) {
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    cluster = look(*options);
    reasons = reasons_to_wait(cluster);
  }
  if (cluster.nodes.empty() || is_refused(cluster)) return report_silent(globals, cluster);
  globals.exit_code = reasons.empty() ? exit_ok : exit_not_found;
  Levels levels = levels_of(cluster);
  if (globals.json)
    return print_line(dump({{"safe", reasons.empty()},
                            {"reasons", reasons},
                            {"can_go_back", levels.can_go_back()},
                            {"feature_level", levels.in_force},
                            {"known_to_all", levels.known_to_all}}));
  print_line(reasons.empty() ? "safe to go on: " + std::to_string(cluster.nodes.size()) + " nodes are ready, nothing is in doubt"
                             : "not safe to go on:");
  for (const std::string& reason : reasons) print_line("  " + printable(reason));
  if (cluster.nodes.size() > 1) print_line(level_note(levels));  // a single node speaks with nobody
}

void run_finalize(Globals& globals) {
  auto* client = open_session(globals);
  if (client == nullptr) return;
  auto level = client->finalize();
  if (!level.ok()) return report_error(globals, level.status());
  if (globals.json) return print_line(dump({{"level", *level}}));
  print_line("feature level " + std::to_string(*level) + " is in force");
}

void run_forget_volume(Globals& globals, std::uint32_t ordinal) {
  auto options = session_options(globals);
  if (!options.ok()) return;
  unsigned asked = 0;
  for_each_server(*options, [&](const std::string& server, Result<client::Client>& client) {
    // The node that is spoken of is not asked.
    if (client.ok() && client->server().node == ordinal) return;
    ++asked;
    Status status = client.ok() ? client->forget_volume(ordinal) : client.status();
    if (!status.ok()) return report_error(globals, at(server, status));
    if (globals.json) return print_line(dump({{"server", server}, {"forgotten", ordinal}}));
    print_line(server + " takes the next volume of node " + std::to_string(ordinal));
  });
  if (asked == 0)
    report_usage(globals, Status(Code::invalid_argument, "nobody was asked: --server names node " + std::to_string(ordinal) +
                                                             " alone, and it is the others that have to forget its volume"));
}

}  // namespace engram::cli
