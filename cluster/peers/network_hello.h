#pragma once
// What nodes say before anything else, as values and as bytes: PeerHello and PeerVerdict in schema/peer.capnp.

#include <cstdint>

#include <capnp/common.h>
#include <kj/array.h>

#include "cluster/peers/introduction.h"
#include "storage/base/result.h"

namespace engram {

/// The versions of what follows on a connection that this build speaks.
constexpr std::uint32_t oldest_peer_protocol = 1;
constexpr std::uint32_t newest_peer_protocol = 1;

struct PeerGreeting {
  Introduction self;
  std::uint32_t oldest_protocol = oldest_peer_protocol;
  std::uint32_t newest_protocol = newest_peer_protocol;
  std::uint32_t wanted = 0;      // from the caller: whom it means to reach
  std::uint64_t connection = 0;  // from the caller
};

/// In stream framing, never larger than `read_small_message` takes: texts that are too long for it are cut.
kj::Array<capnp::word> hello_message(const PeerGreeting& greeting);
kj::Array<capnp::word> verdict_message(const Status& verdict);

/// From the bytes of a whole message. Error (corrupt): they are no such message.
Result<PeerGreeting> parse_hello(kj::ArrayPtr<const capnp::word> message);
/// The other's verdict goes to `verdict`: ok, or its reason to refuse. The answer is ok if the message could be read.
Status parse_verdict(kj::ArrayPtr<const capnp::word> message, Status& verdict);

}  // namespace engram
