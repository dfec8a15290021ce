// What one vertex and one edge may hold, over many upserts each of which is small.

#include "tests/actors/partition/partition_script.h"
#include "tests/support/core_cluster.h"

using namespace engram;
using namespace engram::test;

namespace {

constexpr unsigned value_bytes = 1'000'000;  // of a property
constexpr unsigned fitting = max_stored_bytes / value_bytes;

void fill(capnp::List<schema::Property>::Builder list, unsigned number) {
  list[0].setName(("p" + std::to_string(number)).c_str());
  std::fill_n(list[0].initValue().initBytes(value_bytes).begin(), value_bytes, kj::byte(number));
}

/// Two vertices, between which an edge is put.
struct Ends {
  Ends(std::uint32_t partitions, std::uint16_t source_at) : cluster(partitions) {
    source = key_in(source_at, "source");
    target = key_in(partitions - 1 - source_at, "target");
    for (const std::string& key : {source, target})
      cluster.batch([&](schema::Batch::Builder batch) { batch.initOperations(1)[0].initPutVertex().setKey(key.c_str()); });
  }
  std::string key_in(std::uint32_t partition, const std::string& prefix) {
    for (int i = 0;; ++i)
      if (std::string key = prefix + std::to_string(i);
          owner_of_key(cluster.space(), key, cluster.partitions()).value == partition)
        return key;
  }
  /// `others`: as many operations on other edges come with it.
  Outcome put(unsigned number, bool replace = false, unsigned others = 0) {
    return cluster.batch([&](schema::Batch::Builder batch) {
      auto operations = batch.initOperations(1 + others);
      for (unsigned i = 0; i <= others; ++i) {
        auto put = operations[i].initPutEdge();
        put.initEdge().setSource(source.c_str());
        put.getEdge().setTarget(target.c_str());
        put.getEdge().setType("T");
        put.getEdge().setRank(i);
        put.setReplace(replace && i == 0);
        if (i == 0) fill(put.initProperties(1), number);
      }
    });
  }
  /// Of the edge of rank 0.
  std::size_t stored() {
    VertexId id = *cluster.find(source);
    auto cursor = cluster.core(id.partition()).graph().vertex_with(id.local(), Side::out)->out.begin();
    EdgeEntry entry;
    return cursor.next(entry) ? entry.properties.size() : 0;
  }
  CoreCluster cluster;
  std::string source, target;
};

void check_refused(const Outcome& refused, const char* field) {
  CHECK(refused.status.code() == Code::too_large);
  CHECK(refused.status.field() == field);
  CHECK(refused.status.limit() == max_stored_bytes);
}

}  // namespace

TEST_CASE("a vertex holds properties up to a limit, over however many upserts they come") {
  CoreCluster cluster(1);
  auto put = [&](unsigned number, const std::function<void(schema::PutVertex::Builder)>& more = {}) {
    return cluster.batch([&](schema::Batch::Builder batch) {
      auto vertex = batch.initOperations(1)[0].initPutVertex();
      vertex.setKey("v");
      fill(vertex.initProperties(1), number);
      if (more) more(vertex);
    });
  };
  for (unsigned i = 0; i < fitting; ++i) REQUIRE(put(i).status.message() == "");
  check_refused(put(fitting), "operations[0].putVertex.properties");
  CHECK(put(3).status.message() == "");  // replaces a value by another one
  CHECK(put(fitting, [](auto vertex) { vertex.setReplace(true); }).status.message() == "");
  CHECK(put(0).status.message() == "");
}

TEST_CASE("an edge holds properties up to a limit, at one partition and over two, alone and among others") {
  auto [partitions, source_at] = GENERATE(table<std::uint32_t, std::uint16_t>({{1, 0}, {2, 0}, {2, 1}}));
  unsigned others = GENERATE(0u, 2u);
  INFO(partitions << " partitions, the source in " << source_at << ", " << others << " other edges");
  Ends ends(partitions, source_at);
  for (unsigned i = 0; i < fitting; ++i) REQUIRE(ends.put(i, false, others).status.message() == "");
  std::size_t full = ends.stored();
  CHECK(full > fitting * value_bytes);
  check_refused(ends.put(fitting, false, others), "operations[0].putEdge.properties");
  CHECK(ends.stored() == full);
  CHECK(ends.put(3, false, others).status.message() == "");  // replaces a value by another one
  CHECK(ends.stored() == full);
  CHECK(ends.put(fitting, true, others).status.message() == "");
  CHECK(ends.stored() < 2 * value_bytes);
}

TEST_CASE("what one batch brings for one edge is counted together") {
  Ends ends(1, 0);
  for (unsigned i = 0; i + 1 < fitting; ++i) REQUIRE(ends.put(i).status.message() == "");
  Outcome refused = ends.cluster.batch([&](schema::Batch::Builder batch) {
    auto operations = batch.initOperations(2);
    for (unsigned i = 0; i < 2; ++i) {
      auto put = operations[i].initPutEdge();
      put.initEdge().setSource(ends.source.c_str());
      put.getEdge().setTarget(ends.target.c_str());
      put.getEdge().setType("T");
      fill(put.initProperties(1), 100 + i);
    }
  });
  check_refused(refused, "operations[1].putEdge.properties");
  CHECK(ends.stored() < fitting * value_bytes);
}
