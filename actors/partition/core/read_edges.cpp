// Reads along edges: neighbours, degrees, hops of a traversal.

#include <algorithm>

#include "actors/partition/core/partition_read.h"
#include "actors/partition/core/vertex_links.h"
#include "storage/hot/properties.h"

namespace engram {
namespace {

constexpr std::uint64_t no_vertex = ResolvedKeys::absent.value;
constexpr std::size_t bytes_around = 128;  // of an edge in an answer, beside its properties

Status not_at_this_end() {
  return {Code::invalid_argument,
          "Properties of edges are kept at their source: filter on them in direction `out` only.", "filter.properties"};
}

Status no_such_vertex() { return {Code::unknown_vertex, "There is no such vertex.", "vertex"}; }

/// What a property holds, if it is there and a number.
std::optional<double> number_of(const EdgeEntry& entry, std::optional<NameId> property) {
  auto value = property ? find_property(entry.properties, *property) : std::nullopt;
  return value ? numeric_value(*value) : std::nullopt;
}

/// Where the next page of neighbours starts: side and slot of the first entry not returned.
struct NeighborsCursor {
  Side side = Side::out;
  EdgeSlot slot;
  bool set = false;

  static bool read(capnp::Data::Reader data, NeighborsCursor& cursor) {
    if (data.size() == 0) return true;
    Unpacker in({reinterpret_cast<const std::byte*>(data.begin()), data.size()});
    cursor.side = in.number() == 0 ? Side::out : Side::in;
    cursor.slot.type.value = static_cast<std::uint32_t>(in.number());
    cursor.slot.neighbour.value = in.number();
    cursor.slot.rank = in.signed_number();
    cursor.set = true;
    return in.ok() && in.at_end();
  }
  [[nodiscard]] std::string bytes() const {
    Packer out;
    out.number(side == Side::out ? 0 : 1).number(slot.type.value).number(slot.neighbour.value).signed_number(slot.rank);
    return out.bytes();
  }
};

}  // namespace

std::vector<Side> sides_of(schema::Direction direction) {
  if (direction == schema::Direction::OUT) return {Side::out};
  if (direction == schema::Direction::IN) return {Side::in};
  return {Side::out, Side::in};
}

void PartitionRead::write_edge(const CompiledProjection& projection, VertexId own, std::string_view own_key, Side side,
                               const EdgeEntry& entry, schema::Edge::Builder out) {
  bool outgoing = side == Side::out;
  out.setSource(outgoing ? own.value : entry.slot.neighbour.value);
  out.setTarget(outgoing ? entry.slot.neighbour.value : own.value);
  capnp::Text::Builder key = outgoing ? out.initSourceKey(static_cast<unsigned>(own_key.size()))
                                      : out.initTargetKey(static_cast<unsigned>(own_key.size()));
  std::memcpy(key.begin(), own_key.data(), own_key.size());
  auto type = graph_.dictionary().name(entry.slot.type);
  std::memcpy(out.initType(static_cast<unsigned>(type.size())).begin(), type.data(), type.size());
  out.setRank(entry.slot.rank);
  out.setWeight(entry.weight);
  out.setCreatedNs(entry.created_ns);
  out.setChangedNs(entry.changed_ns);
  out.setVersion(entry.version);
  projection.write_properties(entry.properties, [&](unsigned count) { return out.initProperties(count); });
}

void PartitionRead::neighbors(schema::NeighborsRequest::Reader request, Answer answer) {
  CompiledEdgeFilter filter;
  if (Status status = filter.compile(request.getFilter(), graph_.dictionary()); !status.ok()) return fail(answer, status);
  if (filter.has_property_filters() && request.getDirection() != schema::Direction::OUT)
    return fail(answer, not_at_this_end());
  NeighborsCursor start;
  if (!NeighborsCursor::read(request.getCursor(), start))
    return fail(answer, {Code::invalid_argument, "This is not a cursor that a reply contained.", "cursor"});
  auto vertex = named(request.getVertex());
  if (!vertex) return fail(answer, no_such_vertex());

  HotVertex* hot = vertex->hot;
  CompiledProjection projection(request.getProjection(), graph_.dictionary());
  std::vector<std::pair<Side, EdgeEntry>> found;
  NeighborsCursor next;
  for (Side side : sides_of(request.getDirection())) {
    if (start.set && side < start.side) continue;
    hot = edges_of(vertex->id, side);
    if (hot == nullptr || next.set) continue;
    FilteredEdges edges(hot->edges(side), filter, start.set && side == start.side ? start.slot : first_slot);
    EdgeEntry entry;
    while (edges.next(entry)) {
      if (found.size() >= request.getLimit() || !has_room_for(projection.bytes_of(entry.properties) + bytes_around)) {
        if (found.empty()) return fail_too_large(answer, "projection");  // a page without it would lead to itself
        next = {side, entry.slot, true};
        break;
      }
      found.emplace_back(side, entry);
    }
  }
  if (!outcome_.needs.empty() || hot == nullptr) return;
  auto reply = answer.initNeighbors();
  auto list = reply.initEdges(static_cast<unsigned>(found.size()));
  auto key = parse_head(hot->head.bytes())->key;
  for (unsigned i = 0; i < found.size(); ++i)
    write_edge(projection, VertexId::of(graph_.self(), vertex->id), key, found[i].first, found[i].second, list[i]);
  if (next.set) {
    std::string bytes = next.bytes();
    reply.setCursor({reinterpret_cast<const kj::byte*>(bytes.data()), bytes.size()});
  }
}

void PartitionRead::degree(schema::DegreeRequest::Reader request, Answer answer) {
  auto vertex = named(request.getVertex());
  if (!vertex) return fail(answer, no_such_vertex());
  std::vector<NameId> types;
  for (auto type : request.getTypes())
    if (auto name = graph_.dictionary().find(text_of(type))) types.push_back(*name);
  std::sort(types.begin(), types.end());
  types.erase(std::unique(types.begin(), types.end()), types.end());  // an edge counts once, however often it is asked for
  auto reply = answer.initDegree();
  for (Side side : {Side::out, Side::in}) {
    HotVertex* hot = edges_of(vertex->id, side);
    if (hot == nullptr) continue;
    std::uint64_t count = request.getTypes().size() == 0 ? hot->edges(side).degree() : 0;
    for (NameId type : types) {
      EdgeEntry entry;
      auto cursor = hot->edges(side).seek({type, {0}, std::numeric_limits<std::int64_t>::min()});
      while (cursor.next(entry) && entry.slot.type == type) ++count;
    }
    side == Side::out ? reply.setOut(count) : reply.setIn(count);
  }
}

Status PartitionRead::plan_hop(schema::HopRequest::Reader request, HopPlan& plan) {
  auto step = request.getHop();
  Status compiled = plan.admit.compile(request.getAdmit(), graph_.dictionary());
  if (compiled.ok()) compiled = plan.edges.compile(step.getEdges(), graph_.dictionary());
  if (!compiled.ok()) return compiled;
  plan.payload = request.getPayload();
  bool by_property = plan.payload == schema::HopRequest::Payload::PROPERTY;
  if (request.getExpand() && step.getDirection() != schema::Direction::OUT &&
      (plan.edges.has_property_filters() || by_property))
    return not_at_this_end();
  if (request.getExpand()) plan.sides = sides_of(step.getDirection());
  if (step.getLimitPerVertex() != 0) plan.most = step.getLimitPerVertex();
  plan.cost_property = graph_.dictionary().find(text_of(request.getCostProperty()));
  std::size_t row_bytes = sizeof(std::uint64_t) + (plan.payload == schema::HopRequest::Payload::NONE ? 0 : sizeof(double));
  if (request.getMaxBytes() != 0) plan.most_rows = request.getMaxBytes() / row_bytes;
  return {};
}

Status PartitionRead::resolve_seeds(capnp::List<schema::VertexRef>::Reader seeds, std::vector<std::uint64_t>& ids) {
  for (auto seed : seeds) {
    auto vertex = named(seed);
    if (vertex) {
      ids.push_back(VertexId::of(graph_.self(), vertex->id).value);
    } else if (outcome_.needs.empty() && outcome_.wait_for.empty()) {
      return {Code::unknown_vertex,
              "There is no vertex " +
                  (seed.isKey() ? std::string(text_of(seed.getKey())) : std::to_string(seed.getId())) + ".",
              "seeds"};
    }
  }
  return {};
}

bool PartitionRead::walk(const HopPlan& plan, LocalId id, HopRows& rows) {
  bool admitted = true;
  if (!plan.admit.empty()) {
    HotVertex* hot = head_of(id);
    admitted = hot != nullptr && plan.admit.admit(parse_head(hot->head.bytes()).value());
    rows.admitted.push_back(admitted);
  }
  std::uint32_t taken = 0;
  for (Side side : plan.sides) {
    if (!admitted) break;
    HotVertex* hot = edges_of(id, side);
    if (hot == nullptr) continue;
    EdgeEntry entry;
    for (FilteredEdges edges(hot->edges(side), plan.edges); taken < plan.most && edges.next(entry);) {
      ++taken;
      rows.neighbours.push_back(entry.slot.neighbour.value);
      if (plan.payload == schema::HopRequest::Payload::WEIGHTS) rows.numbers.push_back(entry.weight);
      if (plan.payload == schema::HopRequest::Payload::PROPERTY)
        rows.numbers.push_back(
            number_of(entry, plan.cost_property).value_or(std::numeric_limits<double>::quiet_NaN()));
      if (rows.neighbours.size() > plan.most_rows) return false;
    }
  }
  rows.ends.push_back(static_cast<std::uint32_t>(rows.neighbours.size()));
  return true;
}

void PartitionRead::hop(schema::HopRequest::Reader request, Answer answer) {
  HopPlan plan;
  if (Status status = plan_hop(request, plan); !status.ok()) return fail(answer, status);
  std::vector<std::uint64_t> frontier;
  if (Status status = resolve_seeds(request.getSeeds(), frontier); !status.ok()) return fail(answer, status);
  auto reply = answer.initHop();
  if (request.getSeeds().size() > 0) {
    reply.setIds({frontier.data(), frontier.size()});
  } else {
    for (std::uint64_t vertex : request.getFrontier()) frontier.push_back(vertex);
  }
  HopRows rows;
  rows.ends.reserve(frontier.size());
  for (std::uint64_t vertex : frontier)
    if (!walk(plan, VertexId{vertex}.local(), rows))
      return fail(answer, Status(Code::limit_exceeded, "The hop comes upon more than the query may hold.", "memory",
                                 request.getMaxBytes())
                              .with_partial(rows.neighbours.size()));
  reply.setEnds({rows.ends.data(), rows.ends.size()});
  reply.setNeighbours({rows.neighbours.data(), rows.neighbours.size()});
  if (!rows.numbers.empty()) reply.setNumbers({rows.numbers.data(), rows.numbers.size()});
  if (rows.admitted.empty()) return;
  auto list = reply.initAdmitted(static_cast<unsigned>(rows.admitted.size()));
  for (unsigned i = 0; i < rows.admitted.size(); ++i) list.set(i, rows.admitted[i]);
}

void PartitionRead::edges(schema::EdgesRequest::Reader request, Answer answer) {
  CompiledEdgeFilter filter;
  if (Status status = filter.compile(request.getFilter(), graph_.dictionary()); !status.ok()) return fail(answer, status);
  CompiledProjection projection(request.getProjection(), graph_.dictionary());
  auto cost_name = graph_.dictionary().find(text_of(request.getCostProperty()));
  auto cost_of = [&](const EdgeEntry& entry) -> double {
    if (request.getPayload() == schema::HopRequest::Payload::WEIGHTS) return entry.weight;
    if (request.getPayload() == schema::HopRequest::Payload::NONE) return 0;
    return number_of(entry, cost_name).value_or(std::numeric_limits<double>::infinity());
  };
  bool by_keys = request.getKeys().size() > 0;
  unsigned count = by_keys ? request.getKeys().size() : request.getPairs().size();
  auto list = answer.initEdges().initEdges(count);
  for (unsigned i = 0; i < count; ++i) {
    LocalId source;
    std::uint64_t target = by_keys ? request.getTargets()[i] : request.getPairs()[i].getTarget();
    if (!by_keys) {
      source = VertexId{request.getPairs()[i].getSource()}.local();
    } else if (target == no_vertex || !lock_free(text_of(request.getKeys()[i].getSource()), true) ||
               graph_.find_key(space_, text_of(request.getKeys()[i].getSource()), source) != Presence::present) {
      continue;
    }
    HotVertex* hot = edges_of(source, Side::out);
    if (hot == nullptr) continue;
    std::optional<EdgeEntry> best;
    if (by_keys) {
      auto type = graph_.dictionary().find(text_of(request.getKeys()[i].getType()));
      if (type) best = hot->out.find({*type, {target}, request.getKeys()[i].getRank()});
    } else {
      best = best_between(hot->out, VertexId{target}, filter, cost_of);
    }
    if (!best) continue;
    if (!has_room_for(projection.bytes_of(best->properties) + bytes_around))
      return fail_too_large(answer, by_keys ? "edges" : "pairs");
    write_edge(projection, VertexId::of(graph_.self(), source), parse_head(hot->head.bytes())->key, Side::out, *best,
               list[i]);
  }
}

std::optional<EdgeEntry> PartitionRead::best_between(const Adjacency& edges, VertexId target,
                                                     const CompiledEdgeFilter& filter,
                                                     const std::function<double(const EdgeEntry&)>& cost_of) {
  // Sorted by type first: the edges to one target lie together within each type.
  std::optional<EdgeEntry> best;
  double least = std::numeric_limits<double>::infinity();
  for (const auto& [type, count] : graph_.spaces().find(space_)->counts.types) {
    if (!filter.admits_type(type)) continue;
    EdgeEntry entry;
    auto cursor = edges.seek({type, target, std::numeric_limits<std::int64_t>::min()});
    while (cursor.next(entry) && entry.slot.type == type && entry.slot.neighbour == target) {
      if (!filter.admit(entry)) continue;
      double cost = cost_of(entry);
      if (best && cost >= least) continue;
      least = cost;
      best = entry;
    }
  }
  return best;
}

void PartitionRead::links(schema::LinksRequest::Reader request, Answer answer) {
  auto out = answer.initLinks();
  resolve(request.getResolve(), out.initIds(request.getResolve().size()));
  auto keys = request.getVertices();
  auto vertices = out.initVertices(keys.size());
  for (unsigned i = 0; i < keys.size(); ++i) {
    LocalId id;
    bool free = lock_free(text_of(keys[i]), true);  // also one that is about to be created
    if (graph_.find_key(space_, text_of(keys[i]), id) != Presence::present || !free) continue;
    if (graph_.vertex_with(id, Side::out) == nullptr || graph_.vertex_with(id, Side::in) == nullptr) continue;
    if (!write_links(id, *graph_.hot().peek(id), vertices[i]))
      return fail(answer, {Code::too_large,
                           "The vertices that this batch deletes have too many edges into other partitions; delete fewer at "
                           "a time, or the largest with commands of their own.",
                           "operations", max_batch_link_bytes});
  }
}

bool PartitionRead::write_links(LocalId id, const HotVertex& vertex, schema::LinksAnswer::Vertex::Builder out) {
  unsigned count = 0;
  std::size_t bytes = 0;
  for_each_link(vertex, graph_.self(), [&](Side, const EdgeSlot& slot) {
    ++count;
    bytes += link_bytes + graph_.dictionary().name(slot.type).size();
  });
  link_bytes_ += bytes;
  if (link_bytes_ > max_batch_link_bytes) return false;
  out.setDigest(digest_of_links(vertex, graph_.self()));
  auto elsewhere = out.initElsewhere(count);
  unsigned at = 0;
  for_each_link(vertex, graph_.self(), [&](Side side, const EdgeSlot& slot) {
    write_link(graph_, id, side, slot, elsewhere[at++]);
  });
  return true;
}

}  // namespace engram
