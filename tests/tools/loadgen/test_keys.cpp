// Keys are drawn as asked: evenly, or by Zipf's law; and always the same ones for a seed.

#include "tools/loadgen/keys.h"

#include <algorithm>
#include <cmath>
#include <fstream>
#include <functional>
#include <set>
#include <vector>

#include <catch2/catch.hpp>

#include "tests/support/temporary_directory.h"

using namespace engram::loadgen;

namespace {

std::vector<int> draw_counts(KeyDraw& draw, std::uint64_t keys, int draws) {
  std::vector<int> counts(keys);
  for (int i = 0; i < draws; ++i) ++counts.at(draw.next());
  return counts;
}

}  // namespace

TEST_CASE("uniform draws reach every key about equally often") {
  KeyDraw draw(KeySpace::numbers(100), 0, 1);
  auto counts = draw_counts(draw, 100, 100'000);
  auto [least, most] = std::minmax_element(counts.begin(), counts.end());
  CHECK(*least > 850);
  CHECK(*most < 1150);
}

TEST_CASE("Zipf draws follow the law, for exponents below, at and above one") {
  double exponent = GENERATE(0.5, 0.99, 1.0, 1.5);
  CAPTURE(exponent);
  constexpr std::uint64_t keys = 1000;
  KeyDraw draw(KeySpace::numbers(keys), exponent, 3);
  auto counts = draw_counts(draw, keys, 400'000);
  std::sort(counts.begin(), counts.end(), std::greater<>());
  double sum = 0;
  for (std::uint64_t rank = 1; rank <= keys; ++rank) sum += std::pow(rank, -exponent);
  for (int rank : {1, 2, 5, 10}) {
    CAPTURE(rank);
    CHECK(counts[rank - 1] == Approx(400'000 * std::pow(rank, -exponent) / sum).epsilon(0.06));
  }
}

TEST_CASE("the popular keys of a Zipf draw are strewn over the space, and every rank has a key of its own") {
  constexpr std::uint64_t keys = 5000;
  KeyDraw draw(KeySpace::numbers(keys), 0.3, 3);
  auto counts = draw_counts(draw, keys, 400'000);
  auto reached = std::count_if(counts.begin(), counts.end(), [](int count) { return count > 0; });
  CHECK(reached == keys);
  KeyDraw steep(KeySpace::numbers(keys), 2.0, 3);
  auto steep_counts = draw_counts(steep, keys, 10'000);
  std::set<long> popular;
  for (std::uint64_t key = 0; key < keys; ++key) {
    if (steep_counts[key] > 100) popular.insert(static_cast<long>(key));
  }
  CHECK(popular.size() >= 5);
  CHECK(*popular.rbegin() - *popular.begin() > static_cast<long>(keys) / 4);
}

TEST_CASE("a seed gives the same keys again, another one others") {
  auto keys = KeySpace::numbers(1'000'000);
  KeyDraw first(keys, 0.99, 5), again(keys, 0.99, 5), other(keys, 0.99, 6);
  int same = 0;
  for (int i = 0; i < 100; ++i) {
    auto key = first.next();
    CHECK(again.next() == key);
    same += other.next() == key ? 1 : 0;
  }
  CHECK(same < 50);
}

TEST_CASE("one key, and the largest space") {
  KeyDraw one(KeySpace::numbers(1), 0.99, 1);
  CHECK(one.next() == 0);
  KeyDraw many(KeySpace::numbers(0xFFFFFFFF), 0.99, 1);
  std::uint64_t highest = 0;
  for (int i = 0; i < 1000; ++i) highest = std::max(highest, many.next());
  CHECK(highest < 0xFFFFFFFF);
  CHECK(highest > 0x80000000);
}

TEST_CASE("keys are numbers, or the lines of a file") {
  char buffer[24];
  CHECK(KeySpace::numbers(12'346).key(12'345, buffer) == "12345");
  engram::test::TemporaryDirectory folder;
  std::ofstream(folder / "keys") << "ATL\nLHR\r\n\nNRT";
  auto keys = KeySpace::from_file(folder / "keys");
  REQUIRE(keys.ok());
  CHECK(keys->size() == 3);
  CHECK(keys->key(1, buffer) == "LHR");
  CHECK(keys->key(2, buffer) == "NRT");

  std::ofstream(folder / "empty") << "\n";
  CHECK_FALSE(KeySpace::from_file(folder / "empty").ok());
  auto missing = KeySpace::from_file(folder / "missing");
  REQUIRE_FALSE(missing.ok());
  CHECK(missing.status().message().find("missing") != std::string::npos);
}
