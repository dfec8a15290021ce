// A hundred thousand empty spaces in the real binary: what they cost, and that they are there after kill -9.

#include <catch2/catch.hpp>

#include <unistd.h>

#include <chrono>
#include <csignal>
#include <deque>
#include <fstream>

#include <capnp/serialize.h>

#include "client/client_impl.h"
#include "schema/command.capnp.h"
#include "tests/support/engine_process.h"
#include "tests/support/patient_client.h"
#include "tests/support/temporary_directory.h"

using namespace engram;
using namespace engram::test;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool sanitized_build = true;
#else
constexpr bool sanitized_build = false;
#endif

constexpr int first_spaces = 200;  // before memory is looked at
constexpr std::size_t calls_in_flight = 500;
constexpr std::uint64_t most_bytes = std::uint64_t{100} << 20;
constexpr std::int64_t longest_start_ms = 10'000;  // a second here

using Clock = std::chrono::steady_clock;

std::int64_t milliseconds_since(Clock::time_point start) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - start).count();
}

std::uint64_t resident_bytes(const EngineProcess& engine) {
  std::ifstream statm("/proc/" + std::to_string(engine.pid()) + "/statm");
  std::uint64_t total = 0, resident = 0;
  statm >> total >> resident;
  return resident * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

std::string name_of(int number) {
  std::string digits = std::to_string(number);
  return "space-" + std::string(6 - digits.size(), '0') + digits;
}

/// A connection with the rights of an administrator.
class Administrator {
 public:
  explicit Administrator(const std::string& server, schema::Placement placement = {})
      : loop_(client::loop_of_this_thread()), placement_(placement) {
    auto connected = client::Connection::connect(*loop_->provider, server).wait(loop_->waitScope);
    REQUIRE(connected.ok());
    connection_ = kj::mv(connected.value());
    auto access = connection_->authenticate("").wait(loop_->waitScope);
    REQUIRE(access.ok());
    session_ = access->session;
    auto admin = client::open_admin(*session_).wait(loop_->waitScope);
    REQUIRE(admin.ok());
    admin_ = admin.value();
  }

  /// Creates the spaces [first, end), many at a time.
  void create(int first, int end) {
    std::deque<kj::Promise<client::Outcome>> asked;
    for (int next = first, created = first; created < end; ++created) {
      for (; next < end && asked.size() < calls_in_flight; ++next) asked.push_back(create_one(next, created));
      client::Outcome outcome = asked.front().wait(loop_->waitScope);
      asked.pop_front();
      INFO(outcome.status.message());
      REQUIRE(outcome.committed());
    }
  }

  std::vector<std::string> list() {
    auto spaces = client::list_spaces(*session_, "").wait(loop_->waitScope);
    REQUIRE(spaces.ok());
    std::vector<std::string> names;
    for (const client::SpaceInfo& space : *spaces) names.push_back(space.name);
    return names;
  }

 private:
  kj::Promise<client::Outcome> create_one(int number, int first_unanswered) {
    capnp::MallocMessageBuilder message;
    auto command = message.initRoot<schema::Command>();
    command.setSession(4711);
    command.setSequence(static_cast<std::uint64_t>(number) + 1);
    command.setFirstIncomplete(static_cast<std::uint64_t>(first_unanswered) + 1);
    auto create = command.initCreateSpace();
    create.setName(name_of(number).c_str());
    create.setPlacement(placement_);
    return client::submit(*admin_, capnp::messageToFlatArray(message).asBytes(), 60'000);
  }

  std::shared_ptr<kj::AsyncIoContext> loop_;
  schema::Placement placement_;
  kj::Own<client::Connection> connection_;
  std::optional<schema::Session::Client> session_;
  std::optional<schema::Admin::Client> admin_;
};

/// Waits until everything is in the warm stores.
void wait_written_back(const EngineSetup& setup) {
  client::Client client = connect_patiently(setup.server());
  std::string text;
  bool written = comes_true([&] {
    auto statistics = client.engine_statistics();
    REQUIRE(statistics.ok());
    text = *statistics;
    std::size_t dirty = 0;
    for (std::size_t at = 0; (at = text.find("\"dirty_bytes\":", at)) != std::string::npos; ++at)
      dirty += std::stoull(text.substr(text.find(':', at) + 1));
    return dirty == 0;
  }, 10);
  if (!written) FAIL("not everything is written back: " << text);
}

}  // namespace

TEST_CASE("100,000 empty spaces cost less than 100 MB, and are there after kill -9") {
  bool sanitized = sanitized_build && is_default_binary();  // memory and time then say nothing
  int many = sanitized ? 5'000 : 100'000;
  schema::Placement placement = GENERATE(schema::Placement::TOGETHER, schema::Placement::SPREAD);
  TemporaryDirectory directory;
  EngineSetup setup = setup_in(
      directory, {"--cluster-partitions", "2", "--warm-write-back-after-ms", "500ms", "--hot-bytes", "256MiB"});
  std::uint64_t before = 0, after = 0;
  std::int64_t took_ms = 0;
  {
    EngineProcess engine(setup);
    require_ready(engine);
    Administrator administrator(setup.server(), placement);
    administrator.create(0, first_spaces);
    wait_written_back(setup);
    before = resident_bytes(engine);
    auto started = Clock::now();
    administrator.create(first_spaces, many);
    took_ms = milliseconds_since(started);
    wait_written_back(setup);
    after = resident_bytes(engine);
    CHECK(engine.kill_now().signal == SIGKILL);
  }
  auto started = Clock::now();
  EngineProcess engine(setup);
  require_ready(engine);
  std::int64_t start_ms = milliseconds_since(started);
  std::uint64_t restarted = resident_bytes(engine);
  WARN(many << (placement == schema::Placement::SPREAD ? " spread" : "") << " spaces: " << took_ms << " ms to create, resident " << (before >> 20) << " MiB before and "
            << (after >> 20) << " MiB with them, " << (restarted >> 20) << " MiB after a restart that took " << start_ms
            << " ms");
  if (!sanitized) {
    CHECK(start_ms < longest_start_ms);
    CHECK(after < before + most_bytes);
    CHECK(restarted < before + most_bytes);
  }
  {
    std::vector<std::string> names = Administrator(setup.server()).list();
    REQUIRE(names.size() == static_cast<std::size_t>(many) + 1);
    CHECK(names[0] == "default");
    for (int i = 0; i < many; ++i)
      if (names[static_cast<std::size_t>(i) + 1] != name_of(i)) FAIL(name_of(i) << " is missing");
  }
  auto client = connect_patiently(setup.server());
  REQUIRE(client.use_space(name_of(many / 2)).ok());
  CHECK(client.submit(client::Batch().put_vertex("ada")).committed());
  CHECK(engine.terminate()->code == 0);
}
