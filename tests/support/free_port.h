#pragma once
// A port for an engine that has to be told before it starts where it will be found.

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <cstdint>
#include <stdexcept>

#include "storage/base/descriptor.h"

namespace engram::test {

/// A port of 127.0.0.1 that nobody has. Below those that the system gives to connections, so that none of them takes it before the
/// engine does; where it begins to look follows from the process, so that test programs side by side do not meet.
inline std::uint16_t free_port() {
  constexpr unsigned first = 10'000, count = 20'000, apart = 40;
  static unsigned next = static_cast<unsigned>(::getpid()) * apart;
  for (unsigned tried = 0; tried < count; ++tried) {
    auto port = static_cast<std::uint16_t>(first + next++ % count);
    Descriptor probe(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (::bind(probe.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) return port;
  }
  throw std::runtime_error("there is no free port");
}

}  // namespace engram::test
