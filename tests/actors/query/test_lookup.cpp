// Look-ups by the value of an indexed property, and what is told of indexes.

#include "storage/hot/properties.h"
#include "tests/actors/query/query_script.h"
#include "tests/support/temporary_directory.h"

using namespace engram;
using namespace engram::test;

namespace {

/// Vertices with an index on "age", which needs a warm store behind every partition.
struct Indexed {
  explicit Indexed(std::uint32_t partitions) : cluster(partitions, open_stores(partitions)), loop(cluster, 7) {
    for (std::uint32_t i = 0; i < partitions; ++i)
      cluster.apply({static_cast<std::uint16_t>(i)},
                    [](schema::Command::Builder command) { command.initDeclareIndex().setProperty("age"); });
    Random random(partitions);
    graph = random_graph(random, {120, 0});
    load(cluster, graph);
  }
  std::vector<const WarmStore*> open_stores(std::uint32_t count) {
    std::vector<const WarmStore*> opened;
    for (std::uint32_t i = 0; i < count; ++i) {
      auto store = WarmStore::open({directory / ("p" + std::to_string(i)), 1 << 24});
      REQUIRE(store.ok());
      stores.push_back(std::move(store).value());
      opened.push_back(stores.back().get());
    }
    return opened;
  }
  TemporaryDirectory directory;
  std::vector<std::unique_ptr<WarmStore>> stores;
  CoreCluster cluster;
  QueryLoop loop;
  ReferenceGraph graph;
};

}  // namespace

TEST_CASE("a look-up merges the partitions by value, then by id") {
  for (std::uint32_t partitions : cluster_sizes) {
    CAPTURE(partitions);
    Indexed on(partitions);
    for (bool only_names : {false, true}) {
      Script<schema::LookupRequest> request([&](schema::LookupRequest::Builder builder) {
        builder.initIndex().setProperty("age");
        builder.initRange().initMin().setInt64(3);
        builder.getRange().initMax().setFloat64(7.5);
        builder.getRange().setMinExclusive(true);
        builder.getProjection().setProperties(!only_names);
      });
      REQUIRE(validate(schema::LookupRequest::Reader(request)).message() == "");
      Frame frame = on.loop.run(make_lookup(on.cluster.context(), request));
      auto reply = frame.read<schema::LookupReply>();
      require_no_error(reply);
      CHECK(reply.getExceeded() == schema::Limit::NONE);
      std::vector<std::pair<std::int64_t, std::uint64_t>> got, expected;
      for (auto vertex : reply.getVertices()) {
        got.emplace_back(on.graph.vertices.at(text(vertex.getKey())).properties.at("age"), vertex.getId());
        CHECK(vertex.getProperties().size() == (only_names ? 0 : 1));
      }
      for (const auto& [key, vertex] : on.graph.vertices)
        if (vertex.properties.contains("age") && vertex.properties.at("age") > 3 && vertex.properties.at("age") <= 7)
          expected.emplace_back(vertex.properties.at("age"), on.cluster.find(key)->value);
      std::sort(expected.begin(), expected.end());
      CHECK(got == expected);
    }
  }
}

TEST_CASE("a look-up says when there is more than its limit") {
  for (std::uint32_t partitions : cluster_sizes) {
    CAPTURE(partitions);
    Indexed on(partitions);
    Script<schema::LookupRequest> limited([](schema::LookupRequest::Builder builder) {
      builder.initIndex().setProperty("age");
      builder.initRange();
      builder.setLimit(4);
    });
    Frame frame = on.loop.run(make_lookup(on.cluster.context(), limited));
    auto reply = frame.read<schema::LookupReply>();
    require_no_error(reply);
    CHECK(reply.getExceeded() == schema::Limit::RESULTS);
    CHECK(reply.getVertices().size() == 4);
    CHECK(reply.getCursor().size() > 0);
  }
}

namespace {

/// What a look-up finds page by page, by their keys; each page but the last is full.
std::vector<std::string> paged(Indexed& on, std::uint32_t limit, const std::function<void(schema::LookupRequest::Builder)>& fill) {
  std::vector<std::string> keys;
  std::string cursor;
  do {
    Script<schema::LookupRequest> request([&](schema::LookupRequest::Builder builder) {
      builder.initIndex().setProperty("age");
      fill(builder);
      builder.setLimit(limit);
      builder.setCursor({reinterpret_cast<const kj::byte*>(cursor.data()), cursor.size()});
    });
    REQUIRE(validate(schema::LookupRequest::Reader(request)).message() == "");
    Frame frame = on.loop.run(make_lookup(on.cluster.context(), request));
    auto reply = frame.read<schema::LookupReply>();
    require_no_error(reply);
    CHECK(reply.getPaged());
    for (auto vertex : reply.getVertices()) keys.push_back(text(vertex.getKey()));
    cursor.assign(reinterpret_cast<const char*>(reply.getCursor().begin()), reply.getCursor().size());
    CHECK((reply.getExceeded() == schema::Limit::NONE) == cursor.empty());
    if (!cursor.empty()) REQUIRE(reply.getVertices().size() == limit);
  } while (!cursor.empty());
  return keys;
}

}  // namespace

TEST_CASE("a look-up goes on where the page before ended, in the order of the whole") {
  for (std::uint32_t partitions : cluster_sizes) {
    CAPTURE(partitions);
    Indexed on(partitions);
    auto between = [](schema::LookupRequest::Builder builder) {
      builder.initRange().initMin().setInt64(2);
      builder.getRange().setMinExclusive(true);
      builder.getRange().initMax().setInt64(8);
    };
    auto equal = [](schema::LookupRequest::Builder builder) { builder.initEqual().setInt64(4); };
    auto any = [](schema::LookupRequest::Builder builder) { builder.initRange(); };
    for (const auto& fill : std::vector<std::function<void(schema::LookupRequest::Builder)>>{between, equal, any}) {
      std::vector<std::string> whole = paged(on, 1000, fill);
      REQUIRE(whole.size() > 3);
      for (std::uint32_t limit : {1, 2, 7}) CHECK(paged(on, limit, fill) == whole);
    }
  }
}

TEST_CASE("a look-up refuses what is no cursor of a page") {
  Indexed on(1);
  Script<schema::LookupRequest> request([](schema::LookupRequest::Builder builder) {
    builder.initIndex().setProperty("age");
    builder.initRange();
    builder.setCursor(kj::StringPtr("elsewhere").asBytes());
  });
  Status refused = validate(schema::LookupRequest::Reader(request));
  CHECK(refused.code() == Code::invalid_argument);
  CHECK(refused.field() == "cursor");
}

TEST_CASE("statistics name an index as being built until the last partition has built it") {
  Indexed on(3);  // whose index was declared before there was anything to build
  for (std::uint16_t i = 0; i < 3; ++i)
    on.cluster.apply({i}, [](schema::Command::Builder command) { command.initDeclareIndex().setProperty("name"); });
  auto building = [&] {
    std::vector<std::string> properties;
    Frame frame = on.loop.run(make_statistics(on.cluster.context()));
    CHECK(frame.read<schema::StatisticsReply>().getIndexes().size() == 2);
    for (auto index : frame.read<schema::StatisticsReply>().getBuilding()) properties.push_back(text(index.getProperty()));
    return properties;
  };
  for (std::uint16_t i = 0; i < 3; ++i) {
    CHECK(building() == std::vector<std::string>{"name"});
    for (DeclaredIndex& index : on.cluster.core({i}).graph().spaces().find(on.cluster.space().id)->indexes) index.ready = true;
  }
  CHECK(building().empty());
}
