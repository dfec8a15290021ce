#include <catch2/catch.hpp>

#include <map>
#include <set>

#include "storage/hot/vertex_pool.h"
#include "tests/storage/hot/model.h"

namespace engram {
namespace {

using namespace test;

constexpr std::uint64_t slab = 1024;  // records in one

TEST_CASE("records are found by id and number, and stay where they are, as in a map") {
  for (std::uint64_t seed = 1; seed <= 5; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    VertexPool pool;
    std::map<std::uint64_t, std::pair<RecordNumber, VertexRecord*>> model;
    std::set<RecordNumber> numbers;
    for (int step = 0; step < 60'000; ++step) {
      // Grows and shrinks in turn, so that slabs fill and empty.
      bool grow = step / 10'000 % 2 == 0;
      std::uint64_t id = below(random, 8000);
      auto found = model.find(id);
      REQUIRE(pool.number_of({id}) == (found == model.end() ? no_record : found->second.first));
      if (found == model.end() && (grow || below(random, 4) == 0)) {
        RecordNumber number = pool.add({id});
        REQUIRE(numbers.insert(number).second);
        model[id] = {number, &pool.record(number)};
      } else if (found != model.end() && (!grow || below(random, 4) == 0)) {
        REQUIRE(&pool.record(found->second.first) == found->second.second);
        REQUIRE(found->second.second->id == id);
        pool.remove({id});
        numbers.erase(found->second.first);
        model.erase(found);
      }
      REQUIRE(pool.records() == model.size());
    }
    for (const auto& [id, entry] : model) {
      REQUIRE(entry.second->id == id);
      pool.remove({id});
    }
    REQUIRE(pool.memory_bytes() < slab * sizeof(VertexRecord));
  }
}

TEST_CASE("a slab counts as long as one of its records is in use, and its memory is used again") {
  VertexPool pool;
  for (std::uint64_t id = 0; id < 10 * slab; ++id) pool.add({id});
  std::size_t full = pool.memory_bytes();
  CHECK(full > 10 * slab * sizeof(VertexRecord));
  for (std::uint64_t id = 0; id < 10 * slab; ++id)
    if (id % slab != 7) pool.remove({id});
  CHECK(pool.records() == 10);
  CHECK(pool.memory_bytes() > 10 * slab * sizeof(VertexRecord));
  for (std::uint64_t id = 0; id < 9 * slab; ++id) pool.add({100'000 + id});
  CHECK(pool.memory_bytes() < full + slab * sizeof(VertexRecord));
  for (std::uint64_t id = 0; id < 9 * slab; ++id) pool.remove({100'000 + id});
  for (std::uint64_t i = 0; i < 9; ++i) pool.remove({i * slab + 7});
  CHECK(pool.memory_bytes() < 2 * slab * sizeof(VertexRecord));
}

TEST_CASE("the number of a record that is gone with its slab leads to one without content") {
  VertexPool pool;
  RecordNumber number = pool.add({5});
  pool.remove({5});
  CHECK(!pool.record(number).vertex.head);
  CHECK(pool.record(number).newer == no_record);
  CHECK(pool.add({6}) == number);
  CHECK(pool.record(number).id == 6);
}

}  // namespace
}  // namespace engram
