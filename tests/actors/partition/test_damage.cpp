// Values of a warm store that fail their checksum: what needs them is answered `corrupt`, and everything else goes on.

#include <fstream>

#include "tests/actors/partition/partition_script.h"
#include "tests/storage/warm/warm_script.h"
#include "tests/support/text_file.h"

using namespace engram;
using namespace engram::test;
using Catch::Contains;

namespace {

constexpr int vertices = 8;
constexpr int broken = 3;
constexpr std::size_t page_bytes = 4096;
constexpr std::size_t page_flags_at = 10;  // in a page of LMDB

std::string key_of(int number) { return "v" + std::to_string(number); }

/// v0 -> v1 -> ... with an "age" each, all of it in the warm store and next to nothing of it in memory.
class DamagedNode {
 public:
  DamagedNode() : node_(options(), 1), session_(1, 1) {
    ModelBatch batch;
    for (int i = 0; i < vertices; ++i) {
      ModelOperation put;
      put.key = key_of(i);
      put.properties["age"] = i;
      batch.operations.push_back(put);
    }
    for (int i = 0; i + 1 < vertices; ++i) {
      ModelOperation put;
      put.kind = ModelOperation::Kind::put_edge;
      put.edge = {key_of(i), "next", key_of(i + 1)};
      batch.operations.push_back(put);
    }
    REQUIRE(engram::test::run(node_, session_.batch(batch)).status.ok());
    node_.tick(31'000);  // old enough to be written back
    node_.settle();
    REQUIRE(node_.core({0}).graph().find_key(SpaceId{0}, key_of(broken), id_) == Presence::present);
  }

  SimulatedCluster& node() { return node_; }
  Session& session() { return session_; }
  [[nodiscard]] LocalId id() const { return id_; }
  [[nodiscard]] std::string store() const { return directory_.path() + "/p0"; }

  /// Another first byte of a stored value, its checksum as it was.
  void damage(const char* table, const std::string& key) {
    RawStore store(this->store());
    std::string value = store.stored(table, key);
    value.front() = static_cast<char>(value.front() ^ 1);
    store.store(table, key, value);
  }
  /// A value that is stored as it should be, and makes no sense.
  void store_nonsense(const std::string& key) {
    auto store = open_store({this->store()});
    write(*store, store->synced_lsn().value, {put(WarmTable::vertices, key, "nonsense")});
  }

  /// The pages that have an entry, as no table can have them; while the store is open, since a start looks at pages.
  void damage_pages(const std::string& key) {
    std::string content = read_text(store() + "/data.mdb");
    std::fstream file(store() + "/data.mdb", std::ios::in | std::ios::out | std::ios::binary);
    for (std::size_t at = 0; (at = content.find(key, at)) != std::string::npos; ++at)
      file.seekp(static_cast<std::streamoff>(at / page_bytes * page_bytes + page_flags_at)).write("\0\0", 2);
  }

  void declare_index(const char* label, const char* property) {
    change([&](schema::Command::Builder command) {
      command.initDeclareIndex().setLabel(label);
      command.getDeclareIndex().setProperty(property);
    });
  }
  void drop_index() {
    change([](schema::Command::Builder command) { command.initDropIndex().setProperty("age"); });
  }
  Code get(std::initializer_list<int> numbers) {
    return ask([&](schema::Request::Builder request) {
      auto refs = request.initGet().initVertices(static_cast<unsigned>(numbers.size()));
      unsigned at = 0;
      for (int number : numbers) refs[at++].setKey(key_of(number).c_str());
    });
  }
  Code neighbors(int number) {
    return ask([&](schema::Request::Builder request) {
      request.initNeighbors().initVertex().setKey(key_of(number).c_str());
      request.getNeighbors().setLimit(10);
    });
  }
  Code lookup(int age = 1) {
    return ask([&](schema::Request::Builder request) {
      request.initLookup().initIndex().setProperty("age");
      request.getLookup().initEqual().setInt64(age);
      request.getLookup().setLimit(10);
    });
  }

 private:
  template <typename Fill>
  void change(const Fill& fill) {
    REQUIRE(engram::test::run(node_, session_.command(default_space(1), fill)).status.ok());
    node_.settle();
  }
  SimulationOptions options() {
    SimulationOptions options;
    options.partitions = 1;
    options.hot_bytes = 1;
    options.warm_directory = directory_.path();
    return options;
  }
  Code ask(const std::function<void(schema::Request::Builder)>& fill) {
    Frame frame = run_read(node_, {0}, fill);
    Status status = read_error(frame.read<schema::Answer>().getError());
    if (status.code() == Code::corrupt) CHECK_THAT(status.message(), Contains("warm"));
    return status.code();
  }

  TemporaryDirectory directory_;
  SimulatedCluster node_;
  Session session_;
  LocalId id_;
};

/// As the table of entries has it: of the first index.
std::string index_entry_key(int age, LocalId id) {
  capnp::MallocMessageBuilder message;
  auto value = message.initRoot<schema::Value>();
  value.setInt64(age);
  std::string packed;
  REQUIRE(pack_value(value, packed).ok());
  std::string key("\0\0\0\1", 4);
  append_sort_key(as_bytes(packed), OrderedIndex::max_sort_key_bytes, key);
  return key + warm_vertex_key(id);
}

std::string first_chunk_key(const DamagedNode& damaged) {
  auto store = open_store({damaged.store()});
  WarmStore::View view(*store);
  std::string prefix = warm_edges_prefix(damaged.id(), Side::out);
  std::string found;
  REQUIRE(view.scan(WarmTable::edges, as_bytes(prefix), as_bytes(prefix), [&](Bytes key, Bytes) {
    found = as_text(key);
    return false;
  }).ok());
  REQUIRE(!found.empty());
  return found;
}

}  // namespace

TEST_CASE("a damaged vertex is the answer of the reads that need it, as often as they come, and of no others") {
  DamagedNode damaged;
  damaged.node().crash();
  SECTION("its bytes fail their checksum") { damaged.damage("vertices", warm_vertex_key(damaged.id())); }
  SECTION("its bytes do not parse") { damaged.store_nonsense(warm_vertex_key(damaged.id())); }
  damaged.node().restart();
  for (int time = 0; time < 3; ++time) {
    CHECK(damaged.get({broken}) == Code::corrupt);
    CHECK(damaged.get({1, broken, 5}) == Code::corrupt);
    CHECK(damaged.neighbors(broken) == Code::corrupt);
    CHECK(damaged.get({1, 5}) == Code::none);
    CHECK(damaged.neighbors(broken - 1) == Code::none);
  }
  ModelBatch batch;
  batch.operations.emplace_back();
  batch.operations.back().key = "new";
  CHECK(run(damaged.node(), damaged.session().batch(batch)).status.ok());
}

TEST_CASE("damaged edges are the answer of the reads that need them, and of no others") {
  DamagedNode damaged;
  damaged.node().crash();
  damaged.damage("edges", first_chunk_key(damaged));
  damaged.node().restart();
  for (int time = 0; time < 3; ++time) {
    CHECK(damaged.neighbors(broken) == Code::corrupt);
    CHECK(damaged.get({broken}) == Code::none);
    CHECK(damaged.neighbors(broken + 1) == Code::none);
  }
}

TEST_CASE("a logged command that needs what is damaged stops the process: it cannot be left out") {
  DamagedNode damaged;
  damaged.node().crash();
  damaged.damage("vertices", warm_vertex_key(damaged.id()));
  damaged.node().restart();
  ModelBatch batch;
  batch.operations.emplace_back();
  batch.operations.back().key = key_of(broken);
  Submission change = damaged.session().batch(batch);
  CHECK_THROWS_WITH(run(damaged.node(), change), Contains("partition 0 stops") && Contains("warm"));
}

TEST_CASE("an index over a damaged vertex is not finished, and says why; others are") {
  DamagedNode damaged;
  damaged.node().crash();
  damaged.damage("vertices", warm_vertex_key(damaged.id()));
  damaged.node().restart();
  damaged.declare_index("", "age");
  CHECK(damaged.lookup() == Code::corrupt);
  damaged.declare_index("nobody", "age");
  const Space& space = *damaged.node().core({0}).graph().spaces().find(SpaceId{0});
  CHECK(!space.indexes.at(0).ready);
  CHECK(space.indexes.at(1).ready);
  CHECK(damaged.get({1}) == Code::none);
}

TEST_CASE("a damaged entry is met by look-ups, and by the drop of its index, which goes on past it") {
  DamagedNode damaged;
  damaged.declare_index("", "age");
  damaged.node().tick(31'000);
  damaged.node().settle();
  damaged.node().crash();
  damaged.damage("ordered", index_entry_key(broken, damaged.id()));
  damaged.node().restart();
  damaged.node().settle();
  CHECK(damaged.lookup(broken) == Code::corrupt);
  CHECK(damaged.lookup(1) == Code::none);

  damaged.drop_index();
  for (int i = 0; i < 5; ++i) damaged.node().tick(1000);
  CHECK(damaged.lookup() == Code::not_indexed);
  CHECK(damaged.node().core({0}).graph().spaces().dropped_indexes().empty());
  REQUIRE(damaged.node().unreadable().size() == 1);
  CHECK_THAT(damaged.node().unreadable().front(), Contains("damaged value in table 'ordered'"));

  damaged.declare_index("", "age");
  CHECK(damaged.lookup() == Code::none);
  damaged.node().tick(31'000);
  damaged.node().settle();
  damaged.node().crash();
  CHECK(open_store({damaged.store()})->check({}).ok());
}

TEST_CASE("an index whose pages cannot be read is dropped as far as anybody asks, and what is left of it set aside") {
  DamagedNode damaged;
  damaged.declare_index("", "age");
  damaged.node().tick(31'000);
  damaged.node().settle();
  damaged.damage_pages(index_entry_key(broken, damaged.id()));
  CHECK(damaged.lookup() == Code::corrupt);

  damaged.drop_index();
  for (int i = 0; i < 5; ++i) damaged.node().tick(31'000);
  damaged.node().settle();  // nothing is written back again and again
  CHECK(damaged.lookup() == Code::not_indexed);
  CHECK(damaged.node().unreadable().size() == 1);
  CHECK(damaged.get({1, broken}) == Code::none);
}
