// How many partitions there are, and what they may hold back in memory: as the container or the machine has room for.

#include <catch2/catch.hpp>

#include "cluster/node/node.h"
#include "tests/support/temporary_directory.h"

using namespace engram;

namespace {

constexpr std::size_t mebibyte = std::size_t{1} << 20;
constexpr std::size_t gibibyte = std::size_t{1} << 30;

PartitionLimits limits_with(std::size_t hot_bytes, std::uint32_t partitions) {
  Config config;
  config.hot.bytes = hot_bytes;
  return partition_limits(config, partitions);
}

}  // namespace

TEST_CASE("few partitions with much memory write back in batches as large as is set") {
  PartitionLimits limits = limits_with(12 * gibibyte, 2);
  CHECK(limits.write_back_bytes == 64 * mebibyte);
  CHECK(limits.max_dirty_bytes == 3 * gibibyte);
  CHECK(limits_with(gibibyte, 2).write_back_bytes == 64 * mebibyte);
}

TEST_CASE("many partitions with little memory keep to it together") {
  PartitionLimits limits = limits_with(gibibyte, 64);
  CHECK(limits.write_back_bytes == 2 * mebibyte);
  CHECK(64 * limits.max_dirty_bytes <= gibibyte / 2);
}

TEST_CASE("a batch never gets so small that it is not worth a transaction") {
  PartitionLimits limits = limits_with(mebibyte, 4);
  CHECK(limits.write_back_bytes == mebibyte);
  CHECK(limits.max_dirty_bytes == 4 * mebibyte);
}

TEST_CASE("a new data directory has as many partitions as the container has cores, whatever its host has") {
  test::TemporaryDirectory directory;
  ConfigSources sources;
  sources.machine = {3, gibibyte};
  sources.flags = {{"data.dir", directory.path()}, {"listen.address", "none"}, {"operations.address", "none"}};
  LoadedConfig loaded = load_config(sources).value();
  SystemClock clock;
  {
    Node node(loaded, clock);
    REQUIRE(node.start().ok());
    CHECK(node.gateway_services().engine->partitions() == 3);
    CHECK(node.stop().ok());
  }
  loaded.machine.cores = 5;  // moved to another machine: the directory knows how many it has
  Node node(loaded, clock);
  REQUIRE(node.start().ok());
  CHECK(node.gateway_services().engine->partitions() == 3);
  CHECK(node.stop().ok());
}

TEST_CASE("a lower setting counts") {
  Config config;
  config.hot.bytes = gibibyte;
  config.warm.write_back_bytes = 3 * mebibyte;
  CHECK(partition_limits(config, 2).write_back_bytes == 3 * mebibyte);
}
