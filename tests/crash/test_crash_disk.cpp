// Disks that fail and disks that are full, under the real binary.

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <functional>

#include "tests/crash/crash_campaign.h"
#include "tests/support/patient_client.h"
#include "tests/support/skip.h"
#include "tests/support/small_volume.h"

using namespace engram;
using namespace engram::test;

namespace {

constexpr const char* fiu_directory = "/usr/lib/fiu";

/// The engine has stopped by itself under load, saying why; with a healthy disk all that it acknowledged is there.
void require_stopped_and_right(CrashCampaign& campaign) {
  auto ended = campaign.engine().wait_end(longest_wait_ms);
  campaign.stop_load();
  INFO(campaign.engine().output());
  REQUIRE(ended);
  REQUIRE(ended->code);
  CHECK(*ended->code != 0);
  // The log's sync failed, or that of a write-back, whichever came first.
  CHECK_THAT(campaign.engine().output(), Catch::Contains("engine stopped") &&
                                             (Catch::Contains("Check the disk") || Catch::Contains("check the disk")));
  campaign.start();
  require_ready(campaign.engine());
  REQUIRE(campaign.verify_and_settle());
}

/// Tells a process that runs under libfiu which call is to fail from now on.
void enable_fault(const std::string& pipe, const std::string& command) {
  int answer = ::open((pipe + ".out").c_str(), O_RDONLY | O_NONBLOCK);
  int order = ::open((pipe + ".in").c_str(), O_WRONLY | O_NONBLOCK);
  REQUIRE(answer >= 0);
  REQUIRE(order >= 0);
  REQUIRE(::write(order, command.data(), command.size()) == static_cast<ssize_t>(command.size()));
  ::close(order);
  std::string reply(64, '\0');
  (void)comes_true([&] { return ::read(answer, reply.data(), reply.size()) > 0; });
  ::close(answer);
  INFO(reply);
  REQUIRE(reply.starts_with('0'));
}

/// Puts one big vertex after the other, and notes those that are acknowledged.
class Filler {
 public:
  explicit Filler(CrashCampaign& campaign)
      : campaign_(campaign), client_(connect_patiently(campaign.setup().server())) {}

  Status put() {
    std::string key = "big " + std::to_string(++number_);
    client::VertexOptions options;
    options.mode = client::PutMode::create;
    options.properties = {{"value", number_}, {"ballast", std::string(120'000, 'x')}};
    client::Batch batch;
    batch.put_vertex(key, options).link(key, "AT", Ledger::place(static_cast<std::uint64_t>(number_)));
    client::Outcome outcome = client_.submit(batch);
    REQUIRE(outcome.fate != client::Fate::unknown);
    if (outcome.committed())
      campaign_.ledger().commit(
          {{vertex_item(key), number_},
           {edge_item({key, "AT", Ledger::place(static_cast<std::uint64_t>(number_)), 0}), 1}}, {});
    return outcome.status;
  }

  /// Puts until it is refused, and answers with what.
  Status fill() {
    for (int i = 0; i < 2000; ++i)
      if (Status status = put(); !status.ok()) return status;
    FAIL("the volume never gets full");
    return {};
  }

  Status read() {
    auto vertex = client_.get("big 1");
    auto neighbors = client_.neighbors("big 1");
    if (!vertex.ok() || !neighbors.ok()) return vertex.ok() ? neighbors.status() : vertex.status();
    // This waits for every transaction that is open: none may stay so because the log is full.
    return client_.statistics().status();
  }

 private:
  CrashCampaign& campaign_;
  client::Client client_;
  std::int64_t number_ = 0;
};

/// Full, then room, then a kill: reads go on throughout, writes come back by themselves, nothing is lost.
void fill_make_room_and_kill(CrashCampaign& campaign, const std::function<void()>& make_room) {
  Filler filler(campaign);
  for (int i = 0; i < 3; ++i) REQUIRE(filler.put().ok());
  for (int i = 0; i < 3; ++i) {
    Status status = filler.fill();
    INFO(code_name(status.code()) << ": " << status.message() << "\n" << campaign.engine().output());
    CHECK(status.code() == Code::disk_full);
    Status read = filler.read();
    INFO(read.message());
    CHECK(read.ok());
  }
  REQUIRE(campaign.engine().running());
  make_room();
  // Each partition finds the room by itself, within a second.
  for (int i = 0; i < 20; ++i) {
    Status status;
    (void)comes_true([&] { return (status = filler.put()).ok(); }, 100);
    INFO(status.message() << "\n" << campaign.engine().output());
    REQUIRE(status.ok());
  }
  REQUIRE(campaign.verify_and_settle());
  CHECK(campaign.engine().kill_now().signal == SIGKILL);
}

bool has_spare(const std::string& directory) {
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
    std::string name = entry.path().filename();
    if (name.starts_with("spare-") && name.ends_with(".log")) return true;
  }
  return false;
}

/// Takes all the room that is left on a volume.
void fill_volume(const std::string& file) {
  int fd = ::open(file.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  REQUIRE(fd >= 0);
  std::string block(1 << 16, 'x');
  while (::write(fd, block.data(), block.size()) > 0) {
  }
  ::close(fd);
}

}  // namespace

TEST_CASE("A log that reports a failed sync stops the engine, and loses nothing that was acknowledged") {
  int times = GENERATE(1, 7, 60);
  CrashCampaign campaign({static_cast<std::uint64_t>(times), 3, {"--cluster-partitions", "2"}});
  (void)campaign.engine().kill_now();
  campaign.start({"ENGRAM_FAILPOINT=log.before_sync=error:" + std::to_string(times)});
  // What the kill left undecided is logged before the engine is ready: that may be the first sync.
  if (campaign.engine().wait_ready()) campaign.begin_load();
  require_stopped_and_right(campaign);
}

TEST_CASE("fdatasync that fails stops the engine, and loses nothing that was acknowledged") {
  std::string libraries;
  for (const char* name : {"fiu_run_preload.so", "fiu_posix_preload.so"}) {
    std::string path = std::string(fiu_directory) + "/" + name;
    if (!std::filesystem::exists(path)) return skip_case(path + " is missing (package fiu-utils)");
    libraries += " " + path;
  }
  CrashCampaign campaign({17, 3, {"--cluster-partitions", "3"}});
  (void)campaign.engine().kill_now();
  std::string pipe = campaign.setup().data_dir + "-fiu";
  // A sanitizer's library wants to be the first of all.
  campaign.start({"LD_PRELOAD=" + (is_default_binary() ? ENGRAM_PRELOAD_FIRST : std::string()) + libraries,
                  "FIU_CTRL_FIFO=" + pipe});
  require_ready(campaign.engine());
  campaign.begin_load();
  pause_ms(200);
  REQUIRE(campaign.engine().running());
  enable_fault(pipe + "-" + std::to_string(campaign.engine().pid()),
               "enable name=posix/io/sync/fdatasync,failinfo=5\n");
  require_stopped_and_right(campaign);
}

TEST_CASE("A full volume refuses writes and goes on reading; with room again it goes on by itself") {
  TemporaryDirectory directory;
  SmallVolume volume(directory.path(), "size=24m");
  if (!volume.mounted()) return skip_case(SmallVolume::no_right);
  std::vector<std::string> flags{"--cluster-partitions", "2"};
  SECTION("the log is what does not fit") {
    flags.insert(flags.end(), {"--warm-write-back-after-ms", "1h"});
  }
  SECTION("log and warm store compete for the room") {}
  CrashCampaign campaign({5, 0, flags, directory / "data"});
  fill_make_room_and_kill(campaign, [&] { volume.resize("size=96m"); });
  campaign.start();
  require_ready(campaign.engine());
  REQUIRE(campaign.verify_and_settle());
  campaign.end_in_peace();
}

TEST_CASE("A killed engine starts on a full volume: its spare segments make room for what its log has to copy") {
  TemporaryDirectory directory;
  SmallVolume volume(directory.path(), "size=32m");
  if (!volume.mounted()) return skip_case(SmallVolume::no_right);
  CrashCampaign campaign({8, 0, {"--cluster-partitions", "2", "--warm-write-back-after-ms", "1h"}, directory / "data"});
  Filler filler(campaign);
  for (int i = 0; i < 4; ++i) REQUIRE(filler.put().ok());
  REQUIRE(comes_true([&] { return has_spare(directory.path()); }, 100));
  CHECK(campaign.engine().kill_now().signal == SIGKILL);
  fill_volume(directory / "ballast");
  campaign.start();
  require_ready(campaign.engine());
  std::filesystem::remove(directory / "ballast");
  REQUIRE(campaign.verify_and_settle());
  campaign.end_in_peace();
}

TEST_CASE("A warm store that may not grow refuses writes at last and goes on reading; with room it goes on by itself") {
  CrashCampaign campaign({6, 0, {"--cluster-partitions", "2", "--hot-bytes", "16MiB", "--warm-write-back-bytes", "1MiB"},
                          {}, 3 << 20});
  // Until its share of the memory is used up, a partition goes on: the log has everything.
  fill_make_room_and_kill(campaign, [&] { campaign.engine().lift_file_limit(); });
  CHECK_THAT(campaign.engine().output(),
             Catch::Contains("warm store cannot be written") && Catch::Contains("warm store can be written again"));
}
