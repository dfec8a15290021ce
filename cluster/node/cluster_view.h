#pragma once
// The cluster as this node sees it: what it says of itself, and what the others told it last. The same in /status, in
// /metrics, and for clients that want the map.

#include <functional>
#include <vector>

#include <nlohmann/json_fwd.hpp>

#include "cluster/gateway/gateway.h"
#include "cluster/node/membership.h"
#include "cluster/operations/metrics.h"

namespace engram {

class ClusterView {
 public:
  /// All have to outlive it. `own_status` may be called on any thread.
  ClusterView(const Membership& membership, std::string client_address, std::function<NodeStatus()> own_status)
      : membership_(membership), client_address_(std::move(client_address)), own_status_(std::move(own_status)) {}

  /// {"feature_level", "newest_level", "nodes": [...]}, the nodes by ordinal. A node that never was heard of has `connected`,
  /// `address` and `error` alone; what an unconnected one told last is shown with its age.
  [[nodiscard]] nlohmann::json document() const;
  /// For clients. Costs little: every client asks every few seconds, on the threads that serve them all.
  [[nodiscard]] std::vector<ClusterMember> members() const;
  /// Registers engram_cluster_node_..., engram_cluster_partition_... and engram_peer_... . Only if there are several nodes.
  void register_metrics(Metrics& metrics, std::vector<MetricRegistration>& registrations) const;

 private:
  struct Seen;
  [[nodiscard]] std::vector<Seen> nodes() const;
  [[nodiscard]] Seen self() const;
  void register_partitions(Metrics& metrics, std::vector<MetricRegistration>& registrations,
                           const std::function<NodeStatus(std::uint32_t)>& status_of) const;
  void register_links(Metrics& metrics, std::vector<MetricRegistration>& registrations) const;

  const Membership& membership_;
  const std::string client_address_;
  const std::function<NodeStatus()> own_status_;
};

}  // namespace engram
