// Edges by type: what is skipped is what is not wanted, wherever a page begins.

#include <catch2/catch.hpp>

#include <capnp/message.h>

#include "actors/partition/core/read_filters.h"

using namespace engram;

namespace {

const std::vector<std::string> types{"a", "b", "c", "d", "e"};

struct Hub {
  Dictionary dictionary;
  Adjacency edges = Adjacency::empty(Side::out);
  std::vector<EdgeSlot> slots;
  explicit Hub(std::uint64_t edges_a_type) {
    for (const std::string& type : types) {
      NameId id = dictionary.intern(type);
      if (type == "c") continue;  // a type that the hub has no edge of
      for (std::uint64_t i = 0; i < edges_a_type; ++i) {
        EdgeEntry entry;
        entry.slot = {id, VertexId{7 * i}, static_cast<std::int64_t>(i % 3)};
        entry.weight = static_cast<double>(i % 10);
        edges.put(entry);
        slots.push_back(entry.slot);
      }
    }
  }
};

CompiledEdgeFilter filter_of(const Hub& hub, const std::vector<std::string>& wanted, double min_weight) {
  capnp::MallocMessageBuilder message;
  auto filter = message.initRoot<schema::EdgeFilter>();
  filter.setMinWeight(min_weight);
  auto list = filter.initTypes(static_cast<unsigned>(wanted.size()));
  for (unsigned i = 0; i < wanted.size(); ++i) list.set(i, wanted[i].c_str());
  CompiledEdgeFilter compiled;
  REQUIRE(compiled.compile(filter.asReader(), hub.dictionary).ok());
  return compiled;
}

/// What a walk over all edges finds.
std::vector<EdgeSlot> all_admitted(const Hub& hub, const CompiledEdgeFilter& filter, const EdgeSlot& from) {
  std::vector<EdgeSlot> found;
  EdgeEntry entry;
  for (auto cursor = hub.edges.begin(); cursor.next(entry);)
    if (entry.slot >= from && filter.admit(entry)) found.push_back(entry.slot);
  return found;
}

}  // namespace

TEST_CASE("the edges of some types are those that a walk over all would find, from any edge on") {
  for (std::uint64_t size : {3, 60, 700}) {
    Hub hub(size);
    for (unsigned subset = 0; subset < 64; ++subset) {
      std::vector<std::string> wanted;
      for (unsigned i = 0; i < types.size(); ++i)
        if ((subset >> i & 1) != 0) wanted.push_back(types[types.size() - 1 - i]);
      if ((subset >> types.size() & 1) != 0) wanted.push_back("unknown");
      CompiledEdgeFilter filter = filter_of(hub, wanted, subset % 3 == 0 ? 5 : 0);
      for (std::size_t at : {std::size_t{0}, hub.slots.size() / 3, hub.slots.size() / 2, hub.slots.size() - 1}) {
        INFO("subset " << subset << ", " << size << " edges of a type, from edge " << at);
        EdgeSlot from = at == 0 ? first_slot : hub.slots[at];
        std::vector<EdgeSlot> found;
        EdgeEntry entry;
        for (FilteredEdges edges(hub.edges, filter, from); edges.next(entry);) found.push_back(entry.slot);
        CHECK(found == all_admitted(hub, filter, from));
      }
    }
  }
}
