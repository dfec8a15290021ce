// A request that is wrong is refused before anything is asked, with the field that is wrong and the limit.

#include "tests/actors/query/query_script.h"

using namespace engram;
using namespace engram::test;

namespace {

/// The status for a request that is right but for what `spoil` does to it.
template <typename Request, typename Valid>
struct Spoiled {
  Valid valid;
  template <typename Spoil>
  Status operator()(const Spoil& spoil) const {
    Script<Request> request([&](typename Request::Builder builder) {
      valid(builder);
      spoil(builder);
    });
    return validate(typename Request::Reader(request));
  }
};

template <typename Request, typename Valid>
auto spoiled(Valid valid) {
  Spoiled<Request, Valid> checked{valid};
  REQUIRE(checked([](auto) {}).message() == "");
  return checked;
}

void check(const Status& status, Code code, const std::string& field, std::uint64_t limit = 0) {
  CHECK(status.code() == code);
  CHECK(status.field() == field);
  CHECK(status.limit() == limit);
  CHECK(status.message() != "");
}

const std::string long_key(1025, 'k');
const std::string long_name(257, 'n');
const double nan_weight = std::nan("");

}  // namespace

TEST_CASE("a get names one to 10,000 vertices with proper keys") {
  using Builder = schema::GetRequest::Builder;
  auto get = spoiled<schema::GetRequest>(
      [](Builder builder) { builder.initVertices(2)[1].setKey("a"), builder.getVertices()[0].setId(7); });
  check(get([](Builder builder) { builder.initVertices(0); }), Code::invalid_argument, "vertices", 1);
  check(get([](Builder builder) { builder.initVertices(10'001); }), Code::too_large, "vertices", 10'000);
  check(get([](Builder builder) { builder.getVertices()[1].setKey(""); }), Code::invalid_argument, "vertices[1].key");
  check(get([](Builder builder) { builder.getVertices()[1].setKey("\xff"); }), Code::invalid_argument,
        "vertices[1].key");
  check(get([](Builder builder) { builder.getVertices()[1].setKey(long_key.c_str()); }), Code::too_large,
        "vertices[1].key", 1024);
  check(get([](Builder builder) { builder.getProjection().initOnly(1).set(0, long_name.c_str()); }), Code::too_large,
        "projection.only[0]", 256);
}

TEST_CASE("an edge is named by two keys and a type") {
  using Builder = schema::GetEdgeRequest::Builder;
  auto edges = spoiled<schema::GetEdgeRequest>([](Builder builder) {
    auto edge = builder.initEdges(1)[0];
    edge.setSource("a"), edge.setType("t"), edge.setTarget("b");
  });
  check(edges([](Builder builder) { builder.getEdges()[0].setType(""); }), Code::invalid_argument, "edges[0].type");
  check(edges([](Builder builder) { builder.getEdges()[0].setTarget("\xc0\x80"); }), Code::invalid_argument,
        "edges[0].target");
  check(edges([](Builder builder) { builder.initEdges(0); }), Code::invalid_argument, "edges", 1);
}

TEST_CASE("neighbours: limit, weights, filters and cursor") {
  using Builder = schema::NeighborsRequest::Builder;
  auto neighbors = spoiled<schema::NeighborsRequest>([](Builder builder) { builder.initVertex().setKey("a"); });
  check(neighbors([](Builder builder) { builder.setLimit(0); }), Code::invalid_argument, "limit", 1);
  check(neighbors([](Builder builder) { builder.setLimit(100'001); }), Code::too_large, "limit", 100'000);
  check(neighbors([](Builder builder) { builder.initFilter().setMaxWeight(nan_weight); }), Code::invalid_argument,
        "filter.maxWeight");
  check(neighbors([](Builder builder) { builder.initTarget().initLabels(1); }), Code::invalid_argument,
        "target.labels[0]");
  check(neighbors([](Builder builder) { builder.initCursor(65); }), Code::invalid_argument, "cursor");
  check(neighbors([](Builder builder) { builder.setDirection(static_cast<schema::Direction>(9)); }), Code::unsupported,
        "direction");
  check(neighbors([](Builder builder) {
          builder.setDirection(schema::Direction::IN);
          builder.initFilter().initProperties(1)[0].setName("p");
        }),
        Code::invalid_argument, "filter.properties");
  check(neighbors([](Builder builder) {
          auto condition = builder.initTarget().initProperties(1)[0];
          condition.setName("p");
          condition.initValue().setFloat64(nan_weight);
        }),
        Code::invalid_argument, "target.properties[0].value");
}

TEST_CASE("expand: seeds, hops, depth and limits") {
  using Builder = schema::ExpandRequest::Builder;
  auto expand = spoiled<schema::ExpandRequest>([](Builder builder) {
    builder.initSeeds(1)[0].setKey("a");
    builder.initHops(3);
  });
  check(expand([](Builder builder) { builder.initSeeds(0); }), Code::invalid_argument, "seeds", 1);
  check(expand([](Builder builder) { builder.initHops(0); }), Code::invalid_argument, "hops", 1);
  check(expand([](Builder builder) { builder.initHops(33); }), Code::too_large, "hops", 32);
  check(expand([](Builder builder) { builder.getHops()[2].initEdges().setMinWeight(nan_weight); }),
        Code::invalid_argument, "hops[2].edges.minWeight");
  check(expand([](Builder builder) { builder.getHops()[1].initVertices().initLabels(257); }), Code::too_large,
        "hops[1].vertices.labels", 256);
  check(expand([](Builder builder) { builder.setMinDepth(4); }), Code::invalid_argument, "minDepth", 3);
  check(expand([](Builder builder) { builder.setMaxVisited(0); }), Code::invalid_argument, "maxVisited", 1);
  check(expand([](Builder builder) { builder.setMaxResults(10'000'001); }), Code::too_large, "maxResults", 10'000'000);
}

TEST_CASE("path: costs and directions that go together") {
  using Builder = schema::PathRequest::Builder;
  auto path = spoiled<schema::PathRequest>([](Builder builder) {
    builder.initSource().setKey("a");
    builder.initTarget().setKey("b");
  });
  check(path([](Builder builder) { builder.initTarget().setKey(""); }), Code::invalid_argument, "target.key");
  check(path([](Builder builder) { builder.getCost().setProperty(""); }), Code::invalid_argument, "cost.property");
  check(path([](Builder builder) {
          builder.getCost().setProperty("cost");
          builder.setDirection(schema::Direction::BOTH);
        }),
        Code::invalid_argument, "cost.property");
  check(path([](Builder builder) {
          builder.initEdges().initProperties(1)[0].setName("p");
          builder.setDirection(schema::Direction::BOTH);
        }),
        Code::invalid_argument, "edges.properties");
}

TEST_CASE("recall: seeds, shares and counts") {
  using Builder = schema::RecallRequest::Builder;
  auto recall =
      spoiled<schema::RecallRequest>([](Builder builder) { builder.initSeeds(1)[0].initVertex().setKey("a"); });
  check(recall([](Builder builder) { builder.initSeeds(1001); }), Code::too_large, "seeds", 1000);
  for (double activation : {0.0, -1.0, 1.5, nan_weight})
    check(recall([&](Builder builder) { builder.getSeeds()[0].setActivation(activation); }), Code::invalid_argument,
          "seeds[0].activation");
  for (double decay : {0.0, 1.01, nan_weight})
    check(recall([&](Builder builder) { builder.setDecay(decay); }), Code::invalid_argument, "decay");
  check(recall([](Builder builder) { builder.setThreshold(-0.1); }), Code::invalid_argument, "threshold");
  check(recall([](Builder builder) { builder.setMaxHops(17); }), Code::too_large, "maxHops", 16);
  check(recall([](Builder builder) { builder.setTop(0); }), Code::invalid_argument, "top", 1);
  check(recall([](Builder builder) { builder.setNormalise(static_cast<schema::Normalise>(7)); }), Code::unsupported,
        "normalise");
}

TEST_CASE("look-up: an index, a value or a range of one kind") {
  using Builder = schema::LookupRequest::Builder;
  auto lookup = spoiled<schema::LookupRequest>([](Builder builder) {
    builder.initIndex().setProperty("age");
    builder.initEqual().setInt64(3);
  });
  check(lookup([](Builder builder) { builder.initIndex(); }), Code::invalid_argument, "index.property");
  check(lookup([](Builder builder) { builder.initEqual(); }), Code::invalid_argument, "equal");
  check(lookup([](Builder builder) {
          builder.initRange().initMin().setInt64(1);
          builder.getRange().initMax().setText("z");
        }),
        Code::invalid_argument, "range");
  check(lookup([](Builder builder) { builder.setLimit(100'001); }), Code::too_large, "limit", 100'000);
}

TEST_CASE("scan: its cursor, and a degree's types") {
  using Scan = schema::ScanRequest::Builder;
  auto scan = spoiled<schema::ScanRequest>([](Scan) {});
  check(scan([](Scan builder) { builder.initCursor(9); }), Code::invalid_argument, "cursor");
  check(scan([](Scan builder) { builder.setLabel(long_name.c_str()); }), Code::too_large, "label", 256);
  using Degree = schema::DegreeRequest::Builder;
  auto degree = spoiled<schema::DegreeRequest>([](Degree builder) { builder.initVertex().setId(1); });
  check(degree([](Degree builder) { builder.initTypes(1); }), Code::invalid_argument, "types[0]");
}
