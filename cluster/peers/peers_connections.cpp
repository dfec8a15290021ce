// Connections that come and go: who is let in, and which link hears what.

#include <unistd.h>

#include <utility>

#include "cluster/logging/logging.h"
#include "cluster/peers/network_check.h"
#include "cluster/peers/peers_host.h"

namespace engram {

/// An empty volume is told whether it may join; it joins with its next start (cluster/node/join.h).
Status Peers::judge(const Introduction& peer) const {
  return options_.registry->judge(peer.ordinal, peer.disk_id, peer.incarnation).status();
}

/// A full disk of ours keeps out new volumes alone: a newer process of a known one counts in memory, and is written later.
bool Peers::may_come_in(const Introduction& peer) {
  if (peer.cluster_id == Id128()) return false;  // it is about to join
  Status remembered = options_.registry->remember(peer.ordinal, peer.disk_id, peer.incarnation);
  if (remembered.ok()) return true;
  auto standing = options_.registry->judge(peer.ordinal, peer.disk_id, peer.incarnation);
  bool known = standing.ok() && *standing != PeerStanding::first_seen;
  log_event(LogLevel::error, known ? "a peer could not be written down" : "a peer was not let in",
            {{"node", node_text(peer)}, {"error", remembered.message()}});
  return known;
}

void Peers::connected(PeerSocket socket) {
  const Introduction& peer = socket.peer;
  if (!may_come_in(peer)) {
    ::close(socket.fd);
    if (peer.ordinal < options_.self.ordinal) call(peer.ordinal);
    return;
  }
  std::vector<std::uint64_t> older;
  {
    std::lock_guard lock(mutex_);
    if (closing_) {
      ::close(socket.fd);
      return;
    }
    for (auto& [connection, ordinal] : connections_)
      if (ordinal == peer.ordinal) older.push_back(connection);
    connections_[socket.connection] = peer.ordinal;
    PeerState& state = peers_[peer.ordinal];
    state.seen = true;
    state.introduction = peer;
    state.refusal = {};
    state.last_refusal.clear();
    if (peer.ordinal > options_.self.ordinal && network_ != nullptr) network_->stop_calling(peer.ordinal);
  }
  take_over(peer.feature_level);
  for (std::uint64_t connection : older) close_connection(connection);
  std::shared_lock lock(wire_mutex_);
  wire_->adopt(socket.fd, socket.connection, socket.called);
}

void Peers::log_refusal(std::uint32_t ordinal, bool by_peer, const Status& status) {
  std::uint64_t left_out = 0;
  {
    std::lock_guard lock(mutex_);
    if (auto found = peers_.find(ordinal); found != peers_.end()) {
      PeerState& peer = found->second;
      bool again = std::exchange(peer.last_refusal, status.message()) == status.message();
      if (!peer.refusals.is_due(clock_.monotonic_ns()) && again) return;
      left_out = peer.refusals.take_left_out();
    }
  }
  log_event(by_peer ? LogLevel::error : LogLevel::warn, by_peer ? "a peer refuses this node" : "a peer was refused",
            {{"ordinal", ordinal}, {"error", status.message()}, {"others_unlogged", left_out}});
}

void Peers::refused(std::uint32_t ordinal, bool by_peer, const Status& status) {
  log_refusal(ordinal, by_peer, status);
  if (!by_peer) return;
  {
    std::lock_guard lock(mutex_);
    if (auto found = peers_.find(ordinal); found != peers_.end()) found->second.refusal = status;
    changed_.notify_all();
  }
  if (status.code() == Code::conflict) options_.fenced(status);
}

PeerLink* Peers::link_of(std::uint64_t connection) const {
  std::lock_guard lock(mutex_);
  auto found = connections_.find(connection);
  return found == connections_.end() ? nullptr : links_.at(found->second).get();
}

void Peers::up(std::uint64_t connection) {
  PeerLink* link = link_of(connection);
  if (link == nullptr) return;
  std::uint32_t ordinal = 0;
  {
    std::lock_guard lock(mutex_);
    ordinal = connections_.at(connection);
    PeerState& state = peers_[ordinal];
    state.connected = true;
    changed_.notify_all();
    log_event(LogLevel::info, "peer connected",
              {{"node", node_text(state.introduction)}, {"version", state.introduction.version}});
  }
  link->up(connection);
  tell_partitions(ordinal);
}

/// Once the link takes what they say about it.
void Peers::tell_partitions(std::uint32_t reconnected) {
  auto theirs = owned_by(*options_.map, reconnected);
  auto shared = std::make_shared<const std::set<PartitionId>>(theirs.begin(), theirs.end());
  for (PartitionId own : owned_by(*options_.map, options_.self.ordinal)) take_(own, ReconnectedMail{shared});
}

void Peers::down(std::uint64_t connection, const Status& why) {
  PeerLink* link = link_of(connection);
  if (link == nullptr) return;
  link->down(connection);
  std::uint32_t ordinal = 0;
  {
    std::lock_guard lock(mutex_);
    ordinal = connections_.at(connection);
    connections_.erase(connection);
    for (auto& [other, to] : connections_)
      if (to == ordinal) return;  // a newer connection is there already
    peers_[ordinal].away_since_ns = clock_.monotonic_ns();
    if (std::exchange(peers_[ordinal].connected, false))
      log_event(LogLevel::warn, "peer lost", {{"node", node_text(peers_[ordinal].introduction)}, {"why", why.message()}});
  }
  if (ordinal < options_.self.ordinal) call(ordinal);
}

void Peers::receive(std::uint64_t connection, const PacketBytes& packet) {
  PeerLink* link = link_of(connection);
  if (link == nullptr) return;
  MailHold together(this);  // the answers of what came together
  for_each_packet(packet, [&](const PacketBytes& one) { link->receive(connection, one); });
}

void Peers::call(std::uint32_t ordinal) {
  std::lock_guard lock(mutex_);
  if (!closing_ && network_ != nullptr) network_->call(ordinal);
}

void Peers::close_connection(std::uint64_t connection) {
  std::shared_lock lock(wire_mutex_);
  if (wire_ != nullptr) wire_->close(connection);
}

}  // namespace engram
