// Bringing partitions to the end of the log.

#include "cluster/node/replay.h"

#include "tests/support/data_directory.h"
#include "tests/support/skip.h"
#include "tests/support/small_volume.h"

using namespace engram;
using namespace engram::test;

namespace {

struct Start {
  std::vector<std::unique_ptr<WarmStore>> stores;
  std::vector<std::unique_ptr<PartitionCore>> cores;
  std::vector<Replayed> partitions;
  std::size_t most_dirty_bytes = 0;
  std::uint64_t records = 0;
};

/// As the engine starts, with a limit on what is dirty.
Start start(DataDirectory& data, std::size_t write_back_bytes) {
  Start start;
  for (std::uint16_t i = 0; i < DataDirectory::partitions; ++i) {
    start.stores.push_back(data.open_store({i}, false));
    start.cores.push_back(std::make_unique<PartitionCore>(
        CoreOptions{.self = {i}, .partitions = DataDirectory::partitions}));
    expect(start.cores[i]->open(start.stores[i].get()));
    start.partitions.push_back({start.cores[i].get(), start.stores[i].get(), write_back_bytes, {}, {}});
  }
  auto replayed = replay_log(data.files, {data.path(), data.log_id(), {}}, start.partitions);
  expect(replayed.status());
  start.records = *replayed;
  for (auto& core : start.cores)
    start.most_dirty_bytes = std::max(start.most_dirty_bytes, core->graph().hot().dirty_bytes());
  return start;
}

void put_many(DataDirectory& data, int first, int count) {
  for (int i = first; i < first + count; ++i) {
    data.put("v" + std::to_string(i), "Person", i);
    data.link("v" + std::to_string(i), "v" + std::to_string(i * 7 % (i + 1)));
  }
}

std::uint64_t vertices(Start& start) {
  std::uint64_t sum = 0;
  for (auto& core : start.cores) sum += core->graph().postings().count(SpaceId{0}, Postings::all);
  return sum;
}

Lsn stored(const Start& start, std::size_t partition) { return WarmStore::View(*start.stores[partition]).applied_lsn(); }

}  // namespace

TEST_CASE("a replay writes back as it goes: its memory does not grow with the log") {
  DataDirectory data;
  put_many(data, 0, 2000);
  data.lose_commands();
  constexpr std::size_t limit = 32 << 10;
  {
    Start first = start(data, limit);
    CHECK(vertices(first) == 2000);
    CHECK(first.most_dirty_bytes < 2 * limit);
    for (std::size_t i = 0; i < first.cores.size(); ++i) {
      CHECK(stored(first, i) > Lsn{first.cores[i]->applied().value * 8 / 10});
      CHECK(stored(first, i) <= first.cores[i]->applied());
    }
  }
  Start second = start(data, limit);  // killed before it wrote the rest
  CHECK(vertices(second) == 2000);
  CHECK(second.records < 1500);
}

TEST_CASE("a replay onto a full disk goes on in memory, and keeps what it could not write") {
  DataDirectory data;
  put_many(data, 0, 2000);
  data.write_back();
  put_many(data, 2000, 3000);
  data.lose_commands();
  SmallVolume volume(data.path() + "/warm", "size=1m");
  if (!volume.mounted()) return skip_case(SmallVolume::no_right);
  // The stores lie on a volume without room for what the log has; they are new there, and the log is whole.
  Start replayed = start(data, 32 << 10);
  CHECK(vertices(replayed) == 5000);
  bool kept = false;
  for (Replayed& partition : replayed.partitions) {
    if (partition.unwritten.empty()) continue;
    kept = true;
    volume.resize("size=64m");
    WarmStore& store = *partition.store;
    expect(store.write_sorted(partition.unwritten, partition.cut));
    CHECK(WarmStore::View(store).applied_lsn() == partition.cut);
  }
  CHECK(kept);
}
