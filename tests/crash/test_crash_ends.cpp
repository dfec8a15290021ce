// How the real binary ends: at every moment, also when nobody reads what it says, and with all that it acknowledged.

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <functional>
#include <thread>

#include "client/engram/client.h"
#include "storage/base/descriptor.h"
#include "tests/support/engine_process.h"
#include "tests/support/temporary_directory.h"

using namespace engram;
using namespace engram::test;
using Catch::Contains;

namespace {

constexpr std::int64_t end_timeout_ms = 20'000;  // far below `shutdown.timeout_ms`, which nothing here needs

EngineSetup setup_in(const TemporaryDirectory& directory) {
  return test::setup_in(directory, {"--cluster-partitions", "2", "--warm-write-back-after-ms", "1h",
                                    "--warm-initial-map-bytes", "16MiB", "--hot-bytes", "64MiB"});
}

bool comes_true(const std::function<bool()>& holds) {
  for (int waited_ms = 0; waited_ms < 30'000; waited_ms += 10) {
    if (holds()) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  return false;
}

/// How many of them were acknowledged before the first that was not.
int put_vertices(const EngineSetup& setup, int count) {
  auto client = client::Client::connect({.server = setup.server()});
  REQUIRE(client.ok());
  for (int i = 0; i < count; ++i)
    if (!client->submit(client::Batch().put_vertex("vertex " + std::to_string(i)), 1000).committed()) return i;
  return count;
}

/// The next start finds at least the first `count`.
void require_vertices(EngineSetup setup, int count) {
  setup.environment.clear();
  setup.output += "-next";
  EngineProcess engine(setup);
  require_ready(engine);
  auto client = client::Client::connect({.server = setup.server()});
  REQUIRE(client.ok());
  for (int i = 0; i < count; ++i) CHECK(client->get("vertex " + std::to_string(i)).ok());
  CHECK(engine.terminate()->code == 0);
}

/// A pipe that is full: who writes to it waits until somebody reads, and nobody does.
class FullPipe {
 public:
  explicit FullPipe(const std::string& path) {
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    descriptor_ = Descriptor(::open(path.c_str(), O_RDWR | O_NONBLOCK | O_CLOEXEC));
    REQUIRE(descriptor_.get() >= 0);
    for (std::string filling(4096, '.'); !filling.empty(); filling.resize(filling.size() / 2))
      while (::write(descriptor_.get(), filling.data(), filling.size()) > 0) continue;
  }

 private:
  Descriptor descriptor_;
};

/// An engine whose standard error is such a pipe.
class UnreadEngine : public ChildProcess {
 public:
  UnreadEngine(const EngineSetup& setup, const std::string& pipe) : ChildProcess(child_of(setup, pipe)) {}

 private:
  static ChildSetup child_of(const EngineSetup& setup, const std::string& pipe) {
    ChildSetup child{.words = {setup.binary, "serve", "--data-dir", setup.data_dir, "--listen-unix", setup.socket,
                               "--listen-address", "none", "--operations-address", setup.operations},
                     .output = setup.output,
                     .errors = pipe,
                     .environment = setup.environment};
    child.words.insert(child.words.end(), setup.flags.begin(), setup.flags.end());
    return child;
  }
};

void require_serving(const EngineSetup& setup) {
  REQUIRE(comes_true([&] { return client::Client::connect({.server = setup.server()}).ok(); }));
}

}  // namespace

TEST_CASE("An engine whose messages nobody reads stops when it is told to") {
  TemporaryDirectory directory;
  EngineSetup setup = setup_in(directory);
  FullPipe pipe(directory / "pipe");
  {
    UnreadEngine engine(setup, directory / "pipe");
    require_serving(setup);
    REQUIRE(put_vertices(setup, 20) == 20);
    engine.send_signal(SIGTERM);
    auto ended = engine.wait_end(end_timeout_ms);
    REQUIRE(ended);
    CHECK(ended->code == 0);
  }
  require_vertices(setup, 20);
}

TEST_CASE("An engine whose messages nobody reads ends at once when a sync fails") {
  TemporaryDirectory directory;
  EngineSetup setup = setup_in(directory);
  setup.environment = {"ENGRAM_FAILPOINT=log.before_sync=error:15"};
  FullPipe pipe(directory / "pipe");
  int acknowledged = 0;
  {
    UnreadEngine engine(setup, directory / "pipe");
    require_serving(setup);
    acknowledged = put_vertices(setup, 20);
    CHECK(acknowledged > 5);
    CHECK(acknowledged < 15);
    auto ended = engine.wait_end(end_timeout_ms);
    REQUIRE(ended);
    CHECK(ended->code == 70);
  }
  require_vertices(setup, acknowledged);
}

TEST_CASE("An engine that cannot start ends, also if nobody reads why") {
  TemporaryDirectory directory;
  EngineSetup setup = setup_in(directory);
  EngineProcess first(setup);
  require_ready(first);
  FullPipe pipe(directory / "pipe");
  EngineSetup second = setup;
  second.output += "-second";
  UnreadEngine engine(second, directory / "pipe");
  auto ended = engine.wait_end(end_timeout_ms);
  REQUIRE(ended);
  CHECK(ended->code == 1);
  CHECK(first.terminate()->code == 0);
}

TEST_CASE("A start can be cut by a signal, however long it takes") {
  int signal = GENERATE(SIGTERM, SIGINT);
  TemporaryDirectory directory;
  EngineSetup setup = setup_in(directory);
  {
    EngineProcess engine(setup);
    require_ready(engine);
    REQUIRE(put_vertices(setup, 20) == 20);
    (void)engine.kill_now();
  }
  setup.environment = {"ENGRAM_FAILPOINT=replay.before=wait:1"};
  setup.output += "-cut";
  {
    EngineProcess engine(setup);
    REQUIRE(comes_true([&] { return engine.output().find(" starting ") != std::string::npos; }));
    engine.send_signal(SIGHUP);  // asks for nothing that a start does not do
    CHECK_FALSE(engine.wait_end(300));
    engine.send_signal(signal);
    auto ended = engine.wait_end(end_timeout_ms);
    REQUIRE(ended);
    CHECK(ended->code == 0);
    CHECK_THAT(engine.output(), Contains("stopped before it was ready"));
  }
  require_vertices(setup, 20);
}

TEST_CASE("A second signal ends an engine that takes long to stop, and loses nothing") {
  TemporaryDirectory directory;
  EngineSetup setup = setup_in(directory);
  setup.environment = {"ENGRAM_FAILPOINT=write_back.before=wait:1"};
  {
    EngineProcess engine(setup);
    require_ready(engine);
    REQUIRE(put_vertices(setup, 20) == 20);
    engine.send_signal(SIGTERM);
    REQUIRE(comes_true([&] { return engine.output().find("stopping") != std::string::npos; }));
    CHECK_FALSE(engine.wait_end(500));
    engine.send_signal(SIGTERM);
    auto ended = engine.wait_end(end_timeout_ms);
    REQUIRE(ended);
    CHECK(ended->code == 1);
  }
  require_vertices(setup, 20);
}

TEST_CASE("An engine that cannot stop ends soon after its time") {
  TemporaryDirectory directory;
  EngineSetup setup = setup_in(directory);
  setup.environment = {"ENGRAM_FAILPOINT=write_back.before=wait:1"};
  setup.flags.insert(setup.flags.end(), {"--shutdown-timeout-ms", "1s"});
  {
    EngineProcess engine(setup);
    require_ready(engine);
    REQUIRE(put_vertices(setup, 20) == 20);
    auto ended = engine.terminate();
    REQUIRE(ended);
    CHECK(ended->code == 1);
  }
  require_vertices(setup, 20);
}
