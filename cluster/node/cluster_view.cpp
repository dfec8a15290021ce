#include "cluster/node/cluster_view.h"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace engram {
namespace {

using nlohmann::json;

json partition_document(const PartitionStatus& partition) {
  return {{"partition", partition.partition.value}, {"epoch", partition.epoch},
          {"applied_lsn", partition.applied_lsn},   {"queue", partition.queue},
          {"in_doubt", partition.in_doubt},         {"long_in_doubt", partition.long_in_doubt},
          {"transactions", partition.transactions}};
}

void add_status(const NodeStatus& status, json& out) {
  out["phase"] = status.phase;
  out["feature_level"] = status.feature_level;
  out["uptime_seconds"] = static_cast<double>(status.uptime_ms) / 1000;
  out["log_position"] = status.log_position;
  out["queue"] = status.queue();
  out["calls_in_flight"] = status.calls_in_flight;
  out["hit_rate"] = status.hit_rate();
  out["in_doubt"] = status.in_doubt();
  out["long_in_doubt"] = status.long_in_doubt();
  out["partitions"] = json::array();
  for (const PartitionStatus& one : status.partitions) out["partitions"].push_back(partition_document(one));
}

}  // namespace

struct ClusterView::Seen {
  PeerView view;
  bool self = false;
};

ClusterView::Seen ClusterView::self() const {
  const NodeIdentity& identity = membership_.identity();
  Seen own;
  own.self = true;
  own.view.ordinal = identity.ordinal;
  own.view.connected = true;
  own.view.introduction = Introduction{.disk_id = identity.disk_id,
                                       .name = identity.name,
                                       .version = engram_version(),
                                       .newest_level = newest_feature_level,
                                       .client_address = client_address_};
  own.view.status = own_status_();
  return own;
}

std::vector<ClusterView::Seen> ClusterView::nodes() const {
  std::vector<Seen> all;
  if (membership_.peers() != nullptr)
    for (PeerView& view : membership_.peers()->view()) all.push_back({std::move(view), false});
  std::uint32_t ordinal = membership_.identity().ordinal;
  auto at = std::find_if(all.begin(), all.end(), [ordinal](const Seen& other) { return other.view.ordinal > ordinal; });
  all.insert(at, self());
  return all;
}

json ClusterView::document() const {
  json out;
  out["feature_level"] = membership_.level_in_force();
  out["newest_level"] = newest_feature_level;
  out["nodes"] = json::array();
  for (const Seen& seen : nodes()) {
    const PeerView& view = seen.view;
    json one{{"ordinal", view.ordinal}, {"self", seen.self}, {"connected", view.connected}};
    if (!view.address.empty()) one["address"] = view.address;
    if (view.introduction) {
      one["name"] = view.introduction->name + "-" + std::to_string(view.ordinal);
      one["version"] = view.introduction->version;
      one["newest_level"] = view.introduction->knows_level();
      one["client_address"] = view.introduction->client_address;
      one["disk_id"] = view.introduction->disk_id.hex();
    }
    if (view.status) {
      add_status(*view.status, one);
      one["told_ms_ago"] = seen.self ? 0 : view.status_age_ms;
    }
    if (!view.error.ok()) one["error"] = view.error.message();
    out["nodes"].push_back(std::move(one));
  }
  return out;
}

std::vector<ClusterMember> ClusterView::members() const {
  std::vector<ClusterMember> members;
  if (membership_.peers() != nullptr) members = membership_.peers()->members();
  std::uint32_t ordinal = membership_.identity().ordinal;
  members.insert(members.begin() + ordinal, {ordinal, client_address_, true});  // the others are all there
  return members;
}

void ClusterView::register_metrics(Metrics& metrics, std::vector<MetricRegistration>& registrations) const {
  auto status_of = [this](std::uint32_t ordinal) -> NodeStatus {
    if (ordinal == membership_.identity().ordinal) return own_status_();
    return membership_.peers()->status_of(ordinal).value_or(NodeStatus{});
  };
  auto connected = [this](std::uint32_t ordinal) {
    return ordinal == membership_.identity().ordinal || membership_.peers()->gauges(ordinal).connected.load();
  };
  for (std::uint32_t ordinal = 0; ordinal < membership_.identity().nodes; ++ordinal) {
    std::map<std::string, std::string> label{{"node", std::to_string(ordinal)}};
    auto add = [&](const char* name, const char* help, std::function<double()> value) {
      registrations.push_back(metrics.add({name, help, MetricKind::gauge, label, std::move(value)}));
    };
    add("cluster_node_connected", "Whether this node is connected to that one (1) or not (0).",
        [=] { return connected(ordinal) ? 1.0 : 0.0; });
    add("cluster_node_ready", "Whether that node said last that it is ready; 0 if it is not connected.",
        [=] { return connected(ordinal) && status_of(ordinal).phase == "ready" ? 1.0 : 0.0; });
    add("cluster_node_feature_level", "Feature level in force there.",
        [=] { return static_cast<double>(status_of(ordinal).feature_level); });
    add("cluster_node_in_doubt", "Transactions in doubt there, as it told last.",
        [=] { return static_cast<double>(status_of(ordinal).in_doubt()); });
    add("cluster_node_queue", "Commands that wait there, as it told last.",
        [=] { return static_cast<double>(status_of(ordinal).queue()); });
    add("cluster_node_log_position_bytes", "Bytes ever appended to its command log, as it told last.",
        [=] { return static_cast<double>(status_of(ordinal).log_position); });
    add("cluster_node_hit_ratio", "Share of its vertex lookups that memory answered since its start, as it told last.",
        [=] { return status_of(ordinal).hit_rate(); });
  }
  register_partitions(metrics, registrations, status_of);
  register_links(metrics, registrations);
}

void ClusterView::register_partitions(Metrics& metrics, std::vector<MetricRegistration>& registrations,
                                      const std::function<NodeStatus(std::uint32_t)>& status_of) const {
  const PartitionMap& map = membership_.map();
  for (std::uint16_t i = 0; i < map.partitions(); ++i) {
    std::uint32_t owner = map.owner({i});
    std::map<std::string, std::string> label{{"partition", std::to_string(i)}, {"node", std::to_string(owner)}};
    auto value = [=](auto PartitionStatus::*member) {
      return [=] {
        for (const PartitionStatus& one : status_of(owner).partitions)
          if (one.partition.value == i) return static_cast<double>(one.*member);
        return 0.0;
      };
    };
    auto add = [&](const char* name, const char* help, std::function<double()> read) {
      registrations.push_back(metrics.add({name, help, MetricKind::gauge, label, std::move(read)}));
    };
    add("cluster_partition_applied_lsn", "LSN of its last applied command, as its owner told last; 0: not known.",
        value(&PartitionStatus::applied_lsn));
    add("cluster_partition_epoch", "Epoch of its ownership, as its owner told last; 0: not known.",
        value(&PartitionStatus::epoch));
  }
}

void ClusterView::register_links(Metrics& metrics, std::vector<MetricRegistration>& registrations) const {
  for (const PeerView& view : membership_.peers()->view()) {
    const PeerLinkGauges& gauges = membership_.peers()->gauges(view.ordinal);
    std::map<std::string, std::string> label{{"node", std::to_string(view.ordinal)}};
    auto add = [&](const char* name, const char* help, MetricKind kind, const std::atomic<std::uint64_t>& value) {
      registrations.push_back(
          metrics.add({name, help, kind, label, [&value] { return static_cast<double>(value.load()); }}));
    };
    add("peer_kept_messages", "Messages for that node that are kept: waiting, sent, unanswered.", MetricKind::gauge, gauges.kept_messages);
    add("peer_kept_bytes", "Their bytes.", MetricKind::gauge, gauges.kept_bytes);
    add("peer_in_flight_bytes", "Bytes sent to that node which it has not taken in yet.", MetricKind::gauge, gauges.in_flight_bytes);
    add("peer_sent_bytes_total", "Bytes sent to that node.", MetricKind::counter, gauges.sent_bytes);
    add("peer_received_bytes_total", "Bytes received from that node.", MetricKind::counter, gauges.received_bytes);
    add("peer_sent_messages_total", "Messages sent to that node.", MetricKind::counter, gauges.sent_messages);
    add("peer_received_messages_total", "Messages received from that node.", MetricKind::counter, gauges.received_messages);
    add("peer_resent_messages_total", "Messages sent once more on a new connection.", MetricKind::counter, gauges.resent_messages);
    add("peer_overloaded_total", "Messages refused since too much waits for that node.", MetricKind::counter, gauges.overloaded);
    add("peer_stale_epochs_total", "Messages of that node refused for an old epoch.", MetricKind::counter, gauges.stale_epochs);
    add("peer_lost_notices_total", "Commands and notices that were lost with a connection; partitions ask again.",
        MetricKind::counter, gauges.lost_notices);
  }
}

}  // namespace engram
