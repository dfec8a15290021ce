// How the real binary ends: at every moment, also when nobody reads what it says, and with all that it acknowledged.

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <csignal>

#include "storage/base/descriptor.h"
#include "tests/support/engine_process.h"
#include "tests/support/patient_client.h"
#include "tests/support/temporary_directory.h"

using namespace engram;
using namespace engram::test;
using Catch::Contains;

namespace {

constexpr std::int64_t end_timeout_ms = longest_wait_ms / 2;  // far below `shutdown.timeout_ms`, which nothing here needs

EngineSetup setup_in(const TemporaryDirectory& directory, const std::string& shutdown_timeout = "1h") {
  return test::setup_in(directory, {"--cluster-partitions", "2", "--warm-write-back-after-ms", "1h",
                                    "--warm-initial-map-bytes", "16MiB", "--hot-bytes", "64MiB", "--shutdown-timeout-ms", shutdown_timeout});
}

/// How many of them were acknowledged before the first that was not.
int put_vertices(const EngineSetup& setup, int count, std::uint32_t timeout_ms = longest_wait_ms) {
  client::Client client = connect_patiently(setup.server());
  for (int i = 0; i < count; ++i)
    if (!client.submit(client::Batch().put_vertex("vertex " + std::to_string(i)), timeout_ms).committed()) return i;
  return count;
}

/// The next start finds at least the first `count`.
void require_vertices(EngineSetup setup, int count) {
  setup.environment.clear();
  setup.output += "-next";
  EngineProcess engine(setup);
  require_ready(engine);
  client::Client client = connect_patiently(setup.server());
  for (int i = 0; i < count; ++i) CHECK(client.get("vertex " + std::to_string(i)).ok());
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
    acknowledged = put_vertices(setup, 20, 10'000);  // the engine ends meanwhile
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

TEST_CASE("Further signals change nothing about a stop that takes long") {
  TemporaryDirectory directory;
  EngineSetup setup = setup_in(directory);
  setup.environment = {"ENGRAM_FAILPOINT=write_back.before=wait:1"};
  {
    EngineProcess engine(setup);
    require_ready(engine);
    REQUIRE(put_vertices(setup, 20) == 20);
    engine.send_signal(SIGTERM);
    REQUIRE(comes_true([&] { return engine.output().find("stopping") != std::string::npos; }));
    for (const char* heard : {"already stopping signal=SIGTERM", "already stopping signal=SIGINT"}) {
      engine.send_signal(std::string(heard).ends_with("TERM") ? SIGTERM : SIGINT);
      CHECK(comes_true([&] { return engine.output().find(heard) != std::string::npos; }));
    }
    CHECK_FALSE(engine.wait_end(1000));
    (void)engine.kill_now();
  }
  require_vertices(setup, 20);
}

TEST_CASE("From the first client on, a signal has the engine stop in order, also before it says that it is ready") {
  TemporaryDirectory directory;
  EngineSetup setup = setup_in(directory, "2s");
  setup.environment = {"ENGRAM_FAILPOINT=start.listening=wait:1"};
  {
    EngineProcess engine(setup);
    require_serving(setup);
    REQUIRE(put_vertices(setup, 20) == 20);
    engine.send_signal(SIGTERM);
    auto ended = engine.wait_end(end_timeout_ms);
    REQUIRE(ended);
    CHECK(ended->code == 1);  // it is kept from stopping, but not for longer than it may take
    CHECK_THAT(engine.output(), !Contains("stopped before it was ready"));
  }
  require_vertices(setup, 20);
}

TEST_CASE("An engine that hangs while it stops ends when its time is over") {
  TemporaryDirectory directory;
  EngineSetup setup = setup_in(directory, "1s");
  setup.environment = {"ENGRAM_FAILPOINT=write_back.before=wait:1"};
  {
    EngineProcess engine(setup);
    require_ready(engine);
    REQUIRE(put_vertices(setup, 20) == 20);
    engine.send_signal(SIGTERM);
    auto ended = engine.wait_end(4500);  // a timer of the kernel's ends it, so that a slow machine is no reason for more
    REQUIRE(ended);
    CHECK(ended->code == 1);
  }
  require_vertices(setup, 20);
}

TEST_CASE("An engine that could not write everything back in time says so by its exit code") {
  TemporaryDirectory directory;
  EngineSetup setup = setup_in(directory, "1s");
  setup.environment = {"ENGRAM_FAILPOINT=warm.before_commit=error:1"};  // it tries again after a second
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
