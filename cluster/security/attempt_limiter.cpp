#include "cluster/security/attempt_limiter.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cstring>

namespace engram {

void AttemptLimiter::leak(Peer& peer) const {
  std::int64_t now_ns = clock_.monotonic_ns();
  peer.debt_ns = std::max<std::int64_t>(0, peer.debt_ns - (now_ns - peer.at_ns));
  peer.at_ns = now_ns;
}

std::int64_t AttemptLimiter::wait_ms(std::string_view peer) {
  std::lock_guard guard(mutex_);
  auto found = index_.find(peer);
  if (found == index_.end()) return 0;
  leak(*found->second);
  std::int64_t excess_ns = found->second->debt_ns - (std::int64_t{options_.burst} - 1) * refill_ns();
  return excess_ns <= 0 ? 0 : (excess_ns + ns_per_ms - 1) / ns_per_ms;
}

void AttemptLimiter::failed(std::string_view peer) {
  std::lock_guard guard(mutex_);
  auto found = index_.find(peer);
  if (found != index_.end()) {
    leak(*found->second);
    peers_.splice(peers_.begin(), peers_, found->second);
  } else {
    if (peers_.size() >= options_.max_peers) {
      index_.erase(peers_.back().name);
      peers_.pop_back();
    }
    peers_.push_front({std::string(peer), 0, clock_.monotonic_ns()});
    index_.emplace(peers_.front().name, peers_.begin());
  }
  peers_.front().debt_ns += refill_ns();
}

void AttemptLimiter::succeeded(std::string_view peer) {
  std::lock_guard guard(mutex_);
  auto found = index_.find(peer);
  if (found == index_.end()) return;
  auto entry = found->second;
  index_.erase(found);
  peers_.erase(entry);
}

std::string limiter_peer(std::string_view address) {
  std::string text(address);
  in6_addr v6{};
  if (::inet_pton(AF_INET6, text.c_str(), &v6) != 1) return text;
  char out[INET6_ADDRSTRLEN];
  if (IN6_IS_ADDR_V4MAPPED(&v6)) return ::inet_ntop(AF_INET, &v6.s6_addr[12], out, sizeof(out));
  std::memset(&v6.s6_addr[8], 0, 8);
  return std::string(::inet_ntop(AF_INET6, &v6, out, sizeof(out))) + "/64";
}

}  // namespace engram
