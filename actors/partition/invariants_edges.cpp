// Edges: both ends exist, in one space, and say the same.

#include <bit>
#include <cmath>

#include "actors/partition/invariant_check.h"

namespace engram {
namespace {

Side other_side(Side side) { return side == Side::out ? Side::in : Side::out; }

}  // namespace

void InvariantCheck::check_edges(PartitionCore& core, const Own& own, Side side, Tally& tally) {
  HotVertex* hot = core.graph().vertex_with(own.id.local(), side);
  take_failure(core, own.key);
  if (hot == nullptr || !hot->edges(side).loaded()) return;
  Adjacency edges = hot->edges(side);  // shared, so that loading others cannot move it
  EdgeEntry entry;
  std::size_t walked = 0;
  for (auto cursor = edges.begin(); cursor.next(entry); ++walked) {
    check_entry(core, own, side, entry);
    if (side == Side::in) continue;
    ++counts_.edges;
    ++tally.edges;
    tally.bytes += edge_cost_bytes(entry.properties);
    ++tally.types[entry.slot.type];
  }
  if (walked != edges.degree())
    found("edge", core, own.key, {}, "the vertex has " + std::to_string(walked) + " edges on one side, but counts " +
                                         std::to_string(edges.degree()));
}

void InvariantCheck::check_entry(PartitionCore& core, const Own& own, Side side, const EdgeEntry& entry) {
  if (core.graph().dictionary().name(entry.slot.type).empty())
    return found("edge", core, own.key, edge_text(core, own, side, entry.slot), "the edge's type has no name");
  if (!std::isfinite(entry.weight))
    found("edge", core, own.key, edge_text(core, own, side, entry.slot), "the edge's weight is not a finite number");
  if (side == Side::out) {
    if (entry.version > own.applied.value)
      found("edge", core, own.key, edge_text(core, own, side, entry.slot),
            "the edge was changed by record " + std::to_string(entry.version) + ", behind the end of the log");
    if (!entry.properties.empty())
      check_properties(core, own, entry.properties, edge_text(core, own, side, entry.slot));
  }
  // While a dropped space is being removed, partitions are at different places of it.
  if (!own.space->dropped) check_other_end(core, own, side, entry);
}

void InvariantCheck::check_other_end(PartitionCore& core, const Own& own, Side side, const EdgeEntry& entry) {
  const char* end = side == Side::out ? "target" : "source";
  auto report = [&](const char* check, const std::string& message) {
    found(check, core, own.key, edge_text(core, own, side, entry.slot), message);
  };
  VertexId far = entry.slot.neighbour;
  if (far.partition().value >= cores_.size())
    return report("edge", std::string("the edge's ") + end + " is in a partition that does not exist");
  if (cores_[far.partition().value] == nullptr || (in_doubt_ && far.partition() != core.graph().self())) return;
  PartitionCore& there = *cores_[far.partition().value];
  HotVertex* hot = there.graph().vertex_with(far.local(), other_side(side));
  take_failure(there, own.key);
  if (hot == nullptr) return report("edge", std::string("the edge's ") + end + " does not exist");
  auto head = parse_head(hot->head.bytes());
  if (head.ok() && head->space != own.space->route.id)
    return report("edge", std::string("the edge's ") + end + " is in another space");
  NameId type = translate(core, there, entry.slot.type);
  auto reverse = hot->edges(other_side(side)).find({type, own.id, entry.slot.rank});
  if (type.value == 0 || !reverse)
    return report("reverse_edge", side == Side::out ? "the edge is missing among the incoming edges of its target"
                                                    : "the incoming edge is missing at its source");
  if (side == Side::out && std::bit_cast<std::uint64_t>(reverse->weight) != std::bit_cast<std::uint64_t>(entry.weight))
    report("reverse_edge", "the edge has weight " + std::to_string(entry.weight) + " at its source and " +
                               std::to_string(reverse->weight) + " at its target");
}

NameId InvariantCheck::translate(PartitionCore& from, PartitionCore& to, NameId type) {
  if (&from == &to) return type;
  std::uint64_t way = std::uint64_t{from.graph().self().value} << 48 | std::uint64_t{to.graph().self().value} << 32;
  auto [at, fresh] = translations_.try_emplace(way | type.value);
  if (fresh) at->second = to.graph().dictionary().find(from.graph().dictionary().name(type)).value_or(NameId{});
  return at->second;
}

std::string InvariantCheck::edge_text(PartitionCore& core, const Own& own, Side side, const EdgeSlot& slot) {
  VertexId far = slot.neighbour;
  std::string other = std::to_string(far.partition().value) + "/" + std::to_string(far.local().value);
  if (far.partition().value < cores_.size() && cores_[far.partition().value] != nullptr)
    if (HotVertex* hot = cores_[far.partition().value]->graph().vertex(far.local()))
      if (auto head = parse_head(hot->head.bytes()); head.ok()) other = head->key;
  std::string key(own.key);
  std::string type(core.graph().dictionary().name(slot.type));
  return (side == Side::out ? key : other) + " -" + type + "-> " + (side == Side::out ? other : key) +
         (slot.rank == 0 ? "" : " #" + std::to_string(slot.rank));
}

}  // namespace engram
