// Hand-written histories of edges: good ones pass, and every kind of anomaly is found in one that has it.

#include <catch2/catch.hpp>

#include "tests/history/edges.h"

using namespace engram::history;

namespace {

const EdgeName edge{"a", "T", "b", 0};
using Edges = std::vector<EdgeName>;

// A link from 10 to 20, an unlink from 30 to 40.
LinkChange link(Ending ending) { return {{1, 10, 20, ending}, edge, false}; }
LinkChange unlink(Ending ending) { return {{1, 30, 40, ending}, edge, true}; }
EdgeRead at_source(std::int64_t began_ns, std::int64_t ended_ns, Edges edges) {
  return {{2, began_ns, ended_ns, Ending::ok}, "a", false, std::move(edges)};
}
EdgeRead at_target(std::int64_t began_ns, std::int64_t ended_ns, Edges edges) {
  return {{2, began_ns, ended_ns, Ending::ok}, "b", true, std::move(edges)};
}

void require(const EdgeHistory& history, const std::string& kind) {
  std::string all;
  Anomalies found = check_edges(history);
  for (const Anomaly& one : found) all += one.kind + ": " + one.text + "\n";
  INFO(all);
  CHECK(count(found, kind) > 0);
}
void require_none(const EdgeHistory& history) {
  std::string all;
  for (const Anomaly& one : check_edges(history)) all += one.kind + ": " + one.text + "\n";
  CHECK(all.empty());
}

}  // namespace

TEST_CASE("an edge is at both ends or at none, as its operations say") {
  require_none({{link(Ending::ok)}, {}, {edge}, {edge}});
  require_none({{link(Ending::ok), unlink(Ending::failed)}, {}, {edge}, {edge}});
  require_none({{link(Ending::ok), unlink(Ending::ok)}, {}, {}, {}});
  require_none({{link(Ending::failed)}, {}, {}, {}});
  for (const auto& maybe : {std::vector<LinkChange>{link(Ending::unknown)}, {link(Ending::ok), unlink(Ending::unknown)}}) {
    require_none({maybe, {}, {}, {}});
    require_none({maybe, {}, {edge}, {edge}});
    require({maybe, {}, {edge}, {}}, "one end");
    require({maybe, {}, {}, {edge}}, "one end");
  }
}

TEST_CASE("edges that are lost, there against an answer, unheard of, or there twice") {
  require({{link(Ending::ok)}, {}, {}, {}}, "lost");
  require({{link(Ending::ok), unlink(Ending::failed)}, {}, {}, {}}, "lost");
  require({{link(Ending::failed)}, {}, {edge}, {edge}}, "aborted");
  require({{link(Ending::ok), unlink(Ending::ok)}, {}, {edge}, {edge}}, "aborted");
  require({{}, {}, {edge}, {edge}}, "from nowhere");
  require({{link(Ending::ok)}, {}, {edge, edge}, {edge}}, "duplicate");
  require({{link(Ending::ok), link(Ending::ok)}, {}, {edge}, {edge}}, "history");
  require({{unlink(Ending::ok)}, {}, {}, {}}, "history");
}

TEST_CASE("reads see an edge from some moment of its link to some moment of its unlink, at both ends") {
  std::vector<LinkChange> changes{link(Ending::ok), unlink(Ending::ok)};
  require_none({changes, {at_source(1, 5, {}), at_source(11, 12, {}), at_target(13, 14, {edge}), at_source(15, 16, {edge}),
                          at_source(31, 33, {edge}), at_target(32, 34, {}), at_source(35, 36, {}), at_target(50, 51, {})},
                {}, {}});
  require({changes, {at_target(21, 22, {})}, {}, {}}, "stale");                            // acknowledged
  require({changes, {at_source(12, 13, {edge}), at_target(14, 15, {})}, {}, {}}, "stale");  // seen at the other end
  require({changes, {at_target(41, 42, {edge})}, {}, {}}, "stale");                        // acknowledged to be gone
  require({changes, {at_source(31, 32, {}), at_target(33, 34, {edge})}, {}, {}}, "stale");  // gone at the other end
  require({changes, {at_source(1, 5, {edge})}, {}, {}}, "from nowhere");
  require({changes, {at_source(25, 26, {edge, edge})}, {}, {}}, "duplicate");
  require({{link(Ending::failed)}, {at_source(15, 25, {edge})}, {}, {}}, "aborted");
}

TEST_CASE("a link without an answer is there for good once it was seen") {
  std::vector<LinkChange> changes{link(Ending::unknown)};
  require_none({changes, {at_source(21, 22, {}), at_target(23, 24, {edge})}, {edge}, {edge}});
  require({changes, {at_target(23, 24, {edge}), at_source(25, 26, {})}, {edge}, {edge}}, "stale");
}
