// The network that the faults are made in: what is cut does not arrive, in that direction only, and arrives again when healed.

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>

#include <catch2/catch.hpp>

#include <filesystem>
#include <optional>
#include <thread>

#include "storage/base/descriptor.h"
#include "tests/support/network.h"
#include "tests/support/skip.h"

using namespace engram;
using namespace engram::test;

namespace {

constexpr std::uint16_t port = 9999;

sockaddr_in address_of(const Network& network, unsigned host) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  ::inet_pton(AF_INET, network.address(host).c_str(), &address.sin_addr);
  return address;
}

/// Made by a thread that goes into the host and ends: a socket stays where it was made.
Descriptor datagram_socket(const Network& network, unsigned host) {
  Descriptor made;
  std::thread([&] {
    Descriptor there(::open(network.path(host).c_str(), O_RDONLY | O_CLOEXEC));
    if (::setns(there.get(), CLONE_NEWNET) != 0) return;
    Descriptor socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    sockaddr_in address = address_of(network, host);
    if (::bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0) made = std::move(socket);
  }).join();
  REQUIRE(made.get() >= 0);
  return made;
}

bool arrives(const Network& network, const Descriptor& from, const Descriptor& to, unsigned to_host) {
  sockaddr_in address = address_of(network, to_host);
  char byte = 'x';
  ::sendto(from.get(), &byte, 1, 0, reinterpret_cast<sockaddr*>(&address), sizeof address);
  pollfd waiting{to.get(), POLLIN, 0};
  if (::poll(&waiting, 1, 300) != 1) return false;
  return ::recv(to.get(), &byte, 1, 0) == 1;
}

}  // namespace

TEST_CASE("hosts reach each other but where they are cut off, and nothing is left of them") {
  if (std::string obstacle = Network::obstacle(); !obstacle.empty()) return skip_case(obstacle);
  std::string path;
  {
    Network network(3);
    path = network.path(0);
    CHECK(std::filesystem::exists(path));
    Descriptor a = datagram_socket(network, 0), b = datagram_socket(network, 1), c = datagram_socket(network, 2);
    CHECK(arrives(network, a, b, 1));
    CHECK(arrives(network, b, a, 0));

    network.cut_one_way(0, 1);
    CHECK(!arrives(network, a, b, 1));
    CHECK(arrives(network, b, a, 0));
    CHECK(arrives(network, a, c, 2));
    CHECK(arrives(network, c, b, 1));

    network.heal();
    CHECK(arrives(network, a, b, 1));

    network.cut(0, 2);
    CHECK(!arrives(network, a, c, 2));
    CHECK(!arrives(network, c, a, 0));
    CHECK(arrives(network, b, c, 2));
    network.heal();
    CHECK(arrives(network, c, a, 0));
  }
  CHECK(!std::filesystem::exists(path));
}
