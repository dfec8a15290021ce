#include <catch2/catch.hpp>
#include <set>

#include "storage/hot/hot_tier.h"
#include "storage/hot/vertex_head.h"
#include "tests/storage/hot/model.h"

namespace engram {
namespace {

using namespace test;

std::string key_of(std::uint64_t i) { return "key-" + std::to_string(i); }

void add(HotTier& tier, std::uint64_t i, SpaceId space = {0}) {
  HotVertex& vertex = tier.obtain({i});
  vertex.head = pack_head({space, key_of(i), 1, 1, 1, {}, {}});
  tier.index_key(space, key_of(i), {i});
  tier.account({i});
}

void add_edges(HotTier& tier, std::uint64_t i, std::size_t count) {
  HotVertex& vertex = tier.obtain({i});
  vertex.in = Adjacency::empty(Side::in);
  for (std::uint64_t n = 0; n < count; ++n) vertex.in.put({{{1}, {n}, 0}});
  vertex.in.take_changes([](const EdgeSlot&, BlobRef) {});
  tier.account({i});
}

constexpr std::size_t unlimited = std::size_t{1} << 40;

TEST_CASE("vertices are found by id and by key, as in maps") {
  for (std::uint64_t seed = 1; seed <= 30; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    HotTier tier(unlimited, seed);
    std::set<std::uint64_t> model;
    std::uint64_t ids = seed % 3 == 0 ? 20'000 : 300;
    for (std::uint64_t step = 0; step < ids * 3; ++step) {
      std::uint64_t i = below(random, ids);
      bool here = model.count(i) == 1;
      REQUIRE(tier.find_key({i % 3}, key_of(i)) == (here ? std::optional(LocalId{i}) : std::nullopt));
      REQUIRE((tier.peek({i}) != nullptr) == here);
      if (!here) {
        add(tier, i, {i % 3});
        model.insert(i);
      } else if (below(random, 2) == 0) {
        tier.unindex_key({i % 3}, key_of(i), {i});
        tier.erase({i});
        model.erase(i);
      }
    }
    REQUIRE(tier.vertices() == model.size());
    for (std::uint64_t i : model) REQUIRE(tier.find_key({i % 3}, key_of(i)) == LocalId{i});
    auto expected = model.begin();
    tier.for_each([&](LocalId id, HotVertex&) { REQUIRE(id.value == *expected++); });
    REQUIRE(expected == model.end());
    for (std::uint64_t i : model) {
      tier.unindex_key({i % 3}, key_of(i), {i});
      tier.erase({i});
    }
    REQUIRE(tier.vertices() == 0);
  }
}

TEST_CASE("the same key in two spaces is two vertices") {
  HotTier tier(unlimited);
  for (std::uint64_t space : {1, 2}) {
    tier.obtain({space}).head = pack_head({{space}, "same", 1, 1, 1, {}, {}});
    tier.index_key({space}, "same", {space});
  }
  CHECK(tier.find_key({1}, "same") == LocalId{1});
  CHECK(tier.find_key({2}, "same") == LocalId{2});
  CHECK(!tier.find_key({3}, "same").has_value());
}

TEST_CASE("the limit in bytes is kept, and keys of evicted vertices are not found") {
  HotTier tier(2'000'000);
  for (std::uint64_t i = 0; i < 50'000; ++i) {
    add(tier, i);
    tier.evict(4);
    REQUIRE(tier.bytes() < tier.limit_bytes() + 125'000);  // a slab of records, and a page of the id table, at most twice
  }
  CHECK(tier.evictions() > 20'000);
  CHECK(tier.evictions() + tier.vertices() == 50'000);
  for (std::uint64_t i = 0; i < 50'000; ++i)
    REQUIRE(tier.find_key({0}, key_of(i)).has_value() == (tier.peek({i}) != nullptr));
}

TEST_CASE("few large vertices behind many small ones keep to the limit, with what the small ones have left behind") {
  HotTier tier(4'000'000);
  std::size_t small = 0;
  for (; tier.bytes() < tier.limit_bytes(); ++small) add(tier, small);
  for (std::uint64_t i = 0; i < small; i += 200) tier.find({i});  // in use: no slab gets empty
  for (std::uint64_t i = small; i < small + 200; ++i) {
    add(tier, i);
    add_edges(tier, i, 4000);
    for (std::uint64_t used = 0; used < small; used += 200) tier.find({used});
    tier.evict(100'000);
  }
  std::size_t slabs = small * 80;
  std::size_t parts = 0;
  tier.for_each([&](LocalId, HotVertex& vertex) { parts += vertex.head.memory_bytes() + vertex.in.memory_bytes(); });
  CHECK(tier.peek({200}) != nullptr);
  CHECK(slabs + parts < tier.limit_bytes());
}

TEST_CASE("a scan does not flush what is in use") {
  HotTier tier(3'000'000);
  constexpr std::uint64_t hot = 2'000;
  for (std::uint64_t i = 0; i < hot; ++i) add(tier, i);
  std::uint64_t kept = 0;
  for (std::uint64_t i = hot; i < 200'000; ++i) {
    add(tier, i);                                  // touched once, never again
    tier.find({i % hot});                          // in use
    tier.evict(8);
  }
  for (std::uint64_t i = 0; i < hot; ++i) kept += tier.peek({i}) != nullptr ? 1 : 0;
  CHECK(tier.evictions() > 150'000);
  CHECK(kept > hot * 95 / 100);
}

TEST_CASE("dirty vertices and such in flight are not evicted") {
  HotTier tier(0);
  add(tier, 1);
  SECTION("head changed") { tier.obtain({1}).head_dirty = true; }
  SECTION("edges changed") {
    tier.obtain({1}).out = Adjacency::empty(Side::out);
    tier.obtain({1}).out.put({{{1}, {1}, 0}});
  }
  SECTION("on the dirty list") { tier.mark_dirty({1}); }
  SECTION("due") {
    tier.mark_dirty({1});
    tier.cut();
  }
  SECTION("in flight") {
    tier.mark_dirty({1});
    tier.cut();
    REQUIRE(tier.take_due({1}) != nullptr);
  }
  tier.evict(100);
  CHECK(tier.vertices() == 1);
}

TEST_CASE("a clean vertex goes after its second look at the latest") {
  HotTier tier(0);
  add(tier, 1);
  tier.find({1});
  CHECK(tier.evict(1) == 0);
  CHECK(tier.evict(1) == 1);
  CHECK(tier.evict(1) == 0);
}

std::vector<LocalId> cut(HotTier& tier) {
  std::vector<LocalId> due;
  tier.cut();
  while (auto id = tier.next_due()) due.push_back(*id);
  return due;
}

TEST_CASE("a cut names each dirty vertex once, in order, erased ones too") {
  HotTier tier(unlimited);
  for (std::uint64_t i : {7, 3, 9}) add(tier, i);
  for (std::uint64_t i : {7, 3, 7, 9, 3}) tier.mark_dirty({i});
  tier.erase({9});
  tier.mark_dirty({9});
  CHECK(cut(tier) == std::vector<LocalId>{{3}, {7}, {9}});
  CHECK(tier.take_due({3}) != nullptr);
  CHECK(tier.take_due({7}) != nullptr);
  CHECK(tier.take_due({9}) == nullptr);
  CHECK(cut(tier).empty());
  tier.mark_dirty({3});
  CHECK(cut(tier) == std::vector<LocalId>{{3}});
}

TEST_CASE("what is dirty when the cut is made is due until it is taken, what becomes dirty later is for the next") {
  HotTier tier(unlimited);
  for (std::uint64_t i : {1, 2, 3}) add(tier, i);
  tier.mark_dirty({1});
  tier.mark_dirty({2});
  tier.cut();
  tier.mark_dirty({3});
  CHECK(tier.take_due({3}) == nullptr);
  CHECK(tier.take_due({2}) != nullptr);  // about to change: taken before its turn
  tier.mark_dirty({2});
  CHECK(tier.take_due({2}) == nullptr);  // the change is not of this cut
  CHECK(tier.next_due() == LocalId{1});
  CHECK(tier.take_due({1}) != nullptr);
  CHECK(tier.next_due() == LocalId{2});
  CHECK(tier.next_due() == std::nullopt);
  CHECK(cut(tier) == std::vector<LocalId>{{2}, {3}});
}

TEST_CASE("what was taken and has landed may go") {
  HotTier tier(0);
  add(tier, 1);
  tier.mark_dirty({1});
  tier.cut();
  REQUIRE(tier.take_due({1}) != nullptr);
  tier.landed({1});
  tier.evict(10);
  CHECK(tier.vertices() == 0);
}

TEST_CASE("dirty bytes are those that are dirty, due and in flight") {
  HotTier tier(unlimited);
  add(tier, 1);
  add(tier, 2);
  add_edges(tier, 1, 1000);
  CHECK(tier.dirty_bytes() == 0);
  tier.mark_dirty({1});
  std::size_t listed = tier.dirty_bytes();
  CHECK(listed > 2000);
  tier.mark_dirty({1});
  CHECK(tier.dirty_bytes() == listed);
  tier.cut();
  CHECK(tier.dirty_bytes() == listed);
  CHECK(tier.take_due({1}) != nullptr);
  CHECK(tier.dirty_bytes() == listed);
  add_edges(tier, 1, 3000);
  CHECK(tier.dirty_bytes() > 2 * listed);
  tier.landed({1});
  CHECK(tier.dirty_bytes() == 0);
}

TEST_CASE("bytes go back when vertices go") {
  HotTier tier(unlimited);
  std::size_t empty = tier.bytes();
  for (std::uint64_t i = 0; i < 4096; ++i) {
    add(tier, i);
    add_edges(tier, i, 20);
  }
  CHECK(tier.bytes() > empty + 4096 * 150);
  CHECK(tier.bytes() < empty + 4096 * 300);
  for (std::uint64_t i = 0; i < 4096; ++i) {
    tier.unindex_key({0}, key_of(i), {i});
    tier.erase({i});
  }
  CHECK(tier.bytes() < empty + 4096 * 20);  // what is left is the key index
}

}  // namespace
}  // namespace engram
