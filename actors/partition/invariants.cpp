#include "actors/partition/invariants.h"

#include "actors/partition/invariant_check.h"
#include "storage/base/graph_limits.h"
#include "storage/hot/properties.h"

namespace engram {
namespace {

constexpr std::uint64_t progress_every = 8192;

std::string local_text(const PartitionId partition, LocalId id) {
  return std::to_string(partition.value) + "/" + std::to_string(id.value);
}

std::string difference(const char* what, std::uint64_t said, std::uint64_t counted) {
  return std::string("has ") + std::to_string(counted) + " " + what + ", but its record says " + std::to_string(said);
}

}  // namespace

GraphCounts check_invariants(const std::vector<PartitionCore*>& cores, Findings& findings,
                             const std::function<void(double)>& progress) {
  return InvariantCheck(cores, findings).run(progress);
}

GraphCounts InvariantCheck::run(const std::function<void(double)>& progress) {
  std::uint64_t total = 0;
  for (PartitionCore* core : cores_) {
    if (core == nullptr) continue;
    total += core->graph().next_local().value;
    in_doubt_ = in_doubt_ || core->prepared() > 0;
  }
  std::uint64_t before = 0;
  for (PartitionCore* core : cores_) {
    if (core == nullptr) continue;
    check_partition(*core, [&](std::uint64_t done) {
      if (progress) progress(static_cast<double>(before + done) / static_cast<double>(total));
    });
    before += core->graph().next_local().value;
  }
  return counts_;
}

void InvariantCheck::found(const char* check, PartitionCore& core, std::string_view vertex, std::string edge,
                           std::string message) {
  findings_.add({check, std::move(message), core.graph().self(), std::string(vertex), std::move(edge), {}, {}});
}

void InvariantCheck::take_failure(PartitionCore& core, std::string_view vertex) {
  if (Status failure = core.graph().take_failure(); !failure.ok())
    found("warm_store", core, vertex, {}, failure.message());
}

void InvariantCheck::check_partition(PartitionCore& core, const std::function<void(std::uint64_t)>& progress) {
  Graph& graph = core.graph();
  tallies_.clear();
  for (LocalId id{0}; id < graph.next_local(); ++id.value) {
    check_vertex(core, id);
    if (id.value % progress_every == 0) progress(id.value);
  }
  graph.hot().for_each([&](LocalId id, HotVertex&) {
    if (id >= graph.next_local())
      found("vertex", core, {}, {}, "vertex " + local_text(graph.self(), id) + " has a number that was never given out");
  });
  for (SpaceId id : graph.spaces().all()) check_space(core, *graph.spaces().find_even_dropped(id));
}

// --- vertices -------------------------------------------------------------------------------------------------------

void InvariantCheck::check_vertex(PartitionCore& core, LocalId id) {
  Graph& graph = core.graph();
  HotVertex* hot = graph.vertex(id);
  if (hot == nullptr) return take_failure(core, local_text(graph.self(), id));
  BlobRef blob = hot->head;  // shared, so that loading others cannot move it
  auto head = parse_head(blob.bytes());
  if (!head.ok())
    return found("vertex", core, {}, {}, "vertex " + local_text(graph.self(), id) + ": " + head.status().message());
  Own own{VertexId::of(graph.self(), id), head->key, graph.spaces().find_even_dropped(head->space), core.applied()};
  Tally& tally = tallies_[head->space.value];
  ++counts_.vertices;
  ++tally.vertices;
  ++tally.labels[Postings::all];
  tally.bytes += blob.size();
  if (own.space == nullptr)
    return found("space", core, own.key, {}, "the vertex is in space " + std::to_string(head->space.value) +
                                                 ", which its partition does not know");
  check_place(core, own);
  if (head->version > own.applied.value)
    found("vertex", core, own.key, {}, "the vertex was changed by record " + std::to_string(head->version) +
                                           ", behind the end of the log");
  check_names(core, own, *head, tally);
  check_properties(core, own, head->properties, {});
  for (Side side : {Side::out, Side::in}) check_edges(core, own, side, tally);
}

void InvariantCheck::check_place(PartitionCore& core, const Own& own) {
  Graph& graph = core.graph();
  if (own.key.empty() || own.key.size() > max_key_bytes || !is_utf8(own.key))
    found("key", core, own.key, {}, "the key is empty, too long or not UTF-8");
  PartitionId owner = owner_of_key(own.space->route, own.key, graph.partitions());
  if (owner != graph.self())
    found("key", core, own.key, {}, "the vertex belongs into partition " + std::to_string(owner.value));
  LocalId found_id;
  if (graph.find_key(own.space->route.id, own.key, found_id) != Presence::present)
    found("key", core, own.key, {}, "the vertex cannot be found by its key");
  else if (found_id != own.id.local())
    found("key", core, own.key, {}, "the key leads to another vertex, " + local_text(graph.self(), found_id));
  take_failure(core, own.key);
}

void InvariantCheck::check_names(PartitionCore& core, const Own& own, const VertexHead& head, Tally& tally) {
  Graph& graph = core.graph();
  if (!graph.postings().contains(head.space, Postings::all, own.id.local()))
    found("label", core, own.key, {}, "the vertex is missing in the list of its space");
  if (head.label_count == 0) return;
  for (NameId label : head.labels()) {
    ++counts_.labels;
    ++tally.labels[label];
    std::string name(graph.dictionary().name(label));
    if (name.empty()) found("label", core, own.key, {}, "the vertex has a label without a name");
    if (!graph.postings().contains(head.space, label, own.id.local()))
      found("label", core, own.key, {}, "the vertex is missing in the list of its label '" + name + "'");
  }
}

void InvariantCheck::check_properties(PartitionCore& core, const Own& own, Bytes properties, const std::string& edge) {
  if (!properties_parse(properties))
    return found("property", core, own.key, edge, "the properties do not parse");
  PropertyCursor cursor(properties);
  NameId name;
  Bytes value;
  while (cursor.next(name, value))
    if (core.graph().dictionary().name(name).empty())
      found("property", core, own.key, edge, "there is a property without a name");
}

// --- spaces ---------------------------------------------------------------------------------------------------------

void InvariantCheck::check_space(PartitionCore& core, Space& space) {
  const Tally& tally = tallies_[space.route.id.value];
  auto wrong = [&](const std::string& message) {
    found("counts", core, {}, {}, "space '" + space.name + "' " + message);
  };
  const SpaceCounts& said = space.counts;
  if (said.vertices != tally.vertices) wrong(difference("vertices", said.vertices, tally.vertices));
  if (said.edges != tally.edges) wrong(difference("edges", said.edges, tally.edges));
  if (said.bytes != tally.bytes) wrong(difference("bytes", said.bytes, tally.bytes));
  std::map<NameId, std::uint64_t> types(said.types.begin(), said.types.end());
  if (types != tally.types) wrong("has other edge types, or other numbers of them, than its record says");
  check_labels(core, space, tally);
  if (space.dropped) return;
  for (const DeclaredIndex& index : space.indexes) check_index(core, space, index);
  bool home = space.route.home == core.graph().self();
  if (home) ++counts_.spaces;
  if (home || space.route.placement == Placement::spread) check_same_everywhere(core, space);
  else found("space", core, {}, {}, "space '" + space.name + "' is kept together in another partition");
}

void InvariantCheck::check_labels(PartitionCore& core, Space& space, const Tally& tally) {
  Graph& graph = core.graph();
  for (auto [label, count] : graph.postings().labels(space.route.id)) {
    auto carried = tally.labels.find(label);
    std::uint64_t counted = carried == tally.labels.end() ? 0 : carried->second;
    if (count <= counted) continue;  // one that is missing was found with its vertex
    std::string list = label == Postings::all ? "the list of vertices"
                                              : "the list of label '" + std::string(graph.dictionary().name(label)) + "'";
    graph.postings().for_each_from(space.route.id, label, LocalId{0}, [&, label = label](LocalId id) {
      HotVertex* hot = graph.vertex(id);
      auto head = hot == nullptr ? Result<VertexHead>(Status(Code::unknown_vertex, {})) : parse_head(hot->head.bytes());
      bool belongs = head.ok() && head->space == space.route.id && (label == Postings::all || head->has_label(label));
      if (!belongs)
        found("label", core, head.ok() ? head->key : std::string_view(), {},
              list + " of space '" + space.name + "' has vertex " + local_text(graph.self(), id) +
                  ", which does not belong there");
      return belongs;
    });
  }
}

std::string InvariantCheck::index_text(PartitionCore& core, const Space& space) const {
  std::string all;
  Dictionary& names = core.graph().dictionary();
  for (const DeclaredIndex& index : space.indexes)
    all += std::string(names.name(index.label)) + "." + std::string(names.name(index.property)) + " ";
  return all;
}

void InvariantCheck::check_same_everywhere(PartitionCore& core, const Space& space) {
  if (space.route.placement == Placement::together || in_doubt_) return;
  for (PartitionCore* other : cores_) {
    if (other == &core || other == nullptr) continue;
    Space* there = other->graph().spaces().find(space.route.id);
    std::string in_other = " in partition " + std::to_string(other->graph().self().value);
    bool at_home = space.route.home == core.graph().self();
    if (!at_home && other->graph().self() != space.route.home) continue;  // the home compares itself with all
    if (there == nullptr)
      found("space", core, {}, {}, "space '" + space.name + "' is missing" + in_other);
    else if (!at_home)
      continue;
    else if (there->name != space.name || there->route.placement != space.route.placement ||
             there->quota.vertices != space.quota.vertices || there->quota.edges != space.quota.edges ||
             there->quota.bytes != space.quota.bytes)
      found("space", core, {}, {}, "space '" + space.name + "' has another name, placement or quota" + in_other);
    else if (index_text(core, space) != index_text(*other, *there))
      found("space", core, {}, {}, "space '" + space.name + "' has other indexes" + in_other);
  }
}

}  // namespace engram
