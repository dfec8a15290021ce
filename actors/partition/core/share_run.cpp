#include "actors/partition/core/share_run.h"

#include <algorithm>

#include "storage/base/planted_bug.h"

namespace engram {
namespace {

/// Stands for a vertex elsewhere that has no id yet: one of its own for each key, of a partition that there is none of.
VertexId stand_in(const Hash128& name) { return {name.low | std::uint64_t{0xFFFF} << 48}; }

bool is_stand_in(VertexId id) { return id.partition().value == 0xFFFF; }

/// The warm store failed under a vertex that exists. The core's owner sees the graph's failure and stops.
Status unreadable() { return {Code::corrupt, "A vertex cannot be read from the warm store; run engram verify."}; }

/// The batch came without what there is to unlink elsewhere: an older node may have to take part (feature level 1).
Status has_edges_elsewhere(std::string field) {
  return {Code::invalid_argument,
          "This vertex has edges into other partitions: delete it with a command of its own, whose preconditions are about "
          "its own partition, or finalize the cluster's upgrade first.",
          std::move(field)};
}

/// Keys are said whole: who sees the error has to find the row or the line that it is about.
std::string quoted(capnp::Text::Reader key) { return '"' + std::string(text_of(key)) + '"'; }

std::size_t stored_bytes(const std::vector<NameId>& labels, const std::string& properties) {
  return labels.size() * sizeof(NameId) + properties.size();
}

std::string named(schema::EdgeKey::Reader edge) {
  std::string rank = edge.getRank() == 0 ? "" : " of rank " + std::to_string(edge.getRank());
  return quoted(edge.getType()) + rank + " from " + quoted(edge.getSource()) + " to " + quoted(edge.getTarget());
}

}  // namespace

Status ShareRun::apply(schema::Operation::Reader operation, std::uint32_t place) {
  place_ = place;
  switch (operation.which()) {
    case schema::Operation::PUT_VERTEX: return put_vertex(operation.getPutVertex());
    case schema::Operation::DELETE_VERTEX: return delete_vertex(operation.getDeleteVertex());
    case schema::Operation::PUT_EDGE: return put_edge(operation.getPutEdge());
    case schema::Operation::DELETE_EDGE: return delete_edge(operation.getDeleteEdge());
  }
  return {Code::unsupported, "This engine does not know this operation; upgrade it.", field("operation")};
}

// --- vertices -------------------------------------------------------------------------------------------------------

Status ShareRun::put_vertex(schema::PutVertex::Reader put) {
  if (!is_here(put.getKey())) return {};
  LocalId id;
  bool exists = graph_.find_key(space_.route.id, text_of(put.getKey()), id) == Presence::present;
  if (exists && put.getMode() == schema::PutMode::CREATE)
    return {Code::vertex_exists, "There is a vertex " + quoted(put.getKey()) + " already.", field("putVertex.key")};
  if (!exists && put.getMode() == schema::PutMode::UPDATE)
    return {Code::unknown_vertex, "There is no vertex " + quoted(put.getKey()) + " to update.", field("putVertex.key")};
  if (exists) return change_vertex(put, id);

  std::vector<NameId> labels;
  for (auto label : put.getLabels()) {
    auto name = intern(label, "putVertex.labels");
    if (!name.ok()) return name.status();
    if (std::find(labels.begin(), labels.end(), *name) == labels.end()) labels.push_back(*name);
  }
  std::vector<PropertyChange> changes;
  if (Status status = pack_changes(put.getProperties(), "putVertex.properties", changes); !status.ok()) return status;
  std::string properties = change_properties({}, std::move(changes), true);
  if (Status status = check_size(stored_bytes(labels, properties), 0, "putVertex.properties"); !status.ok()) return status;
  if (Status status = check_quota(1, 0, put.getKey().size() + properties.size()); !status.ok()) return status;
  create(text_of(put.getKey()), std::move(labels), as_bytes(properties));
  return {};
}

Status ShareRun::change_vertex(schema::PutVertex::Reader put, LocalId id) {
  const HotVertex* hot = graph_.vertex(id);
  if (hot == nullptr) return unreadable();
  BlobRef before = hot->head;  // holds what `head` points into
  VertexHead head = parse_head(before.bytes()).value();
  std::vector<NameId> labels = put.getReplace() ? std::vector<NameId>() : head.labels();
  for (auto label : put.getLabels()) {
    auto name = intern(label, "putVertex.labels");
    if (!name.ok()) return name.status();
    if (std::find(labels.begin(), labels.end(), *name) == labels.end()) labels.push_back(*name);
  }
  for (auto label : put.getRemoveLabels())
    if (auto name = graph_.dictionary().find(text_of(label))) std::erase(labels, *name);
  std::vector<PropertyChange> changes;
  if (Status status = pack_changes(put.getProperties(), "putVertex.properties", changes); !status.ok()) return status;
  std::string properties = change_properties(head.properties, std::move(changes), put.getReplace());
  std::size_t had = head.properties.size() + head.label_count * sizeof(NameId);
  const char* grown = put.getProperties().size() > 0 ? "putVertex.properties" : "putVertex.labels";
  if (Status status = check_size(stored_bytes(labels, properties), had, grown); !status.ok()) return status;
  std::size_t more = properties.size() > head.properties.size() ? properties.size() - head.properties.size() : 0;
  if (Status status = check_quota(0, 0, more); !status.ok()) return status;
  graph_.change_head(id, space_,
                     {space_.route.id, head.key, head.created_ns, context_.stamp.time_ns, context_.stamp.version,
                      std::move(labels), as_bytes(properties)});
  ++result_.counts.updated;
  return {};
}

void ShareRun::create(std::string_view key, std::vector<NameId> labels, Bytes properties) {
  LocalId id;
  Hash128 name = name_now(key);
  const VertexId* reserved = context_.reserved == nullptr ? nullptr : context_.reserved->find(name);
  id = reserved != nullptr ? reserved->local() : graph_.reserve();
  const Stamp& stamp = context_.stamp;
  graph_.create_vertex(id, space_,
                       {space_.route.id, key, stamp.time_ns, stamp.time_ns, stamp.version, std::move(labels), properties});
  result_.created.set(name, VertexId::of(graph_.self(), id));
  changed_here_.insert(name);
  ++result_.counts.created;
}

Status ShareRun::delete_vertex(schema::DeleteVertex::Reader command) {
  if (is_here(command.getKey())) {
    if (Status status = delete_here(command); !status.ok()) return status;
  } else {
    unlink_deleted(command.getKey());
  }
  if (context_.deletions.getOrdered()) ++deletions_[ResolvedKeys::name(space_.route.id, text_of(command.getKey()))];
  return {};
}

Status ShareRun::delete_here(schema::DeleteVertex::Reader command) {
  LocalId id;
  if (graph_.find_key(space_.route.id, text_of(command.getKey()), id) != Presence::present) {
    if (command.getIfExists()) return {};
    return {Code::unknown_vertex, "There is no vertex " + quoted(command.getKey()) + " to delete.",
            field("deleteVertex.key")};
  }
  if (graph_.vertex_with(id, Side::out) == nullptr || graph_.vertex_with(id, Side::in) == nullptr) return unreadable();
  const HotVertex& hot = *graph_.hot().peek(id);
  std::vector<std::pair<Side, EdgeSlot>> edges;
  for (Side side : {Side::out, Side::in}) {
    EdgeEntry entry;
    for (auto cursor = hot.edges(side).begin(); cursor.next(entry);) {
      bool elsewhere = entry.slot.neighbour.partition() != graph_.self();
      if (elsewhere && !context_.deletions.getOrdered()) return has_edges_elsewhere(field("deleteVertex.key"));
      if (!elsewhere) edges.emplace_back(side, entry.slot);
    }
  }
  changed_here_.insert(name_now(text_of(command.getKey())));
  // Each edge is counted at its source: those from elsewhere are in the counts of other shares.
  result_.counts.deleted += 1 + hot.out.degree();
  for (auto& [side, slot] : edges) {
    LocalId other = slot.neighbour.local();
    if (other == id) continue;
    unlink(other, side == Side::out ? Side::in : Side::out, {slot.type, VertexId::of(graph_.self(), id), slot.rank});
  }
  graph_.remove_vertex(id, space_);
  return {};
}

void ShareRun::unlink_deleted(capnp::Text::Reader key) {
  auto entries = context_.deletions.getUnlink();
  for (; next_unlink_ < entries.size() && entries[next_unlink_].getOperation() <= place_; ++next_unlink_) {
    auto entry = entries[next_unlink_];
    auto type = graph_.dictionary().find(text_of(entry.getType()));
    if (!type) continue;
    unlink(VertexId{entry.getVertex()}.local(), entry.getIncoming() ? Side::in : Side::out,
           {*type, {entry.getNeighbour()}, entry.getRank()});
  }
  auto put = put_here_.find(name_now(text_of(key)));
  if (put == put_here_.end()) return;
  for (const OwnEnd& end : put->second) unlink(end.own, end.side, end.slot);
  put_here_.erase(put);
}

void ShareRun::unlink(LocalId own, Side side, const EdgeSlot& slot) {
  if (graph_.vertex_with(own, side) == nullptr) return;
  if (graph_.erase_edge(own, side, space_, slot) && side == Side::out) ++result_.counts.deleted;
}

// --- edges ----------------------------------------------------------------------------------------------------------

Result<ShareRun::End> ShareRun::find_end(capnp::Text::Reader key, bool here, const char* name, bool create_missing,
                                         bool must_exist) {
  End end;
  end.here = here;
  if (!end.here) {
    end.name = name_now(text_of(key));
    const VertexId* known = context_.resolved.find(*end.name);
    end.exists = known != nullptr && *known != ResolvedKeys::absent;
    end.id = end.exists ? *known : stand_in(*end.name);
    return end;
  }
  LocalId id;
  end.exists = graph_.find_key(space_.route.id, text_of(key), id) == Presence::present;
  if (!end.exists && create_missing) {
    if (Status status = check_quota(1, 0, key.size()); !status.ok()) return status;
    create(text_of(key), {}, {});
    id = result_.created.find(name_now(text_of(key)))->local();
    end.exists = true;
  }
  if (!end.exists && must_exist)
    return Status(Code::unknown_vertex,
                  "There is no vertex " + quoted(key) + "; create it first, or ask for createMissing.", field(name));
  if (end.exists) end.id = VertexId::of(graph_.self(), id);
  // What others were told of this vertex decides what they check: it has to be so still. Of a prepared share its locks
  // see to that, and it knows only what the vertex is at its end.
  if (context_.reserved != nullptr || context_.resolved.empty()) return end;
  end.name = name_now(text_of(key));
  const VertexId* told = context_.resolved.find(*end.name);
  if (told != nullptr && *told != (end.exists ? end.id : ResolvedKeys::absent) && !changed_here_.contains(*end.name))
    return Status(Code::conflict, "A vertex was created or deleted meanwhile; retry.", field(name));
  return end;
}

Status ShareRun::put_edge(schema::PutEdge::Reader put) {
  auto edge = put.getEdge();
  bool source_here = is_here(edge.getSource());
  bool target_here = is_here(edge.getTarget());
  if (!source_here && !target_here) return {};
  auto type = intern(edge.getType(), "putEdge.edge.type");
  if (!type.ok()) return type.status();
  auto source = find_end(edge.getSource(), source_here, "putEdge.edge.source", put.getCreateMissing(), true);
  if (!source.ok()) return source.status();
  auto target = find_end(edge.getTarget(), target_here, "putEdge.edge.target", put.getCreateMissing(), true);
  if (!target.ok()) return target.status();
  if (source->here != target->here) {
    const End& own = source->here ? *source : *target;
    result_.own_ends.set(name_of(own, source->here ? edge.getSource() : edge.getTarget()), own.id);
    if (context_.deletions.getOrdered())
      remember(own, source->here ? Side::out : Side::in, source->here ? *target : *source, *type, edge.getRank());
  }
  EdgeWrite write = EdgeWrite::of(put);
  if (source->here)
    if (Status status = put_edge_at_source(write, &put, *type, source->id.local(), target->id); !status.ok()) return status;
  return target->here ? put_edge_at_target(write, *type, source->id, target->id.local()) : Status();
}

void ShareRun::remember(const End& own, Side side, const End& other, NameId type, std::int64_t rank) {
  put_here_[*other.name].push_back({own.id.local(), side, {type, other.id, rank}});
}

Status ShareRun::apply_plain(schema::Batch::Reader batch, const std::vector<PlainEdge>& edges) {
  auto operations = batch.getOperations();
  auto places = batch.getOperationPlaces();
  bool known = edges.size() == operations.size();
  sizes_checked_ = true;
  for (std::uint32_t i = 0; i < operations.size(); ++i) {
    if (known && i % prefetch_ahead == 0) prefetch(edges, i);
    if (!known && i % prefetch_ahead == 0) (void)read_plain(operations, i, true);
    place_ = place_of(places, i);
    Status status = known ? apply_plain_edge(operations, i, edges[i]) : apply(operations[i], place_);
    if (!status.ok()) return status;
  }
  return {};
}

void ShareRun::prefetch(const std::vector<PlainEdge>& edges, std::size_t from) {
  // Vertices one step before their edges, which are found through them.
  HotTier& hot = graph_.hot();
  for (std::size_t i = from; i < std::min(from + 2 * prefetch_ahead, edges.size()); ++i) {
    bool adjacencies = i < from + prefetch_ahead;
    LocalId source = edges[i].source.local(), target = edges[i].target.local();
    if (edges[i].source_here) adjacencies ? hot.prefetch_edges(source, Side::out) : hot.prefetch(source);
    if (edges[i].target_here) adjacencies ? hot.prefetch_edges(target, Side::in) : hot.prefetch(target);
  }
}

Status ShareRun::apply_plain_edge(capnp::List<schema::Operation>::Reader operations, std::uint32_t at,
                                  const PlainEdge& edge) {
  if (!edge.source_here && !edge.target_here) return {};
  auto decided = [&](VertexId id) {  // what the check did not know, the decision does
    const VertexId* known = is_stand_in(id) ? context_.resolved.find(edge.elsewhere) : nullptr;
    return known == nullptr ? id : *known;
  };
  if (edge.source_here) {
    std::optional<schema::PutEdge::Reader> put;  // most edges have nothing more in it, and it is cold
    if (edge.write.changes_properties) put = operations[at].getPutEdge();
    Status status = put_edge_at_source(edge.write, put ? &*put : nullptr, edge.type, edge.source.local(), decided(edge.target));
    if (!status.ok()) return status;
  }
  return edge.target_here ? put_edge_at_target(edge.write, edge.type, decided(edge.source), edge.target.local()) : Status();
}

Status ShareRun::put_edge_at_source(const EdgeWrite& write, const schema::PutEdge::Reader* put, NameId type, LocalId source,
                                    VertexId target) {
  HotVertex* hot = graph_.vertex_with(source, Side::out);
  if (hot == nullptr) return unreadable();
  EdgeEntry entry;
  entry.slot = {type, target, write.rank};
  auto before = hot->out.find(entry.slot);
  if (before && put != nullptr && put->getMode() == schema::PutMode::CREATE)
    return {Code::edge_exists, "There is an edge " + named(put->getEdge()) + " already.", field("putEdge.edge")};
  if (!before && put != nullptr && put->getMode() == schema::PutMode::UPDATE)
    return {Code::unknown_edge, "There is no edge " + named(put->getEdge()) + " to update.", field("putEdge.edge")};
  std::string properties;
  Bytes old = before ? before->properties : Bytes();
  if (write.changes_properties) {
    std::vector<PropertyChange> changes;
    if (Status status = pack_changes(put->getProperties(), "putEdge.properties", changes); !status.ok()) return status;
    properties = change_properties(old, std::move(changes), put->getReplace());
  } else {
    properties = as_text(old);
  }
  if (Status status = check_size(properties.size(), old.size(), "putEdge.properties"); !status.ok()) return status;
  std::size_t more = before ? (properties.size() > old.size() ? properties.size() - old.size() : 0)
                            : edge_cost_bytes(as_bytes(properties));
  if (Status status = check_quota(0, before ? 0 : 1, more); !status.ok()) return status;
  entry.weight = before && write.keep_weight ? before->weight : write.weight;
  entry.created_ns = before ? before->created_ns : context_.stamp.time_ns;
  entry.changed_ns = context_.stamp.time_ns;
  entry.version = context_.stamp.version;
  entry.properties = as_bytes(properties);
  ++(before ? result_.counts.updated : result_.counts.created);
  graph_.put_edge(source, Side::out, space_, entry, before);
  return {};
}

Status ShareRun::put_edge_at_target(const EdgeWrite& write, NameId type, VertexId source, LocalId target) {
  HotVertex* hot = graph_.vertex_with(target, Side::in);
  if (hot == nullptr) return unreadable();
  EdgeEntry entry;
  entry.slot = {type, source, write.rank};
  entry.weight = write.weight;
  if (write.keep_weight)
    if (auto before = hot->in.find(entry.slot)) entry.weight = before->weight;
  if (!planted_bug("write an edge at one end")) graph_.put_edge(target, Side::in, space_, entry, std::nullopt);
  return {};
}

Status ShareRun::delete_edge(schema::EdgeKey::Reader edge) {
  bool source_here = is_here(edge.getSource());
  bool target_here = is_here(edge.getTarget());
  if (!source_here && !target_here) return {};
  auto type = graph_.dictionary().find(text_of(edge.getType()));
  auto source = find_end(edge.getSource(), source_here, "deleteEdge.source", false, false);
  if (!source.ok()) return source.status();
  auto target = find_end(edge.getTarget(), target_here, "deleteEdge.target", false, false);
  if (!target.ok()) return target.status();
  auto unknown = [&] {
    return Status(Code::unknown_edge, "There is no edge " + named(edge) + " to delete.", field("deleteEdge"));
  };
  bool own_end_missing = (source_here && !source->exists) || (target_here && !target->exists);
  if (own_end_missing) return edge.getIfExists() ? Status() : unknown();
  if (source_here != target_here) {
    auto own = text_of(source_here ? edge.getSource() : edge.getTarget());
    result_.own_ends.set(name_now(own), source_here ? source->id : target->id);
  }
  if (source_here) {
    bool erased = type && graph_.vertex_with(source->id.local(), Side::out) != nullptr &&
                  graph_.erase_edge(source->id.local(), Side::out, space_, {*type, target->id, edge.getRank()});
    if (!erased) return edge.getIfExists() ? Status() : unknown();
    ++result_.counts.deleted;
  }
  if (target_here && type && graph_.vertex_with(target->id.local(), Side::in) != nullptr)
    graph_.erase_edge(target->id.local(), Side::in, space_, {*type, source->id, edge.getRank()});
  return {};
}

}  // namespace engram
