#include "cluster/identity/feature_level.h"

#include <catch2/catch.hpp>

#include "tests/support/faulty_files.h"
#include "tests/support/memory_files.h"

using namespace engram;
using Catch::Contains;

namespace {

struct Setup {
  test::MemoryFiles disk;
  test::FaultyFiles files{disk};

  Setup() { (void)disk.make_directory("/data"); }
  std::unique_ptr<FeatureLevel> open() {
    auto level = FeatureLevel::open("/data", files);
    INFO(level.status().message());
    REQUIRE(level.ok());
    return std::move(*level);
  }
};

}  // namespace

TEST_CASE("a volume of the first version has level 1, and a raised one stays raised") {
  Setup setup;
  CHECK(setup.open()->in_force() == 1);
  CHECK_FALSE(setup.disk.exists("/data/LEVEL"));
  auto level = setup.open();
  CHECK(level->raise(2).ok());
  CHECK(level->in_force() == 2);
  CHECK(setup.open()->in_force() == 2);
}

TEST_CASE("the level never falls") {
  Setup setup;
  auto level = setup.open();
  CHECK(level->raise(2).ok());
  CHECK(level->raise(1).ok());
  CHECK(level->in_force() == 2);
  CHECK(setup.open()->in_force() == 2);
}

TEST_CASE("a level that this program does not know is neither taken over nor started with") {
  Setup setup;
  auto level = setup.open();
  Status raised = level->raise(newest_feature_level + 1);
  CHECK(raised.code() == Code::unsupported);
  CHECK(level->in_force() == 1);
  std::string text = format_feature_level(newest_feature_level + 1);
  setup.disk.set_content("/data/LEVEL", text);
  auto opened = FeatureLevel::open("/data", setup.files);
  CHECK(opened.status().code() == Code::unsupported);
  CHECK_THAT(opened.status().message(), Contains("finalized at the feature level 3") && Contains("not older"));
}

TEST_CASE("on a disk that cannot be written the old level holds") {
  Setup setup;
  auto level = setup.open();
  setup.files.faults().room_bytes = 0;
  CHECK(level->raise(2).code() == Code::disk_full);
  CHECK(level->in_force() == 1);
}

TEST_CASE("every damage of the file is found") {
  const std::string text = format_feature_level(2);
  CHECK(parse_feature_level(text, "LEVEL").value() == 2);
  for (std::size_t i = 0; i < text.size(); ++i) {
    std::string damaged = text;
    damaged[i] = static_cast<char>(damaged[i] ^ 1);
    CHECK_FALSE(parse_feature_level(damaged, "LEVEL").ok());
    CHECK_FALSE(parse_feature_level(text.substr(0, i), "LEVEL").ok());
  }
}
