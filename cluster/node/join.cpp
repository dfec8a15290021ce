#include "cluster/node/join.h"

#include <algorithm>
#include <condition_variable>
#include <map>
#include <mutex>

#include <unistd.h>

#include "cluster/config/cluster_config.h"
#include "cluster/identity/feature_level.h"
#include "cluster/logging/logging.h"
#include "cluster/peers/network.h"

namespace engram {
namespace {

using std::chrono::seconds;

constexpr std::chrono::milliseconds ask_again{200};
constexpr seconds report_every{10};

class Search {
 public:
  Search(const Introduction& self, Random& random) : self_(self), random_(random) {}

  Result<ClusterFound> run(PeerNetworkOptions options, const Clock& clock) {
    options.introduce = [this] { return self_; };
    options.judge = [](const Introduction&) { return Status(); };
    options.connected = [this](const PeerSocket& socket) { heard(socket); };
    options.refused = [this](std::uint32_t, bool by_peer, const Status& status) { refused(by_peer, status); };
    auto network = PeerNetwork::start(std::move(options), clock, random_);
    if (!network.ok()) return network.status();
    auto reported = std::chrono::steady_clock::now();
    while (true) {
      for (std::uint32_t ordinal = 0; ordinal < self_.ordinal; ++ordinal) (*network)->call(ordinal);
      std::unique_lock lock(mutex_);
      changed_.wait_for(lock, ask_again);
      if (!refusal_.ok()) return refusal_;
      if (auto found = look()) return *found;
      if (std::chrono::steady_clock::now() - reported < report_every) continue;
      reported = std::chrono::steady_clock::now();
      log_event(LogLevel::info, "an empty volume waits for the other nodes, to know its cluster", {{"missing", missing()}});
    }
  }

 private:
  void heard(const PeerSocket& socket) {
    ::close(socket.fd);  // what was to be said is said
    std::lock_guard lock(mutex_);
    heard_[socket.peer.ordinal] = socket.peer;
    changed_.notify_all();
  }

  void refused(bool by_peer, const Status& status) {
    std::lock_guard lock(mutex_);
    if (by_peer) refusal_ = status;
    changed_.notify_all();
  }

  std::optional<ClusterFound> look() {
    ClusterFound found;
    for (const auto& [ordinal, peer] : heard_)
      if (peer.cluster_id != Id128()) found.members.push_back(peer);
    if (!found.members.empty()) {
      found.cluster_id = found.members.front().cluster_id;
      found.level = found.members.front().feature_level;
      return found;
    }
    if (self_.ordinal != 0 || heard_.size() + 1 < self_.nodes) return std::nullopt;
    random_.fill(std::as_writable_bytes(std::span(found.cluster_id.bytes)));
    found.made = true;
    found.level = newest_feature_level;
    for (const auto& [ordinal, peer] : heard_) found.level = std::min(found.level, peer.knows_level());
    return found;
  }

  [[nodiscard]] std::string missing() const {
    std::string names;
    std::uint32_t end = self_.ordinal == 0 ? self_.nodes : 1;
    for (std::uint32_t ordinal = 0; ordinal < end; ++ordinal)
      if (ordinal != self_.ordinal && !heard_.contains(ordinal))
        names += (names.empty() ? "" : " ") + self_.name + "-" + std::to_string(ordinal);
    return names.empty() ? "its decision" : names;
  }

  const Introduction& self_;
  Random& random_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::uint32_t, Introduction> heard_;
  Status refusal_;
};

}  // namespace

Result<ClusterFound> find_cluster(const Config& config, const Introduction& self, TlsFiles* tls, const Clock& clock,
                                  Random& random) {
  auto addresses = peer_addresses(config);
  if (!addresses.ok()) return addresses.status();
  PeerNetworkOptions network;
  network.ordinal = self.ordinal;
  network.listen = config.cluster.address;
  network.addresses = std::move(*addresses);
  network.tls = tls;
  network.certificate_name = self.name + "-{}";
  return Search(self, random).run(std::move(network), clock);
}

}  // namespace engram
