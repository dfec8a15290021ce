// What traversals are built on: the set of visited ids, the sorting of ids, and the cutting into requests.

#include <unordered_set>

#include "actors/query/frontier.h"
#include "actors/query/id_set.h"
#include "tests/actors/query/query_script.h"

using namespace engram;
using namespace engram::test;

TEST_CASE("the set of ids knows what was inserted and not erased") {
  for (std::uint64_t seed = 1; seed <= 50; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    IdSet set(1 + below(random, 8));
    std::unordered_set<std::uint64_t> model;
    std::uint64_t range = 1 + below(random, 300);
    for (int step = 0; step < 2000; ++step) {
      std::uint64_t id = VertexId::of({static_cast<std::uint16_t>(below(random, 3))}, {below(random, range)}).value;
      if (one_in(random, 3)) {
        set.erase(id);
        model.erase(id);
      } else {
        REQUIRE(set.insert(id) == model.insert(id).second);
      }
      REQUIRE(set.size() == model.size());
      std::uint64_t other = VertexId::of({0}, {below(random, range)}).value;
      REQUIRE(set.contains(other) == model.contains(other));
    }
    for (std::uint64_t id : model) REQUIRE(set.contains(id));
  }
}

TEST_CASE("ids are sorted, few or many, of one partition or of all") {
  for (std::uint64_t seed = 1; seed <= 40; ++seed) {
    Random random(seed);
    std::vector<std::uint64_t> ids(below(random, 2000));
    std::uint64_t mask = ~std::uint64_t{0} >> below(random, 64);
    for (std::uint64_t& id : ids) id = random() & mask;
    std::vector<std::uint64_t> expected = ids;
    std::sort(expected.begin(), expected.end());
    sort_ids(ids);
    CHECK(ids == expected);
  }
}

TEST_CASE("a frontier is asked for in one part a partition and wave, whole and once") {
  std::vector<std::uint64_t> ids;
  for (std::uint64_t i = 0; i < 20'000; ++i) ids.push_back(VertexId::of({1}, {i}).value);
  for (std::uint64_t i = 0; i < 10; ++i) ids.push_back(VertexId::of({0}, {i}).value);
  Frontier frontier(ids);
  CHECK_FALSE(frontier.fits_one_wave());
  std::vector<std::uint64_t> asked;
  std::vector<std::size_t> parts;
  for (auto wave = frontier.next_wave(); !wave.empty(); wave = frontier.next_wave()) {
    parts.push_back(wave.size());
    for (const Frontier::Part& part : wave) {
      CHECK(part.ids.size() <= Frontier::max_request_vertices);
      CHECK(VertexId{part.ids.front()}.partition() == VertexId{part.ids.back()}.partition());
      CHECK(part.ids.front() == frontier.ids()[part.first]);
      asked.insert(asked.end(), part.ids.begin(), part.ids.end());
    }
  }
  CHECK(parts == std::vector<std::size_t>{2, 1, 1});
  sort_ids(asked);
  CHECK(asked == frontier.ids());
}
