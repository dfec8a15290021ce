#include "cluster/peers/node_status.h"

#include <algorithm>

#include "cluster/peers/link_packet.h"

namespace engram {
namespace {

// With 40 bytes each they fit into a packet of 64 KiB.
constexpr unsigned max_partitions = 1024;
constexpr std::size_t max_phase_bytes = 32;

/// It is shown as it is.
bool is_word(capnp::Text::Reader text) {
  return text.size() <= max_phase_bytes && std::all_of(text.begin(), text.end(), [](char c) { return c >= 'a' && c <= 'z'; });
}

std::uint32_t narrow(std::uint64_t value) { return static_cast<std::uint32_t>(std::min<std::uint64_t>(value, 0xffff'ffff)); }

}  // namespace

std::uint64_t NodeStatus::in_doubt() const {
  std::uint64_t sum = 0;
  for (const PartitionStatus& one : partitions) sum += one.in_doubt;
  return sum;
}

std::uint64_t NodeStatus::long_in_doubt() const {
  std::uint64_t sum = 0;
  for (const PartitionStatus& one : partitions) sum += one.long_in_doubt;
  return sum;
}

std::uint64_t NodeStatus::queue() const {
  std::uint64_t sum = log_queue;
  for (const PartitionStatus& one : partitions) sum += one.queue;
  return sum;
}

double NodeStatus::hit_rate() const {
  std::uint64_t all = hot_hits + warm_hits;
  return all == 0 ? 1.0 : static_cast<double>(hot_hits) / static_cast<double>(all);
}

void write(const NodeStatus& status, schema::NodeStatus::Builder out) {
  out.setPhase(status.phase.c_str());
  out.setFeatureLevel(status.feature_level);
  out.setUptimeMs(status.uptime_ms);
  out.setLogPosition(status.log_position);
  out.setLogQueue(status.log_queue);
  out.setHotHits(status.hot_hits);
  out.setWarmHits(status.warm_hits);
  out.setCallsInFlight(status.calls_in_flight);
  auto count = std::min<std::size_t>(status.partitions.size(), max_partitions);
  auto list = out.initPartitions(static_cast<unsigned>(count));
  for (unsigned i = 0; i < list.size(); ++i) {
    const PartitionStatus& from = status.partitions[i];
    list[i].setPartition(from.partition.value);
    list[i].setEpoch(from.epoch);
    list[i].setAppliedLsn(from.applied_lsn);
    list[i].setQueue(narrow(from.queue));
    list[i].setInDoubt(narrow(from.in_doubt));
    list[i].setTransactions(narrow(from.transactions));
    list[i].setLongInDoubt(narrow(from.long_in_doubt));
  }
}

Result<NodeStatus> read(schema::NodeStatus::Reader in) {
  if (!is_word(in.getPhase()) || in.getPartitions().size() > max_partitions) return malformed("a status that is none");
  NodeStatus status;
  status.phase = in.getPhase().cStr();
  status.feature_level = in.getFeatureLevel();
  status.uptime_ms = in.getUptimeMs();
  status.log_position = in.getLogPosition();
  status.log_queue = in.getLogQueue();
  status.hot_hits = in.getHotHits();
  status.warm_hits = in.getWarmHits();
  status.calls_in_flight = in.getCallsInFlight();
  for (auto one : in.getPartitions())
    status.partitions.push_back({{one.getPartition()}, one.getEpoch(), one.getAppliedLsn(), one.getQueue(),
                                 one.getInDoubt(), one.getTransactions(), one.getLongInDoubt()});
  return status;
}

}  // namespace engram
