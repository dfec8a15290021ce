// The Unix socket's path: whose it is while two engines, or the remains of one, want the same.

#include "cluster/gateway/listen_socket.h"

#include <catch2/catch.hpp>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <vector>

#include <sys/socket.h>
#include <sys/un.h>

#include "client/engram/client.h"
#include "tests/support/running_engine.h"
#include "tests/support/temporary_directory.h"

using namespace engram;
using test::RunningEngine;

namespace {

struct Setup {
  test::TemporaryDirectory directory;
  std::string path = directory / "shared.sock";

  FlagValues settings(const std::string& address) const { return {{"listen.unix", path}, {"listen.address", address}}; }
  [[nodiscard]] bool answers() const {
    return client::Client::connect({.server = "unix:" + path, .connect_wait_ms = 0}).ok();
  }
  /// A client's end; -1 if nobody takes it, or the backlog is full.
  [[nodiscard]] kj::AutoCloseFd connect() const {
    kj::AutoCloseFd fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, path.c_str(), path.size() + 1);
    if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) return nullptr;
    return fd;
  }
};

}  // namespace

TEST_CASE("an engine does not take the socket of another one") {
  Setup setup;
  RunningEngine first(setup.settings("127.0.0.1:0"));
  for (const char* address : {"none", "127.0.0.1:0"}) {
    INFO(address);
    CHECK_THROWS_WITH(RunningEngine(setup.settings(address)), Catch::Contains("in use") && Catch::Contains("listen.unix"));
    CHECK(setup.answers());
  }
}

TEST_CASE("an engine that fails for another reason leaves the socket of the first alone") {
  Setup setup;
  RunningEngine first(setup.settings("127.0.0.1:0"));
  CHECK_THROWS_WITH(RunningEngine(setup.settings(first.address())), Catch::Contains("port is in use"));
  CHECK(setup.answers());
}

TEST_CASE("the socket of an engine that died is replaced, and one that ends takes its own away") {
  Setup setup;
  { auto left_behind = listen_unix(setup.path).value(); }
  REQUIRE(std::filesystem::exists(setup.path));
  {
    RunningEngine engine(setup.settings("none"));
    CHECK(setup.answers());
  }
  CHECK_FALSE(std::filesystem::exists(setup.path));
}

TEST_CASE("a socket that was put in place of the own one stays") {
  Setup setup;
  RunningEngine first(setup.settings("127.0.0.1:0"));
  std::filesystem::remove(setup.path);
  RunningEngine second(setup.settings("127.0.0.1:0"));
  first.stop();
  CHECK(setup.answers());
}

TEST_CASE("a full backlog is no abandoned socket") {
  Setup setup;
  auto busy = listen_unix(setup.path).value();
  REQUIRE(::listen(busy.fd.get(), 1) == 0);
  std::vector<kj::AutoCloseFd> waiting;
  for (auto fd = setup.connect(); fd.get() >= 0; fd = setup.connect()) waiting.push_back(kj::mv(fd));
  CHECK_FALSE(waiting.empty());
  CHECK(listen_unix(setup.path).status().code() == Code::unavailable);
  CHECK(std::filesystem::exists(setup.path));
}
