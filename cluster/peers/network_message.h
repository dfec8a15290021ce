#pragma once
// Reads the messages of strangers: no memory and no byte more than they may have.

#include <cstddef>

#include <capnp/common.h>
#include <kj/array.h>
#include <kj/async-io.h>

namespace engram {

constexpr std::size_t max_small_message_bytes = 4096;  // with its framing
constexpr std::size_t max_small_message_segments = 4;

/// One message in stream framing, and not a byte of what is behind it. Rejected, before anything is allocated for it, if its
/// framing says that it is larger. What is inside is not looked at.
kj::Promise<kj::Array<capnp::word>> read_small_message(kj::AsyncInputStream& from);

}  // namespace engram
