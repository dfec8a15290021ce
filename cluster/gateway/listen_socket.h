#pragma once
// Listening sockets, made by hand: each event loop has one of its own on the same port (SO_REUSEPORT), and the kernel
// spreads the connections over them.

#include <string>

#include <sys/types.h>

#include <kj/io.h>

#include "cluster/config/endpoint.h"
#include "storage/base/result.h"

namespace engram {

/// Binds and listens; `endpoint.port` 0 is replaced by the one that was given. Errors: unavailable.
Result<kj::AutoCloseFd> listen_tcp(Endpoint& endpoint, bool shared);

/// Which file a Unix socket's path led to, to tell it from what others put there since.
struct SocketFile {
  dev_t device = 0;
  ino_t number = 0;
  bool operator==(const SocketFile&) const = default;
};
struct UnixSocket {
  kj::AutoCloseFd fd;
  SocketFile file;
};
/// Replaces a socket that a dead process left behind; only its owner may connect (mode 0600). Errors: unavailable (a process
/// listens there), invalid_argument (a path that is too long, or a file that is no socket).
Result<UnixSocket> listen_unix(const std::string& path);
/// Removes the path, unless it leads to another file by now.
void remove_unix(const std::string& path, const SocketFile& file);

/// "127.0.0.1:51234", or "unix".
std::string peer_of(int fd);

}  // namespace engram
