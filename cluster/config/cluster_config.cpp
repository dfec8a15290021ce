#include "cluster/config/cluster_config.h"

#include <algorithm>
#include <set>

#include "cluster/config/endpoint.h"
#include "cluster/config/node_name.h"

namespace engram {
namespace {

constexpr std::uint32_t partitions_of_several_nodes = 16;
constexpr std::string_view ordinal_mark = "{}";

Status refuse(std::string message) {
  return {Code::invalid_argument, std::move(message), "cluster.peers"};
}

bool names_ordinal(std::string_view text) {
  return text.find(ordinal_mark) != std::string_view::npos;
}

std::string fill_in(std::string pattern, std::uint64_t ordinal) {
  const std::string digits = std::to_string(ordinal);
  for (std::size_t at = 0; (at = pattern.find(ordinal_mark, at)) != std::string::npos; at += digits.size())
    pattern.replace(at, ordinal_mark.size(), digits);
  return pattern;
}

std::vector<std::string> split_at_commas(std::string_view text) {
  std::vector<std::string> parts;
  while (true) {
    std::size_t comma = std::min(text.find(','), text.size());
    std::string_view part = text.substr(0, comma);
    std::size_t begin = std::min(part.find_first_not_of(' '), part.size());
    parts.emplace_back(part.substr(begin, part.find_last_not_of(' ') + 1 - begin));
    if (comma == text.size()) return parts;
    text.remove_prefix(comma + 1);
  }
}

/// One entry a node.
Result<std::vector<std::string>> expand(const std::string& peers, std::uint64_t nodes) {
  std::vector<std::string> entries = split_at_commas(peers);
  if (entries.size() == 1 && names_ordinal(entries[0])) {
    std::vector<std::string> filled;
    for (std::uint64_t i = 0; i < nodes; ++i) filled.push_back(fill_in(entries[0], i));
    return filled;
  }
  if (names_ordinal(peers))
    return refuse("cluster.peers = \"" + peers +
                  "\" has both {} and a comma: write one host:port with {} for the ordinal, or the host:port of each node");
  if (entries.size() == 1 && nodes > 1)
    return refuse("cluster.peers = \"" + peers + "\" is one address for " + std::to_string(nodes) +
                  " nodes: put {} where their ordinals go, as in engram-{}.engram:9472, or write the host:port of each, "
                  "separated by commas");
  if (entries.size() != nodes)
    return refuse("cluster.peers names " + std::to_string(entries.size()) + " nodes, but cluster.nodes = " +
                  std::to_string(nodes) + ": write one host:port for each, in the order of their ordinals");
  return entries;
}

}  // namespace

std::string cluster_name(const Config& config) {
  if (config.node.name.empty()) return std::string(default_cluster_name);
  std::optional<NodeName> name = split_node_name(config.node.name);
  return name ? name->stem : config.node.name;
}

std::uint32_t default_partitions(const Config& config, std::uint32_t cores) {
  return config.cluster.nodes > 1 ? partitions_of_several_nodes : cores;
}

std::string peer_pattern(const Config& config) {
  if (!config.cluster.peers.empty()) return config.cluster.peers;
  const std::string name = cluster_name(config);
  const std::string& address = config.cluster.address;
  return name + "-{}." + name + address.substr(std::min(address.rfind(':'), address.size()));
}

std::string client_address(const Config& config) {
  if (!config.listen.advertise.empty()) return config.listen.advertise;
  if (is_off(config.listen.address)) return is_off(config.listen.unix) ? std::string() : "unix:" + config.listen.unix;
  Result<Endpoint> own = parse_endpoint(config.listen.address);
  if (!own.ok() || own->port == 0) return {};
  if (!own->all_interfaces()) return own->text();
  Result<std::vector<std::string>> peers = peer_addresses(config);
  if (!peers.ok() || config.node.ordinal >= peers->size()) return {};
  Result<Endpoint> named = parse_endpoint((*peers)[config.node.ordinal]);
  return named.ok() ? Endpoint{named->host, own->port}.text() : std::string();
}

Result<std::vector<std::string>> peer_addresses(const Config& config) {
  Result<Endpoint> own = parse_endpoint(config.cluster.address);
  if (config.cluster.peers.empty() && (!own.ok() || own->port == 0))
    return refuse("cluster.address = " + config.cluster.address +
                  " has no port that the nodes could find each other by: set cluster.peers, or a port");
  Result<std::vector<std::string>> entries = expand(peer_pattern(config), config.cluster.nodes);
  if (!entries.ok()) return entries;
  std::vector<std::string> addresses;
  std::set<std::string> seen;
  for (const std::string& entry : *entries) {
    const std::string whose = "cluster.peers: node " + std::to_string(addresses.size()) + ": ";
    Result<Endpoint> endpoint = parse_endpoint(entry);
    if (!endpoint.ok()) return refuse(whose + endpoint.status().message());
    if (endpoint->port == 0)
      return refuse(whose + "\"" + entry + "\" has the port 0, where nobody can be called: write the real one");
    addresses.push_back(endpoint->text());
    if (!seen.insert(addresses.back()).second)
      return refuse(whose + addresses.back() + " is another node's address already");
  }
  return addresses;
}

}  // namespace engram
