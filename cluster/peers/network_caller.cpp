#include "cluster/peers/network_caller.h"

#include <algorithm>
#include <utility>

#include "cluster/config/endpoint.h"
#include "cluster/logging/logging.h"

namespace engram {
namespace {

/// Where a peer is. Errors are those of the configuration: it is as if it were away.
Result<std::string> address_of(std::uint32_t ordinal, const PeerNetworkOptions& options) {
  if (ordinal == options.ordinal)
    return Status(Code::invalid_argument, "node " + std::to_string(ordinal) + " is this node itself; it is not called");
  if (ordinal >= options.addresses.size())
    return Status(Code::invalid_argument,
                  "node " + std::to_string(ordinal) + " has no address; add it to cluster.peers", "cluster.peers");
  auto endpoint = parse_endpoint(options.addresses[ordinal]);
  if (!endpoint.ok()) return Status(Code::invalid_argument, endpoint.status().message(), "cluster.peers");
  return endpoint->text();
}

}  // namespace

NetworkCaller::NetworkCaller(std::uint32_t ordinal, const PeerNetworkOptions& options, const Clock& clock, Random& random,
                             kj::AsyncIoContext& io, Handshakes& handshakes, std::function<void(Status)> ended)
    : ordinal_(ordinal),
      options_(options),
      clock_(clock),
      random_(random),
      network_(io.provider->getNetwork()),
      timer_(io.provider->getTimer()),
      handshakes_(handshakes),
      ended_(std::move(ended)),
      pause_ms_(options.shortest_pause_ms),
      next_call_(timer_.now()) {}

void NetworkCaller::start() {
  if (std::exchange(calling_, true)) return;
  calls_ = call_until_connected().eagerlyEvaluate([this](kj::Exception&& exception) {
    calling_ = false;
    log_event(LogLevel::error, "calling a peer failed", {{"peer", ordinal_}, {"error", exception.getDescription().cStr()}});
  });
}

void NetworkCaller::stop() {
  calls_ = kj::READY_NOW;
  calling_ = false;
}

kj::Promise<void> NetworkCaller::call_until_connected() {
  return timer_.atTime(next_call_)
      .then([this] { return call_once(); })
      .then([this](HandshakeEnd end) -> kj::Promise<void> {
        note(end);
        if (!end.connected) return call_until_connected();
        calling_ = false;
        return kj::READY_NOW;
      });
}

kj::Promise<HandshakeEnd> NetworkCaller::call_once() {
  auto address = address_of(ordinal_, options_);
  if (!address.ok()) return HandshakeEnd{false, false, false, address.status()};
  return timer_.timeoutAfter(options_.connect_timeout_ms * kj::MILLISECONDS, connect(*address))
      .then([this](kj::Own<kj::AsyncIoStream> stream) { return handshakes_.call(kj::mv(stream), ordinal_); },
            [](kj::Exception&& exception) -> kj::Promise<HandshakeEnd> {
              return HandshakeEnd{false, false, false, {Code::unavailable, reason_in(exception)}};
            })
      .then([address = *address](HandshakeEnd end) {
        const Status& why = end.why;
        if (!end.connected) end.why = {why.code(), address + ": " + why.message(), why.field(), why.limit()};
        return end;
      });
}

kj::Promise<kj::Own<kj::AsyncIoStream>> NetworkCaller::connect(const std::string& address) {
  return resolve(address).then([](std::shared_ptr<kj::NetworkAddress> found) {
    auto& to = *found;
    return to.connect().attach(std::move(found));
  });
}

kj::Promise<std::shared_ptr<kj::NetworkAddress>> NetworkCaller::resolve(const std::string& address) {
  if (looking_up_) {
    KJ_IF_MAYBE(running, lookup_) return running->addBranch();
  }
  looking_up_ = true;
  auto lookup = kj::evalNow([&] { return network_.parseAddress(kj::StringPtr(address.c_str())); })
                    .then([](kj::Own<kj::NetworkAddress> found) {
                      auto* raw = found.get();
                      return std::shared_ptr<kj::NetworkAddress>(raw, [owner = kj::mv(found)](kj::NetworkAddress*) {});
                    })
                    .fork();
  auto answer = lookup.addBranch();
  lookup_watch_ = lookup.addBranch()
                      .then([this](std::shared_ptr<kj::NetworkAddress>) { looking_up_ = false; },
                            [this](kj::Exception&&) { looking_up_ = false; })
                      .eagerlyEvaluate(nullptr);
  lookup_ = kj::mv(lookup);
  return answer;
}

void NetworkCaller::note(const HandshakeEnd& end) {
  bool waits_longest = end.refused_by_peer || pause_ms_ >= options_.longest_pause_ms;
  if (end.connected) {
    pause_ms_ = options_.shortest_pause_ms;
    if (std::exchange(complained_, false)) log_event(LogLevel::debug, "peer reached again", {{"peer", ordinal_}});
    log_ = SparseLog(complaint_pause_ms);
  } else if (end.refused_by_peer) {
    pause_ms_ = options_.longest_pause_ms;
  }
  next_call_ = timer_.now() + with_jitter(pause_ms_) * kj::MILLISECONDS;
  if (!end.connected) {
    pause_ms_ = std::min(pause_ms_ * 2, options_.longest_pause_ms);
    // A peer that starts a moment later is not worth a line.
    if (waits_longest && log_.is_due(clock_.monotonic_ns())) {
      complained_ = true;
      log_event(LogLevel::warn, "peer cannot be reached",
                {{"peer", ordinal_}, {"error", end.why.message()}, {"calls_unlogged", log_.take_left_out()}});
    }
  }
  ended_(end.connected ? Status() : end.why);
}

std::int64_t NetworkCaller::with_jitter(std::int64_t pause_ms) {
  std::int64_t quarter = pause_ms / 4;
  return pause_ms - quarter + static_cast<std::int64_t>(random_.next64() % static_cast<std::uint64_t>(2 * quarter + 1));
}

}  // namespace engram
