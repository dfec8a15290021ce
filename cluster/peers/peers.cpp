#include "cluster/peers/peers.h"

#include "cluster/config/cluster_config.h"
#include "cluster/logging/logging.h"
#include "cluster/peers/peers_host.h"
#include "cluster/peers/thread_hold.h"

namespace engram {
namespace {

constexpr std::chrono::milliseconds tick_interval{50};
constexpr std::int64_t long_away_ns = 5'000'000'000;  // a node that is back calls within two seconds
constexpr unsigned ticks_a_status = 20;

}  // namespace

Peers::Peers(PeersOptions options, const Clock& clock, Random& random)
    : options_(std::move(options)), clock_(clock), random_(random), made_ns_(clock.monotonic_ns()) {
  PeerLinkOptions link;
  link.budget_bytes = options_.config->cluster.budget_bytes;
  // All others away: half of the places are left for what needs none of them.
  std::size_t others = std::max(1U, options_.map->nodes() - 1);
  link.max_waiting = std::max<std::size_t>(1, options_.config->listen.max_calls_in_flight / 2 / others);
  for (std::uint32_t ordinal = 0; ordinal < options_.map->nodes(); ++ordinal) {
    if (ordinal == options_.self.ordinal) continue;
    hosts_.emplace(ordinal, std::make_unique<Host>(*this, ordinal));
    links_.emplace(ordinal, PeerLink::make(link, *options_.map, *hosts_.at(ordinal), clock_));
    peers_[ordinal];
  }
}

Peers::~Peers() { close(); }

Status Peers::open(std::function<void(PartitionId, Mail)> take, std::function<NodeStatus()> own_status) {
  take_ = std::move(take);
  own_status_ = std::move(own_status);
  auto addresses = peer_addresses(*options_.config);
  if (!addresses.ok()) return addresses.status();
  addresses_ = std::move(*addresses);
  PeerWireOptions wire;
  wire.busy_poll_us = static_cast<std::int64_t>(options_.config->listen.busy_poll_us);
  wire_ = PeerWire::start(wire, {[this](std::uint64_t connection) { up(connection); },
                                 [this](std::uint64_t connection, PacketBytes packet) { receive(connection, packet); },
                                 [this](std::uint64_t connection, const Status& why) { down(connection, why); }});
  PeerNetworkOptions network;
  network.ordinal = options_.self.ordinal;
  network.listen = options_.config->cluster.address;
  network.addresses = addresses_;
  network.tls = options_.tls;
  network.certificate_name = options_.self.name + "-{}";
  network.introduce = [this] { return introduction(); };
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

void Peers::hold() { ThreadHold::begin(this); }

bool Peers::release() {
  bool sent = false;
  if (ThreadHold::end(this))
    for (auto& [ordinal, host] : hosts_) sent |= host->send_waiting();
  return sent;
}

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
  wire.reset();
  // While the partitions are there: some of them hear that their questions get no answer.
  for (auto& [ordinal, link] : links_) link->close();
}

Introduction Peers::introduction() const {
  Introduction self = options_.self;
  self.feature_level = options_.level->in_force();
  return self;
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

/// Nodes of a lower feature level would not know what it is.
void Peers::tell_status() {
  if (options_.level->in_force() < status_feature_level) return;
  auto status = std::make_shared<const NodeStatus>(own_status_());
  for (auto& [ordinal, link] : links_) link->tell(status);
}

void Peers::tick() {
  std::unique_lock lock(mutex_);
  for (unsigned ticks = 0; !closing_; ++ticks) {
    lock.unlock();
    for (auto& [ordinal, link] : links_) link->tick();
    call_who_should_call();
    if (ticks % ticks_a_status == 0) tell_status();
    lock.lock();
    changed_.wait_for(lock, tick_interval, [this] { return closing_; });
  }
}

}  // namespace engram
