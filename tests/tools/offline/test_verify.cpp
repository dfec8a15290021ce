// What `engram verify` finds: each case damages one thing, and it is named.

#include <filesystem>
#include <fstream>

#include <catch2/catch.hpp>

#include "tests/support/text_file.h"
#include "tests/support/data_directory.h"
#include "tools/offline/verify.h"

namespace engram::cli {

namespace {

using test::DataDirectory;

VerifyReport verified(DataDirectory& data) {
  auto report = verify(data.files, {data.path(), {}, 100, {}});
  test::expect(report.status());
  return std::move(report).value();
}

/// The findings of one check; all findings must be of it.
std::vector<Finding> only(const VerifyReport& report, const std::string& check) {
  for (const Finding& finding : report.findings.kept()) {
    INFO(finding.message);
    CHECK(finding.check == check);
  }
  REQUIRE(report.findings.count() > 0);
  return report.findings.kept();
}

void require_well(const VerifyReport& report) {
  for (const Finding& finding : report.findings.kept()) FAIL_CHECK(finding.check << ": " << finding.message);
  REQUIRE(report.skipped.empty());
}

/// 60 vertices in a ring over both partitions, the first half written back and its log sealed.
void fill(DataDirectory& data) {
  data.declare_index("Person", "age");
  auto key = [](int i) { return "person-" + std::to_string(i % 60); };
  for (int i = 0; i < 60; ++i) data.put(key(i), "Person", i);
  for (int i = 0; i < 30; ++i) data.link(key(i), key(i + 1));
  data.seal();
  data.write_back();
  for (int i = 30; i < 60; ++i) data.link(key(i), key(i + 1));
}

/// All of it in the warm stores, so that replay does not hide what is wrong there.
void fill_and_write_back(DataDirectory& data) {
  fill(data);
  data.write_back();
}

void flip_bit(const std::string& path, std::uint64_t offset) {
  std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
  file.seekg(static_cast<std::streamoff>(offset));
  char byte = static_cast<char>(file.get() ^ 0x10);
  file.seekp(static_cast<std::streamoff>(offset));
  file.put(byte);
}

/// An edge from the one partition to the other: the key of its source, and both ends.
struct CrossingEdge {
  std::string source;
  VertexId from;
  VertexId to;
};
CrossingEdge crossing_edge(DataDirectory& data) {
  for (int i = 0; i < 60; ++i) {
    std::string source = "person-" + std::to_string(i);
    VertexId from = *data.cluster.find(source);
    VertexId to = *data.cluster.find("person-" + std::to_string((i + 1) % 60));
    if (from.partition() != to.partition()) return {source, from, to};
  }
  throw std::runtime_error("no edge crosses");
}

Space& space_of(PartitionCore& core) { return *core.graph().spaces().find(SpaceId{0}); }

/// Puts the incoming entry of an edge again with another weight, or takes it away.
void spoil_reverse(DataDirectory& data, const CrossingEdge& edge, std::optional<double> weight) {
  data.tamper(edge.to.partition(), [&](PartitionCore& core) {
    REQUIRE(core.graph().vertex_with(edge.to.local(), Side::in) != nullptr);
    EdgeEntry entry;
    entry.slot = {*core.graph().dictionary().find("KNOWS"), edge.from, 0};
    if (!weight) {
      REQUIRE(core.graph().erase_edge(edge.to.local(), Side::in, space_of(core), entry.slot));
      return;
    }
    entry.weight = *weight;
    core.graph().put_edge(edge.to.local(), Side::in, space_of(core), entry, std::nullopt);
  });
}

}  // namespace

TEST_CASE("a directory that is well: everything is counted") {
  DataDirectory data;
  fill(data);
  VerifyReport report = verified(data);
  require_well(report);
  CHECK(report.graph.vertices == 60);
  CHECK(report.graph.edges == 60);
  CHECK(report.graph.index_entries == 60);
  CHECK(report.graph.labels == 60);
  CHECK(report.graph.spaces == 1);
  CHECK(report.log.segments == 2);
  CHECK(report.warm_stores == 2);
  CHECK(report.replayed > 30);
}

TEST_CASE("a log without warm stores is enough") {
  DataDirectory data;
  data.link("a", "b");
  VerifyReport report = verified(data);
  require_well(report);
  CHECK(report.graph.vertices == 2);
  CHECK(report.warm_stores == 0);
}

TEST_CASE("nothing in the directory changes") {
  DataDirectory data;
  fill(data);
  auto content = [&] {
    std::map<std::string, std::string> all;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(data.path())) {
      if (!entry.is_regular_file()) continue;
      all[entry.path()] = engram::test::read_text(entry.path());
    }
    return all;
  };
  auto before = content();
  (void)verified(data);
  CHECK(before == content());
}

TEST_CASE("a directory in use, and one that is not there, are refused") {
  DataDirectory data;
  auto engine = NodeDirectory::open_existing(data.path(), data.files);
  REQUIRE(engine.ok());
  CHECK(verify(data.files, {data.path(), {}, 100, {}}).status().code() == Code::unavailable);
  CHECK(verify(data.files, {data.path() + "/nothing", {}, 100, {}}).status().code() == Code::invalid_argument);
}

// --- the log --------------------------------------------------------------------------------------------------------

TEST_CASE("a flipped bit in a segment of the log") {
  DataDirectory data;
  fill(data);
  SegmentInfo sealed = data.segments().at(0);
  flip_bit(sealed.path, sealed.bytes / 2);
  VerifyReport report = verified(data);
  Finding finding = only(report, "log").at(0);
  CHECK(finding.file == sealed.path);
  REQUIRE(finding.offset);
  CHECK(*finding.offset <= sealed.bytes / 2);
  CHECK(*finding.offset + 4096 > sealed.bytes / 2);
  CHECK(report.skipped.find("the log cannot be replayed") == 0);
}

TEST_CASE("a segment that is missing") {
  DataDirectory data;
  fill(data);
  data.seal();
  data.put("later");
  std::filesystem::remove(data.segments().at(1).path);
  VerifyReport report = verified(data);
  CHECK(only(report, "log").at(0).message.find("gap") != std::string::npos);
}

TEST_CASE("an archived segment that is missing") {
  DataDirectory data;
  fill(data);
  data.seal();  // the newest sealed segment stays where it is
  data.archive();
  REQUIRE(data.segments().at(0).state == SegmentState::archived);
  require_well(verified(data));
  std::string path = data.segments().at(0).path;
  std::filesystem::remove(path);
  VerifyReport report = verified(data);
  CHECK(only(report, "log").at(0).file == path);
  CHECK(report.graph.vertices == 60);  // no start needs it
}

TEST_CASE("a log that is older than the warm stores") {
  DataDirectory data;
  data.put("a"), data.put("b"), data.put("c");
  data.lose_commands();
  data.put("a"), data.put("b"), data.put("c");
  data.write_back();
  CHECK(only(verified(data), "log").at(0).message.find("but its warm store has record") != std::string::npos);
}

// --- the warm store -------------------------------------------------------------------------------------------------

TEST_CASE("a flipped bit in a warm store") {
  DataDirectory data;
  fill_and_write_back(data);
  std::string path = data.warm_path({1}) + "/data.mdb";
  std::string bytes = engram::test::read_text(path);
  for (std::size_t at = 0; (at = bytes.find("person-", at)) != std::string::npos; ++at) flip_bit(path, at);
  VerifyReport report = verified(data);
  Finding finding = only(report, "warm_store").at(0);
  CHECK(finding.file == path);
  CHECK(finding.partition == PartitionId{1});
  CHECK(report.skipped.find("partition 1 is damaged") != std::string::npos);
}

TEST_CASE("a key that is missing in the table of keys") {
  DataDirectory data;
  fill_and_write_back(data);
  PartitionId owner = data.cluster.find("person-7")->partition();
  auto store = data.open_store(owner, false);
  test::expect(store->write({{WarmTable::keys, warm_key_hash(SpaceId{0}, "person-7"), {}}},
                            data.cluster.core(owner).applied()));
  store.reset();
  Finding finding = only(verified(data), "warm_key").at(0);
  CHECK(finding.vertex == "person-7");
  CHECK(finding.partition == owner);
}

// --- the graph ------------------------------------------------------------------------------------------------------

TEST_CASE("an edge that its target does not know") {
  DataDirectory data;
  fill_and_write_back(data);
  CrossingEdge edge = crossing_edge(data);
  spoil_reverse(data, edge, std::nullopt);
  VerifyReport report = verified(data);
  Finding finding = only(report, "reverse_edge").at(0);
  CHECK(report.findings.count() == 1);
  CHECK(finding.vertex == edge.source);
  CHECK(finding.edge.find(edge.source + " -KNOWS-> person-") == 0);
  CHECK(finding.partition == edge.from.partition());
}

TEST_CASE("an edge that its source does not know") {
  DataDirectory data;
  fill_and_write_back(data);
  CrossingEdge edge = crossing_edge(data);
  data.tamper(edge.from.partition(), [&](PartitionCore& core) {
    REQUIRE(core.graph().vertex_with(edge.from.local(), Side::out) != nullptr);
    EdgeSlot slot{*core.graph().dictionary().find("KNOWS"), edge.to, 0};
    REQUIRE(core.graph().erase_edge(edge.from.local(), Side::out, space_of(core), slot));
  });
  VerifyReport report = verified(data);
  CHECK(only(report, "reverse_edge").at(0).partition == edge.to.partition());
  CHECK(report.findings.count() == 1);
}

TEST_CASE("an edge of two weights") {
  DataDirectory data;
  fill_and_write_back(data);
  spoil_reverse(data, crossing_edge(data), 0.75);
  VerifyReport report = verified(data);
  CHECK(only(report, "reverse_edge").at(0).message.find("0.75") != std::string::npos);
  CHECK(report.findings.count() == 1);
}

TEST_CASE("a wrong count of a space") {
  DataDirectory data;
  fill_and_write_back(data);
  data.tamper({0}, [&](PartitionCore& core) {
    space_of(core).counts.edges += 1;
    core.graph().spaces().mark_dirty(space_of(core));
  });
  VerifyReport report = verified(data);
  Finding finding = only(report, "counts").at(0);
  CHECK(report.findings.count() == 1);
  CHECK(finding.message.find("space 'default'") == 0);
  CHECK(finding.partition == PartitionId{0});
}

TEST_CASE("a vertex that its label's list does not have, and one that it has too many") {
  DataDirectory data;
  fill_and_write_back(data);
  VertexId id = *data.cluster.find("person-7");
  data.tamper(id.partition(), [&](PartitionCore& core) {
    NameId label = *core.graph().dictionary().find("Person");
    REQUIRE(core.graph().postings().remove(SpaceId{0}, label, id.local()));
  });
  VerifyReport report = verified(data);
  std::vector<Finding> findings;
  for (const Finding& finding : report.findings.kept())
    if (finding.check == "label") findings.push_back(finding);
  REQUIRE(findings.size() == 1);
  CHECK(findings[0].vertex == "person-7");

  data.tamper(id.partition(), [&](PartitionCore& core) {
    NameId label = *core.graph().dictionary().find("Person");
    core.graph().postings().add(SpaceId{0}, label, id.local());
    core.graph().postings().add(SpaceId{0}, label, {1'000});
  });
  CHECK(only(verified(data), "label").at(0).message.find("1000") != std::string::npos);
}

TEST_CASE("an index that says something else than the properties") {
  DataDirectory data;
  fill_and_write_back(data);
  VertexId id = *data.cluster.find("person-7");
  data.tamper(id.partition(), [&](PartitionCore& core) {
    core.graph().ordered().insert(space_of(core).indexes.at(0).number, as_bytes("something"), id.local());
  });
  Finding finding = only(verified(data), "index").at(0);
  CHECK(finding.vertex == "person-7");
}

TEST_CASE("a number that is given out twice") {
  DataDirectory data;
  fill_and_write_back(data);
  data.tamper({0}, [&](PartitionCore& core) {
    for (std::uint64_t id = 0; id < core.graph().next_local().value; ++id) core.graph().vertex({id});
    core.graph().set_next_local({core.graph().next_local().value - 1});
  });
  bool named = false;
  VerifyReport report = verified(data);
  for (const Finding& finding : report.findings.kept())
    named = named || finding.message.find("never given out") != std::string::npos;
  CHECK(named);
}

// --- transactions in doubt ------------------------------------------------------------------------------------------

/// Logs what `logged` says of the next commands, as a crash at that place would leave it.
void log_only(DataDirectory& data, const std::function<bool(schema::Command::Reader)>& logged) {
  auto append = data.cluster.before_apply;
  data.cluster.before_apply = [append, logged](PartitionId partition, const LoggedCommand& record) {
    CommandView view(record.command);
    if (logged(view.root())) append(partition, record);
  };
}

TEST_CASE("a transaction that was decided is settled as committed, an undecided one as aborted") {
  DataDirectory data;
  fill(data);
  CrossingEdge edge = crossing_edge(data);
  std::string target;
  for (int i = 0; i < 60; ++i)
    if (data.cluster.find("person-" + std::to_string(i)) == edge.to) target = "person-" + std::to_string(i);
  SECTION("decided") {
    log_only(data, [](auto command) { return command.isPrepare() || command.isCommit(); });
    data.link(target, edge.source);  // the other way round: a new edge between the two
    VerifyReport report = verified(data);
    require_well(report);
    CHECK(report.settled.committed == 1);
    CHECK(report.settled.aborted == 0);
    CHECK(report.graph.edges == 61);
  }
  SECTION("not decided") {
    log_only(data, [](auto command) { return command.isPrepare(); });
    data.link(target, edge.source);
    VerifyReport report = verified(data);
    require_well(report);
    CHECK(report.settled.committed == 0);
    CHECK(report.settled.aborted == 1);
    CHECK(report.graph.edges == 60);
  }
}

}  // namespace engram::cli
