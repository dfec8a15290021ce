#include "cluster/peers/peers.h"

#include <nlohmann/json.hpp>
#include <unistd.h>

#include "cluster/config/cluster_config.h"
#include "cluster/logging/logging.h"

namespace engram {
namespace {

constexpr std::chrono::milliseconds tick_interval{50};
constexpr std::int64_t long_away_ns = 5'000'000'000;  // a node that is back calls within two seconds

std::string node_text(const Introduction& peer) { return peer.name + "-" + std::to_string(peer.ordinal); }

}  // namespace

Peers::Peers(PeersOptions options, const Clock& clock, Random& random)
    : options_(std::move(options)), clock_(clock), random_(random) {
  PeerLinkOptions link;
  link.budget_bytes = options_.config->cluster.budget_bytes;
  for (std::uint32_t ordinal = 0; ordinal < options_.map->nodes(); ++ordinal) {
    if (ordinal == options_.self.ordinal) continue;
    links_.emplace(ordinal, PeerLink::make(link, *options_.map, *this, clock_));
    peers_[ordinal];
  }
}

Peers::~Peers() { close(); }

Status Peers::open(std::function<void(PartitionId, Mail)> take) {
  take_ = std::move(take);
  auto addresses = peer_addresses(*options_.config);
  if (!addresses.ok()) return addresses.status();
  addresses_ = std::move(*addresses);
  wire_ = PeerWire::start({}, {[this](std::uint64_t connection) { up(connection); },
                               [this](std::uint64_t connection, PacketBytes packet) { receive(connection, packet); },
                               [this](std::uint64_t connection, const Status& why) { down(connection, why); }});
  PeerNetworkOptions network;
  network.ordinal = options_.self.ordinal;
  network.listen = options_.config->cluster.address;
  network.addresses = addresses_;
  network.tls = options_.tls;
  network.certificate_name = options_.self.name + "-{}";
  network.introduce = [this] { return options_.self; };
  network.judge = [this](const Introduction& peer) { return judge(peer); };
  network.connected = [this](PeerSocket socket) { connected(std::move(socket)); };
  network.refused = [this](std::uint32_t ordinal, bool by_peer, const Status& status) { refused(ordinal, by_peer, status); };
  auto started = PeerNetwork::start(std::move(network), clock_, random_);
  if (!started.ok()) return started.status();
  {
    std::lock_guard lock(mutex_);
    network_ = std::move(*started);
  }
  for (std::uint32_t ordinal = 0; ordinal < options_.self.ordinal; ++ordinal) call(ordinal);
  ticker_ = std::thread([this] { tick(); });
  return {};
}

Status Peers::wait_until_known(std::int64_t timeout_ms) {
  auto until = std::chrono::steady_clock::now() + std::chrono::milliseconds(timeout_ms);
  std::unique_lock lock(mutex_);
  while (true) {
    bool all = true;
    for (auto& [ordinal, peer] : peers_) {
      if (!peer.refusal.ok()) return peer.refusal;
      bool tried = peer.connected || !network_->last_failure(ordinal).ok();
      all = all && (ordinal > options_.self.ordinal || tried);
    }
    if (all || changed_.wait_until(lock, until) == std::cv_status::timeout) return {};
  }
}

void Peers::send(PartitionId to, Mail mail) { links_.at(options_.map->owner(to))->send(to, std::move(mail)); }

void Peers::drain() {
  for (auto& [ordinal, link] : links_) link->drain();
}

void Peers::close() {
  std::unique_ptr<PeerNetwork> network;
  {
    std::lock_guard lock(mutex_);
    closing_ = true;
    network = std::move(network_);
    changed_.notify_all();
  }
  if (ticker_.joinable()) ticker_.join();
  network.reset();  // first, since it hands connections to the wire
  std::unique_ptr<PeerWire> wire;
  {
    std::unique_lock lock(wire_mutex_);
    wire = std::move(wire_);
  }
}

// --- connections ----------------------------------------------------------------------------------------------------

/// An empty volume is told whether it may join; it joins with its next start (cluster/node/join.h).
Status Peers::judge(const Introduction& peer) const {
  return options_.registry->judge(peer.ordinal, peer.disk_id, peer.incarnation).status();
}

void Peers::connected(PeerSocket socket) {
  const Introduction& peer = socket.peer;
  bool joining = peer.cluster_id == Id128();
  Status remembered = joining ? Status() : options_.registry->remember(peer.ordinal, peer.disk_id, peer.incarnation);
  if (joining || !remembered.ok()) {
    ::close(socket.fd);
    if (!remembered.ok())
      log_event(LogLevel::error, "a peer was not let in", {{"node", node_text(peer)}, {"error", remembered.message()}});
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
    if (peer.ordinal > options_.self.ordinal && network_ != nullptr) network_->stop_calling(peer.ordinal);
  }
  for (std::uint64_t connection : older) close_connection(connection);
  std::shared_lock lock(wire_mutex_);
  wire_->adopt(socket.fd, socket.connection, socket.called);
}

void Peers::refused(std::uint32_t ordinal, bool by_peer, const Status& status) {
  if (!by_peer) {
    log_event(LogLevel::warn, "a peer was refused", {{"ordinal", ordinal}, {"error", status.message()}});
    return;
  }
  log_event(LogLevel::error, "a peer refuses this node", {{"ordinal", ordinal}, {"error", status.message()}});
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
  {
    std::lock_guard lock(mutex_);
    PeerState& state = peers_[connections_.at(connection)];
    state.connected = true;
    changed_.notify_all();
    log_event(LogLevel::info, "peer connected",
              {{"node", node_text(state.introduction)}, {"version", state.introduction.version}});
  }
  link->up(connection);
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
  if (PeerLink* link = link_of(connection)) link->receive(connection, packet);
}

void Peers::call(std::uint32_t ordinal) {
  std::lock_guard lock(mutex_);
  if (!closing_ && network_ != nullptr) network_->call(ordinal);
}

void Peers::close_connection(std::uint64_t connection) {
  std::shared_lock lock(wire_mutex_);
  if (wire_ != nullptr) wire_->close(connection);
}

void Peers::transmit(std::uint64_t connection, PacketBytes packet) {
  std::shared_lock lock(wire_mutex_);
  if (wire_ != nullptr) wire_->send(connection, std::move(packet));
}

void Peers::drop(std::uint64_t connection, const Status& why) {
  log_event(LogLevel::error, "a connection to a peer is ended", {{"error", why.message()}});
  close_connection(connection);
}

/// A node with a higher ordinal that was here and does not come back is called: it may have let in a newer process of this
/// node, and then it says so.
void Peers::call_who_should_call() {
  std::lock_guard lock(mutex_);
  for (auto& [ordinal, peer] : peers_) {
    bool long_away = !peer.connected && peer.away_since_ns != 0 && clock_.monotonic_ns() - peer.away_since_ns > long_away_ns;
    if (ordinal > options_.self.ordinal && long_away && !closing_ && network_ != nullptr) network_->call(ordinal);
  }
}

void Peers::tick() {
  std::unique_lock lock(mutex_);
  while (!closing_) {
    lock.unlock();
    for (auto& [ordinal, link] : links_) link->tick();
    call_who_should_call();
    lock.lock();
    changed_.wait_for(lock, tick_interval, [this] { return closing_; });
  }
}

Status Peers::forget_volume(std::uint32_t ordinal) {
  if (!links_.contains(ordinal))
    return {Code::invalid_argument, "There is no other node with the ordinal " + std::to_string(ordinal) + ".", "ordinal"};
  log_event(LogLevel::warn, "the volume of a node is forgotten: the next one that comes is taken for right", {{"ordinal", ordinal}});
  return options_.registry->forget(ordinal);
}

nlohmann::json Peers::status() const {
  nlohmann::json out = nlohmann::json::array();
  std::lock_guard lock(mutex_);
  for (const auto& [ordinal, peer] : peers_) {
    const PeerLinkGauges& gauges = links_.at(ordinal)->gauges();
    nlohmann::json one{{"ordinal", ordinal},
                       {"address", ordinal < addresses_.size() ? addresses_[ordinal] : ""},
                       {"connected", peer.connected},
                       {"draining", gauges.draining.load()},
                       {"waiting_messages", gauges.kept_messages.load()},
                       {"waiting_bytes", gauges.kept_bytes.load()}};
    if (peer.seen) {
      one["version"] = peer.introduction.version;
      one["disk_id"] = peer.introduction.disk_id.hex();
      one["starts"] = peer.introduction.incarnation.starts;
      one["feature_level"] = peer.introduction.feature_level;
    }
    Status failure = peer.refusal;
    if (failure.ok() && !peer.connected && network_ != nullptr) failure = network_->last_failure(ordinal);
    if (!failure.ok()) one["error"] = failure.message();
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace engram
