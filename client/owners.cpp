#include "client/owners.h"

#include <algorithm>
#include <utility>

namespace engram::client {

namespace {

constexpr auto longest_opening = 5 * kj::SECONDS;
constexpr std::uint32_t first_pause_ms = 250;
constexpr std::uint32_t longest_pause_ms = 10'000;

}  // namespace

void Owners::learn(const ServerInfo& server, std::optional<SpaceId> space) {
  if (space != space_) nodes_.clear();
  for (auto node = nodes_.begin(); node != nodes_.end();) {
    auto told = std::find_if(server.nodes.begin(), server.nodes.end(),
                             [&](const NodeAddress& other) { return other.ordinal == node->first; });
    bool gone = told == server.nodes.end() || node->first == server.node;
    // A connection holds for as long as it does; one that is being made to where nobody is any more is not wanted.
    bool moved = !gone && node->second.live == nullptr && !told->address.empty() &&
                 told->address != node->second.address;
    node = gone || moved ? nodes_.erase(node) : std::next(node);
  }
  // A node that has just started does not know where the others are: that is no news of them.
  for (const NodeAddress& other : server.nodes)
    if (other.ordinal != server.node && !other.address.empty()) nodes_[other.ordinal].address = other.address;
  map_ = server;
  space_ = space;
}

Live* Owners::of(PartitionId partition) {
  if (partition.value >= map_.owners.size()) return nullptr;
  auto found = nodes_.find(map_.owners[partition.value]);
  if (found == nodes_.end()) return nullptr;
  Node& node = found->second;
  if (node.live != nullptr) return node.live.get();
  if (std::exchange(node.failed, false)) node.opening = nullptr;
  if (node.opening == nullptr && !node.address.empty() && now() >= node.again) open(found->first, node);
  return nullptr;
}

void Owners::open(std::uint32_t ordinal, Node& node) {
  // It may be another engine that has this address, seen from here: only a node of this cluster, and that one, will do. And
  // since a space may have been dropped and made again under its name, only the space that the home node has open.
  auto checked = greet(*loop_.provider, node.address, options_).then([this, ordinal, &node](Greeted&& greeted) {
    bool right = greeted.ok() && greeted.value()->server.node == ordinal &&
                 greeted.value()->server.cluster_id == map_.cluster_id && greeted.value()->space_id() == space_;
    if (!right) return fail(node);
    node.live = kj::mv(greeted.value());
    node.live->generation = ++number_;
    node.pause_ms = 0;
  });
  node.opening = loop_.provider->getTimer()
                     .timeoutAfter(longest_opening, kj::mv(checked))
                     .catch_([&node](kj::Exception&&) { fail(node); })
                     .eagerlyEvaluate(nullptr);
}

/// The promise that calls it goes later: it is still running.
void Owners::fail(Node& node) {
  node.failed = true;
  put_off(node);
}

void Owners::put_off(Node& node) {
  node.pause_ms = std::clamp(node.pause_ms * 2, first_pause_ms, longest_pause_ms);
  node.again = now() + node.pause_ms * kj::MILLISECONDS;
}

bool Owners::drop(std::uint64_t generation) {
  for (auto& [ordinal, node] : nodes_) {
    if (node.live == nullptr || node.live->generation != generation) continue;
    node.live = nullptr;
    node.opening = nullptr;
    put_off(node);
    return true;
  }
  return false;
}

Live* Owners::find(std::uint64_t generation) {
  for (auto& [ordinal, node] : nodes_)
    if (node.live != nullptr && node.live->generation == generation) return node.live.get();
  return nullptr;
}

}  // namespace engram::client
