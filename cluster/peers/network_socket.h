#pragma once
// How a connection leaves the event loop: as a socket of its new owner.

#include <kj/async-io.h>
#include <kj/io.h>

#include "storage/base/result.h"

namespace engram {

/// How long an end that is over may take to get its last bytes out.
constexpr std::int64_t parting_ms = 1'000;

/// No delay for small packets; a peer whose machine is gone is noticed.
void prepare_tcp(kj::AsyncIoStream& stream);

/// Says that nothing more comes, and waits until the other end has closed: so it reads our last words, which a reset would
/// take from it. Bounded by `parting_ms`; never rejected.
kj::Promise<void> part(kj::AsyncIoStream& stream, kj::Timer& timer);

/// The stream's socket, no longer watched by the loop. Error: unavailable (no file descriptors are left).
Result<kj::AutoCloseFd> release_socket(kj::Own<kj::AsyncIoStream> stream);

/// Carries bytes between encrypted connections and sockets. For one thread; all of them end with it.
class NetworkPumps final : private kj::TaskSet::ErrorHandler {
 public:
  explicit NetworkPumps(kj::AsyncIoContext& io) : io_(io), pumps_(*this) {}

  /// The owner's end of a connection. When either side ends, both do. What the owner has sent before still reaches the peer,
  /// unless that takes nothing for `parting_ms`. Error: unavailable (no file descriptors are left).
  Result<kj::AutoCloseFd> attach(kj::Own<kj::AsyncIoStream> encrypted);

 private:
  void taskFailed(kj::Exception&& exception) override;

  kj::AsyncIoContext& io_;
  kj::TaskSet pumps_;
};

}  // namespace engram
