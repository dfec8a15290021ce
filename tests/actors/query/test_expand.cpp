// Expand against the reference: every vertex at its least depth, whatever the number of partitions and the order of
// answers.

#include "tests/actors/query/query_script.h"

using namespace engram;
using namespace engram::test;

namespace {

struct Wanted {
  std::vector<std::string> seeds;
  std::vector<ReferenceHop> hops;
  std::uint8_t min_depth = 1;
  schema::ResultKind kind = schema::ResultKind::KEYS;
  std::uint32_t max_visited = 1'000'000;
  std::uint32_t max_results = 1'000'000;
};

Script<schema::ExpandRequest> request_of(const Wanted& wanted, CoreCluster& cluster) {
  return Script<schema::ExpandRequest>([&](schema::ExpandRequest::Builder request) {
    auto seeds = request.initSeeds(static_cast<unsigned>(wanted.seeds.size()));
    for (unsigned i = 0; i < seeds.size(); ++i) {
      if (i % 2 == 0)
        seeds[i].setKey(wanted.seeds[i].c_str());
      else
        seeds[i].setId(cluster.find(wanted.seeds[i])->value);
    }
    auto hops = request.initHops(static_cast<unsigned>(wanted.hops.size()));
    for (unsigned i = 0; i < hops.size(); ++i) {
      hops[i].setDirection(direction_of(wanted.hops[i].way));
      write(wanted.hops[i].edges, hops[i].initEdges());
      write(wanted.hops[i].vertices, hops[i].initVertices());
    }
    request.setMinDepth(wanted.min_depth);
    request.setResult(wanted.kind);
    request.setMaxVisited(wanted.max_visited);
    request.setMaxResults(wanted.max_results);
  });
}

struct Got {
  schema::Limit exceeded = schema::Limit::NONE;
  std::vector<std::set<std::string>> levels;  // from the least depth on
};

Got expand(CoreCluster& cluster, QueryLoop& loop, const Wanted& wanted) {
  auto request = request_of(wanted, cluster);
  REQUIRE(validate(schema::ExpandRequest::Reader(request)).message() == "");
  Frame frame = loop.run(make_expand(cluster.context(), request));
  auto reply = frame.read<schema::ExpandReply>();
  require_no_error(reply);
  Got got{reply.getExceeded(), {}};
  unsigned from = 0;
  for (unsigned end : reply.getDepthEnds()) {
    std::set<std::string> level;
    for (unsigned i = from; i < end; ++i) {
      if (i > from) REQUIRE(reply.getIds()[i - 1] < reply.getIds()[i]);
      std::string key;
      if (wanted.kind == schema::ResultKind::KEYS) key = text(reply.getKeys()[i]);
      if (wanted.kind == schema::ResultKind::VERTICES) key = text(reply.getVertices()[i].getKey());
      if (wanted.kind == schema::ResultKind::IDS)
        for (std::uint64_t number = 0; key.empty(); ++number)
          if (cluster.find(key_of(number))->value == reply.getIds()[i]) key = key_of(number);
      REQUIRE(cluster.find(key)->value == reply.getIds()[i]);
      level.insert(key);
    }
    from = end;
    got.levels.push_back(level);
  }
  REQUIRE(from == reply.getIds().size());
  return got;
}

}  // namespace

TEST_CASE("expand gives what the reference gives, on any number of partitions") {
  for (std::uint64_t seed = 1; seed <= 400; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    ReferenceGraph graph = random_graph(random, {8 + below(random, 24), 10 + below(random, 80)});
    std::vector<Wanted> queries(6);
    for (Wanted& wanted : queries) {
      for (std::uint64_t i = 0; i <= below(random, 3); ++i) wanted.seeds.push_back(key_of(below(random, 8)));
      for (std::uint64_t i = 0; i <= below(random, 4); ++i) wanted.hops.push_back(random_hop(random));
      wanted.min_depth = static_cast<std::uint8_t>(below(random, wanted.hops.size() + 1));
      wanted.kind = static_cast<schema::ResultKind>(below(random, 3));
    }
    in_clusters(graph, seed, [&](CoreCluster& cluster, QueryLoop& loop) {
      for (const Wanted& wanted : queries) {
        auto expected = graph.expand(wanted.seeds, wanted.hops);
        expected.erase(expected.begin(), expected.begin() + wanted.min_depth);
        Got got = expand(cluster, loop, wanted);
        REQUIRE(got.exceeded == schema::Limit::NONE);
        REQUIRE(got.levels == expected);
      }
    });
  }
}

TEST_CASE("expand sends one request a partition and hop, and none that could be spared") {
  CoreCluster cluster(1);
  load(cluster, line(6));
  QueryLoop loop(cluster);
  Wanted wanted{{"v0"}, {{}, {}, {}}, 1, schema::ResultKind::IDS};
  CHECK(expand(cluster, loop, wanted).levels == std::vector<std::set<std::string>>{{"v1"}, {"v2"}, {"v3"}});
  CHECK(loop.requests == 3);
  wanted.kind = schema::ResultKind::KEYS;
  expand(cluster, loop, wanted);
  CHECK(loop.requests == 4);
  wanted.hops[1].vertices.labels = {"nobody"};  // checked along with the third hop
  wanted.kind = schema::ResultKind::IDS;
  CHECK(expand(cluster, loop, wanted).levels == std::vector<std::set<std::string>>{{"v1"}, {}, {}});
  CHECK(loop.requests == 3);
}

TEST_CASE("expand says which limit it came upon, and gives what it has") {
  CoreCluster cluster(3);
  load(cluster, line(10));
  QueryLoop loop(cluster);
  Wanted wanted{{"v0"}, std::vector<ReferenceHop>(5), 1, schema::ResultKind::KEYS};
  wanted.max_results = 2;
  Got got = expand(cluster, loop, wanted);
  CHECK(got.exceeded == schema::Limit::RESULTS);
  CHECK(got.levels == std::vector<std::set<std::string>>{{"v1"}, {"v2"}, {}, {}, {}});

  wanted.max_results = 5;
  CHECK(expand(cluster, loop, wanted).exceeded == schema::Limit::NONE);

  wanted.max_visited = 4;  // the seed is one of them
  got = expand(cluster, loop, wanted);
  CHECK(got.exceeded == schema::Limit::VISITED);
  CHECK(got.levels == std::vector<std::set<std::string>>{{"v1"}, {"v2"}, {"v3"}, {}, {}});

  wanted.max_visited = 100;
  wanted.kind = schema::ResultKind::IDS;
  loop.interrupt_at = 2;
  got = expand(cluster, loop, wanted);
  CHECK(got.exceeded == schema::Limit::TIME);
  CHECK(got.levels == std::vector<std::set<std::string>>{{"v1"}, {"v2"}, {}, {}, {}});
  CHECK(loop.requests == 2);
}

TEST_CASE("expand without a caller ends with an error and asks nothing further") {
  CoreCluster cluster(2);
  load(cluster, line(10));
  QueryLoop loop(cluster);
  loop.interrupt_at = 2;
  loop.why = {Code::cancelled, "The caller went away."};
  auto request = request_of({{"v0"}, std::vector<ReferenceHop>(5)}, cluster);
  Frame frame = loop.run(make_expand(cluster.context(), request));
  CHECK(frame.read<schema::ExpandReply>().getError().getCode() == schema::ErrorCode::CANCELLED);
  CHECK(loop.requests == 2);
}

TEST_CASE("expand from an unknown vertex names it") {
  CoreCluster cluster(2);
  load(cluster, line(2));
  QueryLoop loop(cluster);
  for (bool by_id : {false, true}) {
    Script<schema::ExpandRequest> request([&](schema::ExpandRequest::Builder builder) {
      auto seed = builder.initSeeds(1)[0];
      by_id ? seed.setId(std::uint64_t{77} << 48) : seed.setKey("nobody");
      builder.initHops(1);
    });
    Frame frame = loop.run(make_expand(cluster.context(), request));
    auto error = frame.read<schema::ExpandReply>().getError();
    CHECK(error.getCode() == schema::ErrorCode::UNKNOWN_VERTEX);
    CHECK_THAT(text(error.getMessage()), Catch::Contains(by_id ? std::to_string(std::uint64_t{77} << 48) : "nobody"));
  }
}

TEST_CASE("a level larger than one request is asked for in waves") {
  // A hub with as many neighbours as three requests hold, each of which leads to one more vertex.
  CoreCluster cluster(2);
  constexpr unsigned count = 40'000, part = 10'000;
  for (unsigned begin = 0; begin < count; begin += part) {
    Outcome outcome = cluster.batch([&](schema::Batch::Builder batch) {
      auto operations = batch.initOperations(part * 2);
      for (unsigned i = 0; i < part; ++i) {
        auto first = operations[2 * i].initPutEdge();
        put_edge(first, {"hub", "a", key_of(begin + i), 0, 1.0, {}});
        first.setCreateMissing(true);
        auto second = operations[2 * i + 1].initPutEdge();
        put_edge(second, {key_of(begin + i), "b", "end" + std::to_string((begin + i) % 7), 0, 1.0, {}});
        second.setCreateMissing(true);
      }
    });
    REQUIRE(outcome.status.message() == "");
  }
  QueryLoop loop(cluster, 5);
  for (bool filtered : {false, true}) {
    Script<schema::ExpandRequest> request([&](schema::ExpandRequest::Builder builder) {
      builder.initSeeds(1)[0].setKey("hub");
      auto hops = builder.initHops(2);
      if (!filtered) return;
      auto condition = hops[0].initVertices().initProperties(1)[0];  // all pass
      condition.setName("nothing");
      condition.setComparison(schema::Comparison::ABSENT);
    });
    Frame frame = loop.run(make_expand(cluster.context(), request));
    auto reply = frame.read<schema::ExpandReply>();
    require_no_error(reply);
    REQUIRE(reply.getDepthEnds().size() == 2);
    CHECK(reply.getDepthEnds()[0] == count);
    CHECK(reply.getDepthEnds()[1] == count + 7);
    CHECK(loop.requests > 6);
  }
}

TEST_CASE("a query that would hold more than it may ends in the middle of its hop, and says how far it had come") {
  CoreCluster cluster(3);
  constexpr unsigned count = 10'000;
  REQUIRE(cluster
              .batch([&](schema::Batch::Builder batch) {
                auto operations = batch.initOperations(count);
                for (unsigned i = 0; i < count; ++i) {
                  auto put = operations[i].initPutEdge();
                  put_edge(put, {i % 100 == 0 ? "hub" : key_of(i / 100), "a", key_of(100 + i), 0, 1.0, {}});
                  put.setCreateMissing(true);
                }
              })
              .status.ok());
  QueryLoop loop(cluster, 7);
  Script<schema::ExpandRequest> expand([](schema::ExpandRequest::Builder builder) {
    builder.initSeeds(1)[0].setKey("hub");
    builder.initHops(4);
    builder.setMaxVisited(1'000'000);
  });
  Script<schema::RecallRequest> recall([](schema::RecallRequest::Builder builder) {
    builder.initSeeds(1)[0].initVertex().setKey("hub");
    builder.setMaxHops(4);
    builder.setThreshold(0);
    builder.setMaxVisited(1'000'000);
  });
  Script<schema::PathRequest> path([](schema::PathRequest::Builder builder) {
    builder.initSource().setKey("hub");
    builder.initTarget().setKey(key_of(9'999).c_str());
    builder.setMaxHops(8);
    builder.setMaxVisited(1'000'000);
  });
  auto run = [&](std::size_t memory_bytes, const std::function<void(schema::Error::Reader)>& look) {
    QueryContext context = cluster.context();
    context.memory_bytes = memory_bytes;
    look(loop.run(make_expand(context, expand)).read<schema::ExpandReply>().getError());
    look(loop.run(make_recall(context, recall)).read<schema::RecallReply>().getError());
    look(loop.run(make_path(context, path)).read<schema::PathReply>().getError());
  };
  run(std::size_t{64} << 20, [](schema::Error::Reader error) { CHECK(error.getCode() == schema::ErrorCode::NONE); });
  std::vector<std::uint64_t> partial_sizes;
  run(1'000, [&](schema::Error::Reader error) {
    partial_sizes.push_back(error.getPartial());
    CHECK(error.getCode() == schema::ErrorCode::LIMIT_EXCEEDED);
    CHECK(text(error.getField()) == "memory");
    CHECK(error.getLimit() == 1'000);
    CHECK_THAT(text(error.getMessage()), Catch::Contains("came upon " + std::to_string(error.getPartial()) + " vertices"));
  });
  CHECK(partial_sizes.at(1) > 0);  // the recall's; the others had found nothing yet
  // Of the largest budget that is too small.
  std::uint64_t partial_size = 0;
  QueryContext context = cluster.context();
  for (context.memory_bytes = 1'000; context.memory_bytes < std::size_t{64} << 20; context.memory_bytes += 1'000) {
    Frame reply = loop.run(make_expand(context, expand));
    auto error = reply.read<schema::ExpandReply>().getError();
    if (error.getCode() == schema::ErrorCode::NONE) break;
    partial_size = error.getPartial();
  }
  CHECK(partial_size > 50);
}

TEST_CASE("a large read is refused while others hold what all may, and small ones go on") {
  CoreCluster cluster(1);
  constexpr unsigned count = 20'000;
  REQUIRE(cluster
              .batch([&](schema::Batch::Builder batch) {
                auto operations = batch.initOperations(count);
                for (unsigned i = 0; i < count; ++i) {
                  auto put = operations[i].initPutEdge();
                  put_edge(put, {"hub", "a", key_of(i), 0, 1.0, {}});
                  put.setCreateMissing(true);
                }
              })
              .status.ok());
  QueryLoop loop(cluster, 7);
  ReadMemory all;
  all.set_limit(std::size_t{1} << 20);
  QueryContext context = cluster.context();
  context.memory_bytes = std::size_t{1} << 20;
  context.all_reads = &all;
  auto expand_from = [&](const std::string& key) {
    Script<schema::ExpandRequest> request([&](schema::ExpandRequest::Builder builder) {
      builder.initSeeds(1)[0].setKey(key);
      builder.initHops(1);
      builder.setMaxVisited(1'000'000);
    });
    return loop.run(make_expand(context, request));
  };
  auto code_of = [](const Frame& reply) { return reply.read<schema::ExpandReply>().getError().getCode(); };
  {
    ReadMemory::Share others(&all);
    REQUIRE(others.hold(all.limit() - (64 << 10)));
    Frame refused = expand_from("hub");
    auto error = refused.read<schema::ExpandReply>().getError();
    CHECK(error.getCode() == schema::ErrorCode::OVERLOADED);
    CHECK(text(error.getField()) == "memory");
    CHECK(error.getLimit() == all.limit());
    CHECK(code_of(expand_from(key_of(1))) == schema::ErrorCode::NONE);
    REQUIRE_FALSE(others.hold(2 * all.limit()));
    CHECK(all.held() == all.limit() - (64 << 10));
  }
  CHECK(all.held() == 0);  // the refused one's too
  CHECK(code_of(expand_from("hub")) == schema::ErrorCode::NONE);
  CHECK(all.held() == 0);
}
