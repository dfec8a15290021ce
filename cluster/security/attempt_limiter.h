#pragma once
// Slows down whoever guesses tokens. Thread-safe.

#include <cstdint>
#include <list>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>

#include "storage/base/clock.h"

namespace engram {

/// By peer (an address without its port): after `burst` failures, one further attempt every `refill_ms`. Memory is
/// bounded: of more than `max_peers`, the one that failed longest ago is forgotten.
class AttemptLimiter {
 public:
  struct Options {
    std::uint32_t burst = 10;
    std::int64_t refill_ms = 6'000;
    std::size_t max_peers = 10'000;
  };

  AttemptLimiter(const Clock& clock, Options options) : clock_(clock), options_(options) {}
  explicit AttemptLimiter(const Clock& clock) : AttemptLimiter(clock, Options()) {}

  /// Whether the peer may try now. 0: yes; else the milliseconds until it may.
  [[nodiscard]] std::int64_t wait_ms(std::string_view peer);
  void failed(std::string_view peer);
  void succeeded(std::string_view peer);

 private:
  struct Peer {
    std::string name;
    std::int64_t debt_ns = 0;  // refill_ms for every failure, paid off by waiting
    std::int64_t at_ns = 0;
  };
  using Peers = std::list<Peer>;  // last failure first

  static constexpr std::int64_t ns_per_ms = 1'000'000;
  [[nodiscard]] std::int64_t refill_ns() const { return options_.refill_ms * ns_per_ms; }
  void leak(Peer& peer) const;

  const Clock& clock_;
  const Options options_;
  std::mutex mutex_;
  Peers peers_;
  std::unordered_map<std::string_view, Peers::iterator> index_;  // views into the names in the list
};

/// The part of an address that one owner holds: an IPv4 address, or the /64 of an IPv6 address; anything else
/// unchanged.
std::string limiter_peer(std::string_view address);

}  // namespace engram
