#include "cluster/identity/start_count.h"

#include <catch2/catch.hpp>

#include "cluster/identity/node_identity.h"
#include "tests/support/faulty_files.h"
#include "tests/support/manual_clock.h"
#include "tests/support/memory_files.h"
#include "tests/support/seeded_random.h"

using namespace engram;
using Catch::Contains;

namespace {

struct Setup {
  test::MemoryFiles disk;
  test::FaultyFiles files{disk};
  test::SeededRandom random{7};
  test::ManualClock clock;

  Setup() { (void)disk.make_directory("/data"); }
  Result<NodeDirectory> open() {
    IdentityOptions options;
    options.data_dir = "/data";
    return NodeDirectory::open(options, files, random, clock);
  }
  std::uint64_t start() {
    Result<std::uint64_t> starts = raise_start_count("/data", files);
    INFO(starts.status().message());
    REQUIRE(starts.ok());
    return *starts;
  }
};

}  // namespace

TEST_CASE("every start has a number of its own, one more than the last") {
  Setup setup;
  for (std::uint64_t start = 1; start <= 12; ++start) {
    Result<NodeDirectory> directory = setup.open();
    REQUIRE(directory.ok());
    CHECK(directory->count_start(setup.files).value() == start);
  }
  CHECK_FALSE(setup.disk.exists("/data/STARTS.tmp"));
}

TEST_CASE("opening a directory counts nothing: offline tools do that too") {
  Setup setup;
  REQUIRE(setup.open()->count_start(setup.files).ok());
  std::string before = setup.disk.content("/data/STARTS");
  CHECK(setup.open().ok());
  CHECK(NodeDirectory::open_existing("/data", setup.files).ok());
  CHECK(setup.disk.content("/data/STARTS") == before);
}

TEST_CASE("the number is read back from its text, and every damage of it is found") {
  for (std::uint64_t starts : {0ull, 1ull, 4711ull, 18446744073709551614ull})
    CHECK(parse_start_count(format_start_count(starts), "STARTS").value() == starts);
  const std::string text = format_start_count(41);
  CHECK(text.size() == format_start_count(18446744073709551614ull).size());
  for (std::size_t size = 0; size < text.size(); ++size)
    CHECK(parse_start_count(text.substr(0, size), "STARTS").status().code() == Code::corrupt);
  for (std::size_t bit = 0; bit < text.size() * 8; ++bit) {
    std::string damaged = text;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    CHECK(parse_start_count(damaged, "STARTS").status().code() == Code::corrupt);
  }
  // A number that has no next one would begin anew.
  CHECK(parse_start_count(format_start_count(18446744073709551615ull), "STARTS").status().code() == Code::corrupt);
}

TEST_CASE("a damaged count stops the start and says what to do; a missing one is none") {
  Setup setup;
  CHECK(setup.start() == 1);
  setup.disk.set_content("/data/STARTS", "nonsense");
  Status damaged = raise_start_count("/data", setup.files).status();
  CHECK(damaged.code() == Code::corrupt);
  CHECK_THAT(damaged.message(), Contains("/data/STARTS is damaged") && Contains("remove this file") &&
                                    Contains("engram cluster forget-volume <ordinal>"));
  CHECK(setup.disk.content("/data/STARTS") == "nonsense");
  REQUIRE(setup.disk.remove("/data/STARTS").ok());
  CHECK(setup.start() == 1);
}

TEST_CASE("a start on a full volume is counted in place, so that it can make room") {
  Setup setup;
  CHECK(setup.start() == 1);
  setup.files.faults().room_bytes = 0;
  CHECK(setup.start() == 2);
  CHECK(setup.start() == 3);
  setup.files.faults().room_bytes = test::Faults::never;
  CHECK(setup.start() == 4);
  CHECK(setup.disk.content("/data/STARTS") == format_start_count(4));
}

TEST_CASE("what the disk refuses is an error") {
  Setup setup;
  SECTION("no room for the first one") {
    setup.files.faults().room_bytes = 0;
    CHECK(raise_start_count("/data", setup.files).status().code() == Code::disk_full);
  }
  SECTION("a sync that fails") {
    setup.files.faults().syncs_before_error = 0;
    CHECK(raise_start_count("/data", setup.files).status().code() == Code::internal);
    setup.files.faults().syncs_before_error = test::Faults::never;
  }
  SECTION("a volume that may not be written") {
    CHECK(setup.start() == 1);
    setup.files.faults().read_only = true;
    CHECK(raise_start_count("/data", setup.files).status().code() == Code::unavailable);
    setup.files.faults().read_only = false;
    CHECK(setup.start() == 2);
  }
}

TEST_CASE("power cut while a start is counted: no number is given twice, and the file is whole") {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    CAPTURE(seed);
    Setup setup;
    if (seed % 2 == 0) CHECK(setup.start() == 1);
    std::uint64_t given = seed % 2 == 0 ? 1 : 0;
    setup.files.faults().operations = 0;
    setup.files.faults().operations_before_crash = seed / 2 % 20;
    for (int starts = 0; starts < 4; ++starts)
      if (Result<std::uint64_t> mine = raise_start_count("/data", setup.files); mine.ok()) given = *mine;
    setup.disk.cut_power(seed);
    Result<std::uint64_t> after = raise_start_count("/data", setup.disk);
    INFO(after.status().message());
    REQUIRE(after.ok());
    CHECK(*after > given);
  }
}
