// Reads that must not be: typed errors with field and limit, through every method of a reader.

#include <catch2/catch.hpp>

#include <limits>

#include "tests/support/rpc_session.h"

using namespace engram;
using client::text;
using test::RpcSession;
using test::RunningEngine;

namespace {

struct Setup {
  RunningEngine engine;
  RpcSession session{engine};
  Setup() {
    REQUIRE(session.link("ada", "charles").committed());
    REQUIRE(session.link("charles", "ada").committed());
  }

  template <typename Call, typename Fill>
  void require_refused(Call&& call, Code code, const std::string& field, std::uint64_t limit, const Fill& fill) {
    Status status = session.refusal(call, fill);
    INFO(field << ": " << status.message());
    CHECK(status.code() == code);
    CHECK(status.field() == field);
    CHECK(status.limit() == limit);
    CHECK_FALSE(status.message().empty());
  }
  schema::Reader::Client& reader() { return session.reader(); }
};

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();

}  // namespace

TEST_CASE("get: 1 to 10,000 vertices with proper keys; what is not there is not an error") {
  Setup setup;
  auto get = [&] { return setup.reader().getRequest(); };
  using Request = schema::GetRequest::Builder;
  setup.require_refused(get(), Code::invalid_argument, "vertices", 1, [](Request) {});
  setup.require_refused(get(), Code::too_large, "vertices", 10'000, [](Request request) {
    auto vertices = request.initVertices(10'001);
    for (auto vertex : vertices) vertex.setKey("ada");
  });
  setup.require_refused(get(), Code::invalid_argument, "vertices[0].key", 0,
                        [](Request request) { request.initVertices(1)[0].setKey("caf\xe9"); });
  setup.require_refused(get(), Code::invalid_argument, "vertices[1].key", 0, [](Request request) {
    auto vertices = request.initVertices(2);
    vertices[0].setKey("ada");
    vertices[1].setKey("");
  });
  setup.require_refused(get(), Code::too_large, "vertices[0].key", 1024,
                        [](Request request) { request.initVertices(1)[0].setKey(text(std::string(1025, 'k'))); });
  CHECK_FALSE(setup.session.has("nobody"));
  // Ids that no vertex can have: of no partition here, the last number there is.
  for (std::uint64_t id : {~std::uint64_t{0}, std::uint64_t{77} << 48, (std::uint64_t{1} << 48) - 1}) {
    for (unsigned count : {1u, 3u}) {
      auto call = get();
      for (auto vertex : call.initRequest().initVertices(count)) vertex.setId(id);
      auto response = call.send().wait(setup.session.wait_scope());
      CHECK(response.getReply().getError().getCode() == schema::ErrorCode::NONE);
      for (auto vertex : response.getReply().getVertices()) CHECK_FALSE(vertex.getFound());
    }
  }
}

TEST_CASE("neighbors: unknown vertex, bad cursor, limit and direction") {
  Setup setup;
  auto neighbors = [&] { return setup.reader().neighborsRequest(); };
  using Request = schema::NeighborsRequest::Builder;
  auto of_ada = [](auto more) {
    return [more](Request request) {
      request.initVertex().setKey("ada");
      more(request);
    };
  };
  Status unknown = setup.session.refusal(neighbors(), [](Request request) { request.initVertex().setKey("nobody"); });
  CHECK(unknown.code() == Code::unknown_vertex);
  setup.require_refused(neighbors(), Code::invalid_argument, "limit", 1, of_ada([](Request r) { r.setLimit(0); }));
  setup.require_refused(neighbors(), Code::too_large, "limit", 100'000,
                        of_ada([](Request r) { r.setLimit(100'001); }));
  setup.require_refused(neighbors(), Code::invalid_argument, "cursor", 0,
                        of_ada([](Request r) { r.initCursor(100); }));
  Status garbled = setup.session.refusal(neighbors(), of_ada([](Request r) {
    auto cursor = r.initCursor(9);
    std::fill(cursor.begin(), cursor.end(), kj::byte{0xff});
  }));
  CHECK(garbled.code() == Code::invalid_argument);
  CHECK(garbled.field() == "cursor");
  setup.require_refused(neighbors(), Code::unsupported, "direction", 0,
                        of_ada([](Request r) { r.setDirection(static_cast<schema::Direction>(9)); }));
  Status filter = setup.session.refusal(neighbors(), of_ada([](Request r) { r.initFilter().setMinWeight(not_a_number); }));
  CHECK(filter.code() == Code::invalid_argument);
}

TEST_CASE("expand: hops, depths and limits are bounded") {
  Setup setup;
  auto expand = [&] { return setup.reader().expandRequest(); };
  using Request = schema::ExpandRequest::Builder;
  auto from_ada = [](unsigned hops, auto more) {
    return [hops, more](Request request) {
      request.initSeeds(1)[0].setKey("ada");
      request.initHops(hops);
      more(request);
    };
  };
  auto as_it_is = [](Request) {};
  setup.require_refused(expand(), Code::invalid_argument, "hops", 1, from_ada(0, as_it_is));
  setup.require_refused(expand(), Code::too_large, "hops", 32, from_ada(33, as_it_is));
  setup.require_refused(expand(), Code::invalid_argument, "minDepth", 2,
                        from_ada(2, [](Request r) { r.setMinDepth(3); }));
  setup.require_refused(expand(), Code::invalid_argument, "maxVisited", 1,
                        from_ada(2, [](Request r) { r.setMaxVisited(0); }));
  setup.require_refused(expand(), Code::too_large, "maxVisited", 10'000'000,
                        from_ada(2, [](Request r) { r.setMaxVisited(4'000'000'000); }));
  setup.require_refused(expand(), Code::unsupported, "result", 0,
                        from_ada(2, [](Request r) { r.setResult(static_cast<schema::ResultKind>(9)); }));
  Status unknown = setup.session.refusal(expand(), [](Request r) {
    r.initSeeds(1)[0].setKey("nobody");
    r.initHops(1);
  });
  CHECK(unknown.code() == Code::unknown_vertex);
}

TEST_CASE("recall: shares are above 0 and at most 1, never NaN") {
  Setup setup;
  auto recall = [&] { return setup.reader().recallRequest(); };
  using Request = schema::RecallRequest::Builder;
  auto from_ada = [](auto more) {
    return [more](Request request) {
      request.initSeeds(1)[0].initVertex().setKey("ada");
      more(request);
    };
  };
  for (double share : {0.0, -1.0, 1.5, not_a_number, std::numeric_limits<double>::infinity()}) {
    CAPTURE(share);
    setup.require_refused(recall(), Code::invalid_argument, "decay", 0,
                          from_ada([&](Request r) { r.setDecay(share); }));
    setup.require_refused(recall(), Code::invalid_argument, "seeds[0].activation", 0,
                          from_ada([&](Request r) { r.getSeeds()[0].setActivation(share); }));
  }
  setup.require_refused(recall(), Code::too_large, "maxHops", 16, from_ada([](Request r) { r.setMaxHops(17); }));
  setup.require_refused(recall(), Code::too_large, "top", 10'000, from_ada([](Request r) { r.setTop(10'001); }));
}

TEST_CASE("path, degree, lookup and getEdges: unknown vertices, unknown indexes, unknown costs") {
  Setup setup;
  auto& session = setup.session;
  Status path = session.refusal(setup.reader().pathRequest(), [](schema::PathRequest::Builder request) {
    request.initSource().setKey("ada");
    request.initTarget().setKey("nobody");
  });
  CHECK(path.code() == Code::unknown_vertex);
  Status degree = session.refusal(setup.reader().degreeRequest(), [](schema::DegreeRequest::Builder request) {
    request.initVertex().setKey("nobody");
  });
  CHECK(degree.code() == Code::unknown_vertex);
  Status lookup = session.refusal(setup.reader().lookupRequest(), [](schema::LookupRequest::Builder request) {
    request.initIndex().setProperty("height");
    request.initEqual().setInt64(1);
  });
  CHECK(lookup.code() == Code::not_indexed);
  setup.require_refused(setup.reader().getEdgesRequest(), Code::invalid_argument, "edges[0].type", 0,
                        [](schema::GetEdgeRequest::Builder request) {
                          auto edge = request.initEdges(1)[0];
                          edge.setSource("ada");
                          edge.setTarget("charles");
                        });
}

TEST_CASE("scan: a bad cursor and a missing sink are refused") {
  Setup setup;
  auto& session = setup.session;
  class Sink final : public schema::ScanSink::Server {
    kj::Promise<void> page(PageContext) override { return kj::READY_NOW; }
    kj::Promise<void> done(DoneContext) override { return kj::READY_NOW; }
  };
  auto scan = [&](auto fill) {
    auto call = setup.reader().scanRequest();
    fill(call);
    return client::read(call.send().wait(session.wait_scope()).getError());
  };
  Status cursor = scan([](auto& call) {
    call.setSink(kj::heap<Sink>());
    call.initRequest().initCursor(3);
  });
  CHECK(cursor.code() == Code::invalid_argument);
  CHECK(cursor.field() == "cursor");
  Status sink = scan([](auto& call) { call.initRequest(); });
  CHECK(sink.code() == Code::invalid_argument);
  CHECK(sink.field() == "sink");
  Status wild = scan([](auto& call) {
    call.setSink(kj::heap<Sink>());
    auto bytes = call.initRequest().initCursor(10);
    std::fill(bytes.begin(), bytes.end(), kj::byte{0xff});
  });
  CHECK((wild.ok() || wild.code() == Code::invalid_argument));
}

TEST_CASE("an id from another space shows nothing of it") {
  Setup setup;
  REQUIRE(setup.session
              .administer([](schema::Command::Builder command) { command.initCreateSpace().setName("secret"); })
              .committed());
  RpcSession secret(setup.engine, {}, "secret");
  std::vector<std::uint64_t> ids;
  for (int i = 0; i < 20; ++i) {
    std::string key = "s" + std::to_string(i);
    client::Outcome linked = secret.link(key, "hub");
    INFO(linked.status.message());
    REQUIRE(linked.committed());
    auto call = secret.reader().getRequest();
    call.initRequest().initVertices(1)[0].setKey(text(key));
    ids.push_back(call.send().wait(secret.wait_scope()).getReply().getVertices()[0].getId());
  }
  for (std::uint64_t id : ids) {
    for (unsigned count : {1u, 2u}) {
      auto get = setup.reader().getRequest();
      for (auto vertex : get.initRequest().initVertices(count)) vertex.setId(id);
      auto answer = get.send().wait(setup.session.wait_scope());
      for (auto vertex : answer.getReply().getVertices()) {
        CHECK_FALSE(vertex.getFound());
        CHECK(vertex.getKey().size() == 0);
      }
    }
    auto by_id = [&](auto request) { request.initVertex().setId(id); };
    CHECK(setup.session.refusal(setup.reader().neighborsRequest(), by_id).code() == Code::unknown_vertex);
    CHECK(setup.session.refusal(setup.reader().degreeRequest(), by_id).code() == Code::unknown_vertex);
    CHECK(setup.session.refusal(setup.reader().expandRequest(), [&](schema::ExpandRequest::Builder request) {
      request.initSeeds(1)[0].setId(id);
      request.initHops(1);
    }).code() == Code::unknown_vertex);
    CHECK(setup.session.refusal(setup.reader().recallRequest(), [&](schema::RecallRequest::Builder request) {
      request.initSeeds(1)[0].initVertex().setId(id);
    }).code() == Code::unknown_vertex);
    CHECK(setup.session.refusal(setup.reader().pathRequest(), [&](schema::PathRequest::Builder request) {
      request.initSource().setId(id);
      request.initTarget().setKey("ada");
    }).code() == Code::unknown_vertex);
  }
}
