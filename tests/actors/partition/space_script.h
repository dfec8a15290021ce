#pragma once
// What tests of spaces say beside partition_script.h: commands about spaces, look-ups, and what all of a node has to be.

#include "actors/partition/invariants.h"
#include "tests/actors/partition/partition_script.h"
#include "tests/support/space_model.h"

namespace engram::test {

inline Submission submission_of(Session& session, const SpaceCommand& command) {
  return session.command(command.space, [&](schema::Command::Builder out) { write(command, out); });
}

inline std::vector<PartitionId> partitions_of(const SimulatedCluster& node, const SpaceRoute& space) {
  std::vector<PartitionId> all;
  for (std::uint16_t i = 0; i < node.partitions(); ++i)
    if (space.placement == Placement::spread || space.home == PartitionId{i}) all.push_back({i});
  return all;
}

/// The keys that an index finds, asked as a client would; what it failed with if it failed.
inline Result<std::set<std::string>> look_up(SimulatedCluster& node, const SpaceRoute& space, const ModelIndex& index,
                                             std::int64_t least, std::int64_t most) {
  std::set<std::string> keys;
  for (PartitionId partition : partitions_of(node, space)) {
    Frame frame = run_read(node, partition, [&](schema::Request::Builder request) {
      request.setSpace(space.id.value);
      auto lookup = request.initLookup();
      write(index, lookup.initIndex());
      if (least == most) {
        lookup.initEqual().setInt64(least);
      } else {
        lookup.initRange().initMin().setInt64(least);
        lookup.getRange().initMax().setInt64(most);
      }
      lookup.setLimit(1000);
    });
    auto answer = frame.read<schema::Answer>();
    if (Status error = read_error(answer.getError()); !error.ok()) return error;
    for (auto vertex : answer.getLookup().getVertices()) {
      std::string key(text_of(vertex.getKey()));
      INFO(key << " is found twice");
      CHECK(keys.insert(key).second);
    }
  }
  return keys;
}

/// A look-up of every declared index, and of one that is not. An index may still be built: then it is waited for.
inline void check_index(SimulatedCluster& node, const ModelSpace& space, const ModelIndex& index, std::int64_t least,
                        std::int64_t most) {
  INFO("index " << index.first << "." << index.second << " of " << space.name << ", " << least << " to " << most);
  auto found = look_up(node, space.route, index, least, most);
  for (int ticks = 0; found.status().code() == Code::unavailable && ticks < 20; ++ticks) {
    CHECK(found.status().field() == "index");  // by which clients know that no other node would answer
    node.tick(100);
    found = look_up(node, space.route, index, least, most);
  }
  if (!space.indexes.contains(index)) {
    CHECK(found.status().code() == Code::not_indexed);
    return;
  }
  INFO(found.status().message());
  REQUIRE(found.ok());
  CHECK(*found == SpaceModel::look_up(space, index, least, most));
}

/// The spaces that each partition knows are those of the model, or, of those that were dropped, ones not purged yet.
inline void check_spaces(SimulatedCluster& node, const SpaceModel& model) {
  for (PartitionCore* core : cores_of(node)) {
    PartitionId self = core->graph().self();
    SpaceTable& table = core->graph().spaces();
    INFO("partition " << self.value);
    std::set<SpaceId> known, wanted;
    for (SpaceId id : table.all())
      if (!table.find_even_dropped(id)->dropped) known.insert(id);
    for (const auto& [id, space] : model.spaces) {
      if (space.route.placement == Placement::together && space.route.home != self) continue;
      wanted.insert(id);
      const Space* is = table.find(id);
      INFO("space " << space.name);
      REQUIRE(is != nullptr);
      CHECK(is->name == space.name);
      CHECK((is->route.placement == space.route.placement));
      CHECK(is->quota.vertices == space.quota.vertices);
      CHECK(is->quota.edges == space.quota.edges);
      CHECK(is->quota.bytes == space.quota.bytes);
      CHECK((table.find_name(space.name) != nullptr) == (space.route.home == self));
      std::set<ModelIndex> indexes;
      for (const DeclaredIndex& index : is->indexes)
        indexes.insert({std::string(core->graph().dictionary().name(index.label)),
                        std::string(core->graph().dictionary().name(index.property))});
      CHECK((indexes == space.indexes));
    }
    CHECK((known == wanted));
  }
}

inline void check_no_findings(const Findings& findings) {
  for (const Finding& finding : findings.kept())
    UNSCOPED_INFO(finding.check << ", partition " << (finding.partition ? finding.partition->value : 0) << ", vertex "
                                << finding.vertex << ": " << finding.message);
  CHECK(findings.count() == 0);
}

/// After `settle`: everything is as the model says, at both ends, in all partitions, by every way to it.
inline void check_node(SimulatedCluster& node, const SpaceModel& model, bool with_stores) {
  check_spaces(node, model);
  for (const auto& [id, space] : model.spaces) {
    INFO("space " << space.name);
    check_graph(GraphReader(node, id).read(), space.commands.graph);
    for (const ModelIndex& index : space.indexes)
      if (with_stores) check_index(node, space, index, 0, 4);
  }
  Findings findings;
  check_invariants(cores_of(node), findings);
  check_no_findings(findings);
  for (PartitionCore* core : cores_of(node)) {  // `settle` gave it the time
    CHECK(core->graph().spaces().dropped().empty());
    if (with_stores) CHECK(core->graph().spaces().dropped_indexes().empty());
  }
}

/// Right after a clean start: the warm stores hold what belongs to a space or an index of today, and nothing else.
inline void check_nothing_left(SimulatedCluster& node, const SpaceModel& model) {
  for (PartitionCore* core : cores_of(node)) {
    const WarmStore& store = *core->graph().store();
    PartitionId self = core->graph().self();
    INFO("partition " << self.value);
    Findings findings;
    check_warm_tables(store, self, findings);
    check_no_findings(findings);
    std::set<std::uint32_t> numbers;
    for (SpaceId id : core->graph().spaces().all())
      for (const DeclaredIndex& index : core->graph().spaces().find_even_dropped(id)->indexes)
        numbers.insert(index.number.value);
    auto of_a_space = [&](Bytes key, Bytes) { return model.spaces.contains({read_big_endian<std::uint64_t>(key.data())}); };
    auto vertex = [&](Bytes, Bytes value) { return model.spaces.contains(parse_head(value)->space); };
    auto of_an_index = [&](Bytes key, Bytes) { return numbers.contains(read_big_endian<std::uint32_t>(key.data())); };
    auto none_but = [&](WarmTable table, const std::function<bool(Bytes key, Bytes value)>& belongs) {
      std::size_t left = 0;
      Status scanned = WarmStore::View(store).scan(table, {}, {}, [&](Bytes key, Bytes value) {
        left += belongs(key, value) ? 0 : 1;
        return true;
      });
      INFO("table " << static_cast<int>(table));
      CHECK(scanned.ok());
      CHECK(left == 0);
    };
    none_but(WarmTable::spaces, of_a_space);
    none_but(WarmTable::postings, of_a_space);
    none_but(WarmTable::vertices, vertex);
    none_but(WarmTable::ordered, of_an_index);
  }
}

}  // namespace engram::test
