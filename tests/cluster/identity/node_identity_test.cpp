#include "cluster/identity/node_identity.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include <filesystem>
#include <thread>

#include "storage/files/posix_files.h"
#include "tests/support/faulty_files.h"
#include "tests/support/manual_clock.h"
#include "tests/support/memory_files.h"
#include "tests/support/seeded_random.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/text_file.h"

using namespace engram;
using Catch::Contains;

namespace {

struct Setup {
  test::TemporaryDirectory directory;
  std::string data_dir = directory / "deep/data";
  PosixFiles files;
  test::SeededRandom random{7};
  test::ManualClock clock;

  Result<NodeDirectory> open(std::uint32_t ordinal = 0, std::uint32_t partitions = 0) {
    return NodeDirectory::open({data_dir, ordinal, partitions, 4}, files, random, clock);
  }
  [[nodiscard]] std::string node_file() const { return data_dir + "/NODE"; }
};

Status status_of(const Result<NodeDirectory>& result) {
  REQUIRE_FALSE(result.ok());
  return result.status();
}

}  // namespace

TEST_CASE("a new directory gets an identity that stays") {
  Setup setup;
  NodeIdentity first;
  {
    Result<NodeDirectory> made = setup.open(3);
    REQUIRE(made.ok());
    CHECK(made->created());
    first = made->identity();
    CHECK(first.ordinal == 3);
    CHECK(first.partitions == 4);
    CHECK(first.created_ns == setup.clock.wall_ns());
    CHECK(first.log_id != 0);
    CHECK(first.cluster_id != first.disk_id);
  }
  Result<NodeDirectory> again = setup.open(3);
  REQUIRE(again.ok());
  CHECK_FALSE(again->created());
  CHECK(again->identity() == first);
  CHECK_FALSE(setup.files.exists(setup.data_dir + "/NODE.tmp"));
}

TEST_CASE("two directories never get the same identity") {
  SystemRandom random;
  test::MemoryFiles files;
  test::ManualClock clock;
  Result<NodeDirectory> left = NodeDirectory::open({"/left"}, files, random, clock);
  Result<NodeDirectory> right = NodeDirectory::open({"/right"}, files, random, clock);
  REQUIRE(left.ok());
  REQUIRE(right.ok());
  CHECK(left->identity().cluster_id != right->identity().cluster_id);
  CHECK(left->identity().disk_id != right->identity().disk_id);
  CHECK(left->identity().log_id != right->identity().log_id);
}

TEST_CASE("a directory in use is refused, and the message names the process") {
  Setup setup;
  Result<NodeDirectory> first = setup.open();
  REQUIRE(first.ok());
  Status refused = status_of(setup.open());
  CHECK(refused.code() == Code::unavailable);
  CHECK_THAT(refused.message(),
             Contains(setup.data_dir) && Contains("in use by process " + std::to_string(::getpid())));
  CHECK(status_of(NodeDirectory::open_existing(setup.data_dir, setup.files)).code() == Code::unavailable);
}

TEST_CASE("the lock ends with the process, however that ends") {
  Setup setup;
  REQUIRE(setup.open().ok());
  pid_t child = ::fork();
  if (child == 0) {
    Result<NodeDirectory> held = setup.open();
    ::kill(::getpid(), held.ok() ? SIGKILL : SIGTERM);
  }
  int ended = 0;
  ::waitpid(child, &ended, 0);
  REQUIRE(WTERMSIG(ended) == SIGKILL);
  CHECK(setup.open().ok());
}

TEST_CASE("of many that make a directory at the same time, one wins") {
  for (int round = 0; round < 20; ++round) {
    Setup setup;
    std::atomic<int> winners{0}, others{0};
    std::vector<NodeDirectory> held;
    std::mutex mutex;
    std::vector<std::thread> threads;
    for (int i = 0; i < 4; ++i)
      threads.emplace_back([&, i] {
        test::SeededRandom random(static_cast<std::uint64_t>(i));
        Result<NodeDirectory> mine = NodeDirectory::open({setup.data_dir}, setup.files, random, setup.clock);
        (mine.ok() ? winners : others)++;
        std::lock_guard guard(mutex);
        if (mine.ok()) held.push_back(std::move(mine).value());
      });
    for (std::thread& thread : threads) thread.join();
    CHECK(winners == 1);
    CHECK(others == 3);
    REQUIRE(held.size() == 1);
    CHECK(parse_identity(test::read_text(setup.node_file()), "NODE").value() == held[0].identity());
  }
}

TEST_CASE("ordinal and number of partitions are fixed when the directory is made") {
  Setup setup;
  REQUIRE(setup.open(1, 8).ok());
  Status other_ordinal = status_of(setup.open(2, 8));
  CHECK(other_ordinal.field() == "node.ordinal");
  CHECK_THAT(other_ordinal.message(), Contains("made with ordinal 1, but node.ordinal = 2"));
  Status other_partitions = status_of(setup.open(1, 16));
  CHECK(other_partitions.field() == "cluster.partitions");
  CHECK_THAT(other_partitions.message(), Contains("made with partitions 8, but cluster.partitions = 16"));
  // 0 means: as it is. The default for new directories (4 here) does not matter any more.
  REQUIRE(setup.open(1, 0).ok());
  CHECK(setup.open(1, 0)->identity().partitions == 8);
}

TEST_CASE("a newer format is refused before anything else is looked at") {
  NodeIdentity newer;
  newer.format_version = NodeIdentity::current_format_version + 1;
  newer.partitions = 0;
  Result<NodeIdentity> parsed = parse_identity(format_identity(newer), "/data/NODE");
  CHECK(parsed.status().code() == Code::unsupported);
  CHECK_THAT(parsed.status().message(), Contains("format version 3") && Contains("up to 2"));
}

TEST_CASE("every flipped bit and every cut of a NODE file is found") {
  NodeIdentity identity;
  identity.log_id = 5;
  const std::string text = format_identity(identity);
  REQUIRE(parse_identity(text, "NODE").value() == identity);
  for (std::size_t size = 0; size < text.size(); ++size)
    CHECK(parse_identity(text.substr(0, size), "NODE").status().code() == Code::corrupt);
  for (std::size_t bit = 0; bit < text.size() * 8; ++bit) {
    std::string damaged = text;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    CHECK(parse_identity(damaged, "NODE").status().code() == Code::corrupt);
  }
  CHECK(parse_identity(text + text, "NODE").status().code() == Code::corrupt);
}

TEST_CASE("data without a NODE file is not taken over") {
  Setup setup;
  REQUIRE(setup.open().ok());
  std::filesystem::remove(setup.node_file());
  std::filesystem::create_directory(setup.data_dir + "/lost+found");
  CHECK(setup.open().ok());

  std::filesystem::remove(setup.node_file());
  std::filesystem::create_directory(setup.data_dir + "/warm");
  Status refused = status_of(setup.open());
  CHECK(refused.code() == Code::corrupt);
  CHECK_THAT(refused.message(), Contains("holds data (warm) but no NODE file"));
}

TEST_CASE("an offline tool opens what is there and makes nothing") {
  Setup setup;
  CHECK_THAT(status_of(NodeDirectory::open_existing(setup.data_dir, setup.files)).message(),
             Contains("no data directory"));
  CHECK_FALSE(setup.files.exists(setup.data_dir));
  REQUIRE(setup.open(5).ok());
  CHECK(NodeDirectory::open_existing(setup.data_dir, setup.files)->identity().ordinal == 5);
}

TEST_CASE("a volume that cannot be written is an error that says so") {
  Setup setup;
  test::FaultyFiles faulty(setup.files);
  faulty.faults().read_only = true;
  Result<NodeDirectory> opened = NodeDirectory::open({setup.data_dir}, faulty, setup.random, setup.clock);
  CHECK(status_of(opened).code() == Code::unavailable);
  CHECK_THAT(opened.status().message(), Contains("read-only"));
}

TEST_CASE("a full disk makes no identity, and the next start does") {
  Setup setup;
  test::FaultyFiles faulty(setup.files);
  faulty.faults().room_bytes = 10;
  CHECK(status_of(NodeDirectory::open({setup.data_dir}, faulty, setup.random, setup.clock)).code() == Code::disk_full);
  CHECK_FALSE(setup.files.exists(setup.node_file()));
  CHECK(setup.open()->created());
}

TEST_CASE("power cut while the directory is made: it is there whole, or not at all") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    test::MemoryFiles disk;
    test::FaultyFiles faulty(disk);
    test::SeededRandom random(seed);
    test::ManualClock clock;
    faulty.faults().operations_before_crash = seed % 10;
    bool told = NodeDirectory::open({"/data"}, faulty, random, clock).ok();
    disk.cut_power(seed);
    Result<NodeDirectory> after = NodeDirectory::open({"/data"}, disk, random, clock);
    INFO(after.status().message());
    REQUIRE(after.ok());
    if (told) CHECK_FALSE(after->created());
  }
}
