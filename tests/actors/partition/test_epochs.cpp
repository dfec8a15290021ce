// Under which ownership a warm store was written: an older owner must not go on with it.

#include "actors/partition/core/partition_core.h"
#include "tests/storage/warm/warm_script.h"

using namespace engram;
using namespace engram::test;

namespace {

CoreOptions owned_under(std::uint32_t epoch) {
  CoreOptions options;
  options.epoch = epoch;
  return options;
}

}  // namespace

TEST_CASE("a warm store that a later owner wrote is refused; the same and a later one go on with it") {
  TemporaryDirectory directory;
  auto store = open_store({directory.path()});
  PartitionCore second(owned_under(2));
  REQUIRE(second.open(store.get()).ok());
  write(*store, 1, second.take_all());

  PartitionCore first(owned_under(1));
  Status refused = first.open(store.get());
  CHECK(refused.code() == Code::precondition_failed);
  CHECK_THAT(refused.message(), Catch::Contains("ownership 2"));
  for (std::uint32_t epoch : {2, 3}) {
    PartitionCore later(owned_under(epoch));
    CHECK(later.open(store.get()).ok());
  }
}

TEST_CASE("a warm store without an epoch is one of the first ownership") {
  TemporaryDirectory directory;
  auto store = open_store({directory.path()});
  PartitionCore core(owned_under(1));
  REQUIRE(core.open(store.get()).ok());
  write(*store, 1, core.take_all());
  write(*store, 2, {erase(WarmTable::meta, "epoch")});
  PartitionCore again(owned_under(1));
  CHECK(again.open(store.get()).ok());
}
