// What this node knows of the others, and tells the operator.

#include <algorithm>
#include <cstdio>

#include "cluster/logging/logging.h"
#include "cluster/peers/network_check.h"
#include "cluster/peers/peers_host.h"

namespace engram {
namespace {

/// Tenths tell apart what is short.
std::string rounded(double seconds) {
  char text[32];
  std::snprintf(text, sizeof text, seconds < 10 ? "%.1f" : "%.0f", seconds);
  return text;
}

}  // namespace

void Peers::told(std::uint32_t ordinal, const NodeStatus& status) {
  {
    std::lock_guard lock(mutex_);
    PeerState& peer = peers_[ordinal];
    peer.status = status;
    peer.status_ns = clock_.monotonic_ns();
  }
  take_over(status.feature_level);
}

/// The level of another node: somebody has finalized the cluster.
void Peers::take_over(std::uint32_t level) {
  if (level <= options_.level->in_force()) return;
  Status raised = options_.level->raise(level);
  if (raised.ok()) return log_event(LogLevel::info, "the feature level is raised", {{"level", level}});
  log_event(LogLevel::error, "the feature level of the cluster cannot be kept", {{"level", level}, {"error", raised.message()}});
}

std::vector<PeerView> Peers::view() const {
  std::vector<PeerView> all;
  std::lock_guard lock(mutex_);
  for (const auto& [ordinal, peer] : peers_) {
    PeerView& view = all.emplace_back();
    view.ordinal = ordinal;
    if (ordinal < addresses_.size()) view.address = addresses_[ordinal];
    view.connected = peer.connected;
    if (peer.seen) view.introduction = peer.introduction;
    view.status = peer.status;
    view.status_age_ms = (clock_.monotonic_ns() - peer.status_ns) / 1'000'000;
    view.error = peer.refusal;
    if (view.error.ok() && !peer.connected && network_ != nullptr) view.error = network_->last_failure(ordinal);
  }
  return all;
}

std::vector<ClusterMember> Peers::members() const {
  std::vector<ClusterMember> all;
  std::lock_guard lock(mutex_);
  for (const auto& [ordinal, peer] : peers_) all.push_back({ordinal, peer.introduction.client_address, peer.connected});
  return all;
}

Status Peers::away(PartitionId partition) const {
  std::uint32_t ordinal = options_.map->owner(partition);
  std::string node = "Partition " + std::to_string(partition.value) + " is on the node " + options_.self.name + "-" +
                     std::to_string(ordinal) + ", which ";
  std::lock_guard lock(mutex_);
  const PeerState& peer = peers_.at(ordinal);
  if (peer.connected) {
    bool stops = links_.at(ordinal)->gauges().draining.load(std::memory_order_relaxed);
    return stops ? Status(Code::unavailable, node + "is about to stop.", "partition") : Status();
  }
  bool was_here = peer.away_since_ns != 0;
  double away_s = static_cast<double>(clock_.monotonic_ns() - (was_here ? peer.away_since_ns : made_ns_)) / 1e9;
  return {Code::unavailable, node + (was_here ? "has been away for " : "has not been heard of since this node started, ") +
                                 rounded(away_s) + (was_here ? " s." : " s ago."),
          "partition"};
}

std::optional<NodeStatus> Peers::status_of(std::uint32_t ordinal) const {
  std::lock_guard lock(mutex_);
  auto found = peers_.find(ordinal);
  return found == peers_.end() ? std::nullopt : found->second.status;
}

Result<std::uint32_t> Peers::finalize() {
  std::uint32_t before = options_.level->in_force();
  std::uint32_t known_to_all = newest_feature_level;
  std::string away, older;
  for (const PeerView& peer : view()) {
    std::string name = options_.self.name + "-" + std::to_string(peer.ordinal);
    if (!peer.connected || !peer.introduction) {
      away += (away.empty() ? "" : ", ") + name;
      continue;
    }
    std::uint32_t knows = peer.introduction->knows_level();
    if (knows < newest_feature_level) older += (older.empty() ? "" : ", ") + name + " (" + peer.introduction->version + ")";
    known_to_all = std::min(known_to_all, knows);
  }
  if (!away.empty())
    return Status(Code::precondition_failed,
                  "Not connected: " + away + ". The level is raised only while all nodes are there; nothing was changed.");
  if (known_to_all <= before) {
    if (older.empty()) return before;
    return Status(Code::precondition_failed,
                  "Older versions still run: " + older + ". Upgrade them first; nothing was changed.", "featureLevel", before);
  }
  if (Status raised = options_.level->raise(known_to_all); !raised.ok()) return raised;
  log_event(LogLevel::info, "the feature level is raised", {{"level", known_to_all}});
  return known_to_all;
}

Status Peers::forget_volume(std::uint32_t ordinal) {
  if (!links_.contains(ordinal))
    return {Code::invalid_argument, "There is no other node with the ordinal " + std::to_string(ordinal) + ".", "ordinal"};
  log_event(LogLevel::warn, "the volume of a node is forgotten: the next one that comes is taken for right", {{"ordinal", ordinal}});
  return options_.registry->forget(ordinal);
}

}  // namespace engram
