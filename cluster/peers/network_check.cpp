#include "cluster/peers/network_check.h"

#include <algorithm>

namespace engram {
namespace {

std::string node_text(std::uint32_t ordinal) { return "node " + std::to_string(ordinal); }

std::string protocols(const PeerGreeting& greeting) {
  return node_text(greeting.self) + " (version " + greeting.self.version + ") speaks " +
         std::to_string(greeting.oldest_protocol) + " to " + std::to_string(greeting.newest_protocol);
}

Status check_protocol(const PeerGreeting& ours, const PeerGreeting& theirs) {
  auto oldest = std::max(ours.oldest_protocol, theirs.oldest_protocol);
  auto newest = std::min(ours.newest_protocol, theirs.newest_protocol);
  if (oldest <= newest) return {};
  return {Code::unsupported,
          "No version of the protocol between nodes is known to both: " + protocols(ours) + ", " + protocols(theirs) +
              ". Upgrade the older one, by way of a version in between if there is one.",
          "protocol"};
}

Status check_cluster(const Introduction& ours, const Introduction& theirs) {
  if (ours.cluster_id == theirs.cluster_id || ours.cluster_id == Id128{} || theirs.cluster_id == Id128{}) return {};
  return {Code::precondition_failed,
          node_text(ours) + " belongs to the cluster " + ours.cluster_id.hex() + ", " + node_text(theirs) + " to " +
              theirs.cluster_id.hex() +
              ". Check that cluster.peers leads to nodes of one cluster, and that each has its own volume.",
          "cluster_id"};
}

/// Who was meant, and who is there.
Status check_ordinals(const PeerGreeting& ours, const PeerGreeting& theirs, bool called) {
  const PeerGreeting& caller = called ? ours : theirs;
  const PeerGreeting& answering = called ? theirs : ours;
  std::string meant = node_text(caller.wanted), there = node_text(answering.self.ordinal);
  if (caller.self.ordinal == answering.self.ordinal)
    return {Code::invalid_argument,
            there + " called " + meant + " and came to a node with its own ordinal. If it called itself, correct the " +
                "address of " + meant + " in cluster.peers; otherwise give each node an ordinal of its own (node.ordinal).",
            "node.ordinal"};
  if (caller.wanted != answering.self.ordinal)
    return {Code::invalid_argument,
            node_text(caller.self.ordinal) + " called " + meant + " and came to " + there + ". Correct the address of " +
                meant + " in cluster.peers of " + node_text(caller.self.ordinal) + ".",
            "cluster.peers"};
  return {};
}

Status check_count(const char* what, std::uint32_t our_count, std::uint32_t their_count, const PeerGreeting& ours,
                   const PeerGreeting& theirs) {
  if (our_count == their_count) return {};
  std::string setting = std::string("cluster.") + what;
  return {Code::invalid_argument,
          node_text(ours.self) + " is configured with " + setting + " = " + std::to_string(our_count) + ", " +
              node_text(theirs.self) + " with " + std::to_string(their_count) + ". It has to be the same on all nodes.",
          setting};
}

/// Either would hear what it does not know.
Status check_level(const Introduction& one, const Introduction& other) {
  if (one.feature_level <= other.knows_level()) return {};
  return {Code::unsupported,
          "The cluster was finalized at the feature level " + std::to_string(one.feature_level) + ", and " + node_text(other) +
              " (version " + other.version + ") knows no more than " + std::to_string(other.knows_level()) +
              ": start it with a version that is not older than the one that the cluster was finalized with.",
          "featureLevel", other.knows_level()};
}

Status check_range(const Introduction& node) {
  if (node.ordinal < node.nodes) return {};
  return {Code::invalid_argument,
          node_text(node) + " has an ordinal beyond the " + std::to_string(node.nodes) +
              " nodes of its cluster; correct its node.ordinal, or cluster.nodes.",
          "node.ordinal", node.nodes};
}

}  // namespace

std::string node_text(const Introduction& node) {
  if (node.name.empty()) return node_text(node.ordinal);
  return node.name + "-" + std::to_string(node.ordinal);
}

Status check_greeting(const PeerGreeting& ours, const PeerGreeting& theirs, bool called) {
  Status checks[] = {
      check_protocol(ours, theirs),
      check_cluster(ours.self, theirs.self),
      check_ordinals(ours, theirs, called),
      check_count("nodes", ours.self.nodes, theirs.self.nodes, ours, theirs),
      check_count("partitions", ours.self.partitions, theirs.self.partitions, ours, theirs),
      check_range(theirs.self),
      check_level(ours.self, theirs.self),
      check_level(theirs.self, ours.self),
  };
  for (Status& check : checks)
    if (!check.ok()) return std::move(check);
  return {};
}

}  // namespace engram
