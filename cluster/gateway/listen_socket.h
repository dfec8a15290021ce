#pragma once
// Listening sockets, made by hand: each event loop has one of its own on the same port (SO_REUSEPORT), and the kernel
// spreads the connections over them.

#include <string>

#include <kj/io.h>

#include "cluster/config/endpoint.h"
#include "storage/base/result.h"

namespace engram {

/// Binds and listens; `endpoint.port` 0 is replaced by the one that was given. Errors: unavailable.
Result<kj::AutoCloseFd> listen_tcp(Endpoint& endpoint, bool shared);
/// Replaces a socket that a dead process left behind; only its owner may connect (mode 0600).
Result<kj::AutoCloseFd> listen_unix(const std::string& path);
/// "127.0.0.1:51234", or "unix".
std::string peer_of(int fd);

}  // namespace engram
