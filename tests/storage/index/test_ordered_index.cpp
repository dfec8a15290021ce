#include <map>
#include <random>
#include <set>

#include "storage/index/ordered_index.h"
#include "tests/storage/warm/warm_script.h"

using namespace engram;
using namespace engram::test;

namespace {

using Entry = std::pair<std::string, std::uint64_t>;
using Entries = std::vector<Entry>;

Entries scan(const OrderedIndex& index, const WarmStore& store, std::uint32_t number, std::string_view from = {},
             std::size_t limit = 1000000, std::uint64_t from_id = 0) {
  Entries found;
  WarmStore::View view(store);
  Status status = index.scan(view, {number}, as_bytes(from), {from_id}, [&](Bytes sort_key, LocalId id) {
    found.emplace_back(as_text(sort_key), id.value);
    return found.size() < limit;
  });
  REQUIRE(status.ok());
  return found;
}

void insert(OrderedIndex& index, std::uint32_t number, std::string_view key, std::uint64_t id) {
  index.insert({number}, as_bytes(key), {id});
}
void erase(OrderedIndex& index, std::uint32_t number, std::string_view key, std::uint64_t id) {
  index.erase({number}, as_bytes(key), {id});
}

void write_back(OrderedIndex& index, WarmStore& store, std::uint64_t lsn) {
  std::vector<WarmChange> changes;
  index.take_changes(changes);
  write(store, lsn, std::move(changes));
  index.committed();
}

}  // namespace

TEST_CASE("entries come in the order of sort key and id, wherever they are kept") {
  TemporaryDirectory directory;
  auto store = open_store({directory.path()});
  OrderedIndex index;
  insert(index, 1, "b", 1);
  insert(index, 1, "d", 1);
  insert(index, 2, "a", 9);
  write_back(index, *store, 1);  // in the store: b1 d1
  insert(index, 1, "a", 1);
  insert(index, 1, "c", 300);
  erase(index, 1, "d", 1);
  std::vector<WarmChange> in_flight;
  index.take_changes(in_flight);  // in flight: +a1 +c300 -d1
  insert(index, 1, "c", 2);
  insert(index, 1, "e", 1);
  erase(index, 1, "a", 1);        // recent: +c2 +e1 -a1
  erase(index, 1, "b", 77);       // never was there

  const Entries expected{{"b", 1}, {"c", 2}, {"c", 300}, {"e", 1}};
  CHECK(scan(index, *store, 1) == expected);
  CHECK(scan(index, *store, 1, "c") == Entries{{"c", 2}, {"c", 300}, {"e", 1}});
  CHECK(scan(index, *store, 1, "bb", 1) == Entries{{"c", 2}});
  CHECK(scan(index, *store, 1, "", 3) == Entries{{"b", 1}, {"c", 2}, {"c", 300}});
  CHECK(scan(index, *store, 1, "c", 1000, 3) == Entries{{"c", 300}, {"e", 1}});
  CHECK(scan(index, *store, 1, "c", 1000, ~std::uint64_t{0}) == Entries{{"e", 1}});
  CHECK(scan(index, *store, 2) == Entries{{"a", 9}});
  CHECK(scan(index, *store, 3).empty());

  write(*store, 2, in_flight);
  CHECK(scan(index, *store, 1) == expected);  // committed, but not yet known to be
  index.committed();
  CHECK(scan(index, *store, 1) == expected);
  write_back(index, *store, 3);
  CHECK(scan(index, *store, 1) == expected);
  CHECK(index.bytes() == 0);
  CHECK(scan(OrderedIndex(), *store, 1) == expected);
}

TEST_CASE("an entry that is erased and inserted again while a write-back is under way stays") {
  TemporaryDirectory directory;
  auto store = open_store({directory.path()});
  OrderedIndex index;
  insert(index, 1, "k", 1);
  write_back(index, *store, 1);
  erase(index, 1, "k", 1);
  std::vector<WarmChange> in_flight;
  index.take_changes(in_flight);
  insert(index, 1, "k", 1);
  CHECK(scan(index, *store, 1) == Entries{{"k", 1}});
  write(*store, 2, in_flight);
  index.committed();
  CHECK(scan(index, *store, 1) == Entries{{"k", 1}});
  write_back(index, *store, 3);
  CHECK(scan(index, *store, 1) == Entries{{"k", 1}});
}

TEST_CASE("sort keys that are too long for the store are clipped, the same way everywhere") {
  TemporaryDirectory directory;
  auto store = open_store({directory.path()});
  OrderedIndex index;
  const std::string key(2000, 'k');
  insert(index, 1, key + "1", 1);
  insert(index, 1, key + "2", 2);
  insert(index, 1, key, 3);
  write_back(index, *store, 1);
  const std::string clipped(OrderedIndex::max_sort_key_bytes, 'k');
  CHECK(scan(index, *store, 1, key + "2") == Entries{{clipped, 1}, {clipped, 2}, {clipped, 3}});
  erase(index, 1, key + "2", 2);
  CHECK(scan(index, *store, 1) == Entries{{clipped, 1}, {clipped, 3}});
}

TEST_CASE("an index is dropped in bounded steps, with write-backs in between, and others stay") {
  TemporaryDirectory directory;
  auto store = open_store({directory.path()});
  OrderedIndex index;
  for (std::uint64_t id = 0; id < 1000; ++id) {
    insert(index, 1, std::to_string(id % 10), id);
    insert(index, 2, "kept", id);
  }
  write_back(index, *store, 1);
  for (std::uint64_t id = 1000; id < 1200; ++id) insert(index, 1, "recent", id);
  int steps = 0;
  for (bool done = false; !done; ++steps) {
    REQUIRE(steps < 100);
    std::size_t before = scan(index, *store, 1).size();
    auto dropped = index.drop(WarmStore::View(*store), {1}, 64);
    REQUIRE(dropped.ok());
    done = dropped->done;
    CHECK(before - scan(index, *store, 1).size() <= 64);
    if (steps % 3 == 0) write_back(index, *store, 2);
  }
  CHECK(steps == 19);
  write_back(index, *store, 3);
  CHECK(scan(OrderedIndex(), *store, 1).empty());
  CHECK(scan(OrderedIndex(), *store, 2).size() == 1000);
  CHECK(index.drop(WarmStore::View(*store), {1}, 64)->done);
}

TEST_CASE("a step of a drop goes on behind the last entry erased, also within one value") {
  TemporaryDirectory directory;
  auto store = open_store({directory.path()});
  OrderedIndex index;
  for (std::uint64_t id = 1; id <= 100; ++id) insert(index, 1, "yes", id);
  auto step = [&] { return index.drop(WarmStore::View(*store), {1}, 10)->done; };
  CHECK(!step());
  insert(index, 1, "yes", 0);  // nobody does this with a dropped index: it shows where the next steps look
  while (!step()) {}
  CHECK(scan(index, *store, 1) == Entries{{"yes", 0}});
}

TEST_CASE("a drop goes on past damaged entries, erases them, and tells of the first") {
  TemporaryDirectory directory;
  std::string damaged("\0\0\0\1k\0\0\0\0\0\0\0\3", 13);
  {
    auto store = open_store({directory.path()});
    OrderedIndex index;
    for (std::uint64_t id = 0; id < 8; ++id) insert(index, 1, "k", id);
    write_back(index, *store, 1);
    write(*store, 2, {put(WarmTable::ordered, std::string("\0\0\0\1short", 9), "")});
  }
  RawStore(directory.path()).store("ordered", damaged, "none");
  auto store = open_store({directory.path()});
  OrderedIndex index;
  auto step = [&] { return index.drop(WarmStore::View(*store), {1}, 5).value(); };
  CHECK(index.scan(WarmStore::View(*store), {1}, {}, {}, [](Bytes, LocalId) { return true; }).code() == Code::corrupt);
  auto first = step();
  CHECK(!first.done);
  CHECK(first.damage.code() == Code::corrupt);
  auto second = step();
  CHECK(second.done);
  CHECK(second.damage.code() == Code::corrupt);
  write_back(index, *store, 3);
  CHECK(WarmStore::View(*store).entries(WarmTable::ordered) == 0);
}

TEST_CASE("an entry too short to hold an id is an error") {
  TemporaryDirectory directory;
  auto store = open_store({directory.path()});
  write(*store, 1, {put(WarmTable::ordered, std::string("\0\0\0\1short", 9), "")});
  OrderedIndex index;
  WarmStore::View view(*store);
  CHECK(index.scan(view, {1}, {}, {}, [](Bytes, LocalId) { return true; }).code() == Code::corrupt);
}

TEST_CASE("the ordered index agrees with sets, whatever the order of changes, write-backs and reopens") {
  for (unsigned seed = 1; seed <= 60; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random(seed);
    TemporaryDirectory directory;
    auto store = open_store({directory.path(), std::size_t{1} << 20});
    auto index = std::make_unique<OrderedIndex>();
    std::map<std::uint32_t, std::set<Entry>> model;
    std::optional<std::vector<WarmChange>> in_flight;
    auto commit = [&](std::uint64_t lsn) {
      write(*store, lsn, *in_flight);
      if (random() % 2 == 0) CHECK(scan(*index, *store, 1) == Entries(model[1].begin(), model[1].end()));
      index->committed();
      in_flight.reset();
    };
    auto take = [&] { index->take_changes(in_flight.emplace()); };
    for (std::uint64_t step = 1; step <= 60; ++step) {
      for (int i = 0; i < 20; ++i) {
        auto number = static_cast<std::uint32_t>(random() % 3);
        Entry entry{std::string(1 + random() % 3, static_cast<char>('a' + random() % 6)) + '\0', random() % 5};
        if (random() % 2 == 0) {
          insert(*index, number, entry.first, entry.second);
          model[number].insert(entry);
        } else {
          erase(*index, number, entry.first, entry.second);
          model[number].erase(entry);
        }
      }
      switch (random() % 5) {
        case 0:
          if (!in_flight) take();
          break;
        case 1:
          if (in_flight) commit(step);
          break;
        case 2:
          if (in_flight) commit(step);
          take();
          commit(step);
          index = std::make_unique<OrderedIndex>();
          break;
        default: break;
      }
      for (std::uint32_t number = 0; number < 3; ++number) {
        const auto& expected = model[number];
        REQUIRE(scan(*index, *store, number) == Entries(expected.begin(), expected.end()));
        std::string from(1, static_cast<char>('a' + random() % 7));
        REQUIRE(scan(*index, *store, number, from) == Entries(expected.lower_bound({from, 0}), expected.end()));
      }
    }
  }
}
