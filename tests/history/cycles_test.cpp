// Cycles of the order graph are found, also long ones, and named.

#include <catch2/catch.hpp>

#include "tests/history/cycles.h"

using namespace engram::history;

TEST_CASE("an order without a cycle has none, with one each knot has one") {
  OrderGraph graph;
  graph.add(0, 1, Why::ww);
  graph.add(1, 2, Why::wr);
  graph.add(0, 2, Why::rw);
  graph.add(2, 2, Why::rw);  // before itself: no statement
  CHECK(graph.cycles().empty());
  graph.add(2, 0, Why::rw);
  graph.add(2, 5, Why::time);
  graph.add(5, 6, Why::ww);
  graph.add(6, 5, Why::ww);
  auto cycles = graph.cycles();
  REQUIRE(cycles.size() == 2);
  CHECK(cycles[0].size() == 2);
  CHECK(cycles[1].size() == 2);
}

TEST_CASE("a cycle is named by what is in it") {
  auto name = [](std::vector<Why> steps) {
    OrderGraph graph;
    for (std::size_t i = 0; i < steps.size(); ++i) graph.add(i, (i + 1) % steps.size(), steps[i]);
    auto cycles = graph.cycles();
    REQUIRE(cycles.size() == 1);
    CHECK(cycles[0].size() == steps.size());
    return name_of(cycles[0]);
  };
  CHECK(name({Why::ww, Why::ww}) == "G0");
  CHECK(name({Why::ww, Why::wr, Why::wr}) == "G1c");
  CHECK(name({Why::ww, Why::rw}) == "G-single");
  CHECK(name({Why::rw, Why::rw}) == "G2");
  CHECK(name({Why::wr, Why::time, Why::rw}) == "G-single-time");
  CHECK(name({Why::ww, Why::time}) == "G0-time");
}

TEST_CASE("a hundred thousand steps are not too deep, and the shortest way round is told") {
  OrderGraph graph;
  constexpr std::size_t length = 100'000;
  for (std::size_t i = 0; i + 1 < length; ++i) graph.add(i, i + 1, Why::time);
  CHECK(graph.cycles().empty());
  graph.add(5, 3, Why::rw);
  graph.add(length - 1, 0, Why::ww);
  auto cycles = graph.cycles();
  REQUIRE(cycles.size() == 1);
  CHECK(cycles[0].size() == 3);
}
