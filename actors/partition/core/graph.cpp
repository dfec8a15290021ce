#include "actors/partition/core/graph.h"

#include "storage/hot/properties.h"

namespace engram {
namespace {

constexpr std::size_t max_known_absent = 65'536;

}  // namespace

Graph::Graph(PartitionId self, std::uint32_t partitions, std::size_t hot_bytes, std::uint64_t key_hash_seed)
    : self_(self), partitions_(partitions), hot_(hot_bytes, key_hash_seed), spaces_(self, partitions) {}

Status Graph::open(const WarmStore* store, LocalId next_local) {
  store_ = store;
  next_local_ = next_local.value;
  if (store == nullptr) {
    if (spaces_.find(SpaceId{0}) == nullptr) spaces_.create(SpaceId{0}, "default", Placement::spread, {}, 0);
    return {};
  }
  WarmStore::View view(*store);
  complete_ = view.entries(WarmTable::vertices) == 0;
  if (Status status = dictionary_.load(view); !status.ok()) return status;
  if (Status status = spaces_.load(view); !status.ok()) return status;
  return postings_.load(view);
}

// --- access ---------------------------------------------------------------------------------------------------------

Presence Graph::find_key(SpaceId space, std::string_view key, LocalId& id) {
  if (auto found = hot_.find_key(space, key)) {
    id = *found;
    return Presence::present;
  }
  if (complete_ || absent_keys_.contains(warm_key_hash(space, key))) return presence_ = Presence::absent;
  if (needs_ != nullptr) {
    needs_->keys.emplace_back(space, std::string(key));
    return presence_ = Presence::missing;
  }
  return presence_ = find_key_in_warm(space, key, id);
}

Presence Graph::find_key_in_warm(SpaceId space, std::string_view key, LocalId& id) {
  Needs needs;
  needs.keys.emplace_back(space, std::string(key));
  needs.generation = generation_;
  auto parts = read_parts(*store_, needs);
  if (!parts.ok()) {
    failure_ = parts.status();
    return Presence::absent;
  }
  install(std::move(parts).value());
  auto found = hot_.find_key(space, key);
  if (!found) return Presence::absent;
  id = *found;
  return Presence::present;
}

HotVertex* Graph::vertex(LocalId id, Presence& presence) {
  HotVertex* hot = hot_.find(id);
  if (hot != nullptr && hot->head) return hot;
  presence = Presence::absent;
  if (id.value >= next_local_ || complete_ || tombstones_.contains(id) || absent_ids_.contains(id)) return nullptr;
  if (needs_ == nullptr) return load_now(id, true, std::nullopt);
  needs_->heads.push_back(id);
  presence = Presence::missing;
  return nullptr;
}

HotVertex* Graph::vertex_with(LocalId id, Side side) {
  HotVertex* hot = vertex(id);
  if (hot == nullptr) {
    if (presence_ == Presence::missing) needs_->edges.emplace_back(id, side);
    return nullptr;
  }
  if (hot->edges(side).loaded()) return hot;
  if (needs_ == nullptr) return load_now(id, false, side);
  needs_->edges.emplace_back(id, side);
  presence_ = Presence::missing;
  return nullptr;
}

HotVertex* Graph::load_now(LocalId id, bool head, std::optional<Side> side) {
  Needs needs;
  needs.generation = generation_;
  if (head) needs.heads.push_back(id);
  if (side) needs.edges.emplace_back(id, *side);
  auto parts = read_parts(*store_, needs);
  if (!parts.ok()) {
    failure_ = parts.status();
    presence_ = Presence::absent;
    return nullptr;
  }
  install(std::move(parts).value());
  HotVertex* hot = hot_.find(id);
  bool there = hot != nullptr && hot->head;
  if (!there) presence_ = Presence::absent;
  return there ? hot : nullptr;
}

bool Graph::install(LoadedParts parts) {
  if (parts.generation != generation_) return false;
  warm_reads_ += parts.heads.size() + parts.edges.size();
  installed_ += parts.heads.size() + parts.edges.size() + parts.keys.size();
  if (absent_ids_.size() > max_known_absent) absent_ids_.clear();
  if (absent_keys_.size() > max_known_absent) absent_keys_.clear();
  for (LoadedParts::Head& head : parts.heads) install_head(head.id, std::move(head.head));
  if (!failure_.ok()) return true;  // a key that is not found now may be that of a head that does not parse
  for (LoadedParts::Edges& edges : parts.edges) {
    HotVertex* hot = hot_.find(edges.id);
    if (hot == nullptr || !hot->head || hot->edges(edges.side).loaded()) continue;
    hot->edges(edges.side) = std::move(edges.adjacency);
    hot_.account(edges.id);
  }
  for (LoadedParts::Key& key : parts.keys)
    if (!hot_.find_key(key.space, key.key)) absent_keys_.insert(warm_key_hash(key.space, key.key));
  return true;
}

void Graph::install_head(LocalId id, BlobRef head) {
  if (tombstones_.contains(id)) return;
  const HotVertex* known = hot_.peek(id);
  if (known != nullptr && known->head) return;
  if (!head) {
    absent_ids_.insert(id);
    return;
  }
  auto parsed = parse_head(head.bytes());
  if (!parsed.ok()) {
    failure_ = parsed.status();
    return;
  }
  HotVertex& hot = hot_.obtain(id);
  hot.head = std::move(head);
  hot_.index_key(parsed->space, parsed->key, id);
  hot_.account(id);
}

// --- changes --------------------------------------------------------------------------------------------------------

std::size_t edge_cost_bytes(Bytes properties) { return 40 + properties.size(); }

void Graph::create_vertex(LocalId id, Space& space, NewHead head) {
  save(id);
  head.space = space.route.id;
  HotVertex& hot = hot_.obtain(id);
  hot.head = pack_head(head);
  hot.out = Adjacency::empty(Side::out);
  hot.in = Adjacency::empty(Side::in);
  hot.head_dirty = true;
  hot_.index_key(space.route.id, head.key, id);
  hot_.mark_dirty(id);
  if (!absent_keys_.empty()) absent_keys_.erase(warm_key_hash(space.route.id, head.key));
  absent_ids_.erase(id);
  space.counts.vertices += 1;
  space.counts.bytes += hot.head.size();
  spaces_.mark_dirty(space);
  index_head(space, id, {}, hot.head);
}

void Graph::change_head(LocalId id, Space& space, const NewHead& head) {
  save(id);
  HotVertex& hot = *hot_.find(id);
  BlobRef before = hot.head;
  hot.head = pack_head(head);
  hot.head_dirty = true;
  hot_.mark_dirty(id);
  space.counts.bytes += hot.head.size() - before.size();
  spaces_.mark_dirty(space);
  index_head(space, id, before, hot.head);
}

void Graph::remove_vertex(LocalId id, Space& space) {
  save(id);
  HotVertex& hot = *hot_.find(id);
  for (Side side : {Side::out, Side::in}) {
    EdgeEntry entry;
    while (hot.edges(side).begin().next(entry)) erase_edge(id, side, space, EdgeSlot(entry.slot));
  }
  BlobRef head = hot.head;
  index_head(space, id, head, {});
  space.counts.vertices -= 1;
  space.counts.bytes -= head.size();
  spaces_.mark_dirty(space);
  bury(id, head, hot);
}

void Graph::bury(LocalId id, const BlobRef& head, HotVertex& hot) {
  auto parsed = parse_head(head.bytes());
  Tombstone tombstone;
  tombstone.key_hash = warm_key_hash(parsed->space, parsed->key);
  for (Side side : {Side::out, Side::in}) {
    hot.edges(side).take_changes([&](const EdgeSlot& separator, BlobRef) {
      tombstone.edges.push_back({WarmTable::edges, warm_chunk_key(id, side, separator), {}});
    });
  }
  hot_.unindex_key(parsed->space, parsed->key, id);
  hot_.mark_dirty(id);
  hot_.erase(id);
  tombstones_.emplace(id, std::move(tombstone));
}

void Graph::put_edge(LocalId id, Side side, Space& space, const EdgeEntry& entry, const std::optional<EdgeEntry>& before) {
  save(id);
  if (side == Side::out) {
    if (before) {
      space.counts.bytes += edge_cost_bytes(entry.properties) - edge_cost_bytes(before->properties);
    } else {
      space.counts.edges += 1;
      space.counts.bytes += edge_cost_bytes(entry.properties);
      space.count_edge_type(entry.slot.type, +1);
    }
    spaces_.mark_dirty(space);
  }
  hot_.find(id)->edges(side).put(entry);
  hot_.mark_dirty(id);
}

bool Graph::erase_edge(LocalId id, Side side, Space& space, const EdgeSlot& slot) {
  save(id);
  HotVertex& hot = *hot_.find(id);
  if (side == Side::out) {
    auto before = hot.out.find(slot);
    if (!before) return false;
    space.counts.edges -= 1;
    space.counts.bytes -= edge_cost_bytes(before->properties);
    space.count_edge_type(slot.type, -1);
    spaces_.mark_dirty(space);
  }
  bool erased = hot.edges(side).erase(slot);
  hot_.mark_dirty(id);
  return erased;
}

// --- indexes --------------------------------------------------------------------------------------------------------

void Graph::index_head(Space& space, LocalId id, const BlobRef& before, const BlobRef& after) {
  std::optional<VertexHead> was;
  std::optional<VertexHead> is;
  if (before) was = parse_head(before.bytes()).value();
  if (after) is = parse_head(after.bytes()).value();
  SpaceId in = space.route.id;
  if (!was) postings_.add(in, Postings::all, id);
  if (!is) postings_.remove(in, Postings::all, id);
  if (was && was->label_count > 0)
    for (NameId label : was->labels())
      if (!is || !is->has_label(label)) postings_.remove(in, label, id);
  if (is && is->label_count > 0)
    for (NameId label : is->labels())
      if (!was || !was->has_label(label)) postings_.add(in, label, id);
  for (const DeclaredIndex& index : space.indexes)
    index_property(index, id, was ? &*was : nullptr, is ? &*is : nullptr);
}

void Graph::index_property(const DeclaredIndex& index, LocalId id, const VertexHead* before, const VertexHead* after) {
  auto value_of = [&](const VertexHead* head) -> std::optional<Bytes> {
    if (head == nullptr || (index.label.value != 0 && !head->has_label(index.label))) return std::nullopt;
    return find_property(head->properties, index.property);
  };
  auto key_of = [](Bytes value) {
    std::string key;
    append_sort_key(value, OrderedIndex::max_sort_key_bytes, key);
    return key;
  };
  auto was = value_of(before);
  auto is = value_of(after);
  if (was && is && std::equal(was->begin(), was->end(), is->begin(), is->end())) return;
  if (was) ordered_.erase(index.number, as_bytes(key_of(*was)), id);
  if (is) ordered_.insert(index.number, as_bytes(key_of(*is)), id);
}

void Graph::fill_index(Space& space, const DeclaredIndex& index, LocalId id) {
  HotVertex* hot = vertex(id);
  if (hot == nullptr) return;
  VertexHead head = parse_head(hot->head.bytes()).value();
  if (head.space == space.route.id) index_property(index, id, nullptr, &head);
}

Status Graph::drop_index_entries(std::size_t limit) {
  if (spaces_.dropped_indexes().empty() || store_ == nullptr) return {};
  IndexNumber number = spaces_.dropped_indexes().front();
  WarmStore::View view(*store_);
  auto step = ordered_.drop(view, number, limit);
  if (step.status().code() == Code::unavailable) return {};  // too many views at a time: the next call tries again
  if (!step.ok()) {
    spaces_.set_aside(number);
    return step.status();
  }
  if (step->done) spaces_.forget_index(number);
  return step->damage;
}

// --- undo -----------------------------------------------------------------------------------------------------------

void Graph::begin(Space& space) {
  undo_ = true;
  undo_space_ = &space;
  undo_counts_ = space.counts;
}

void Graph::commit() {
  undo_ = false;
  saved_.clear();
  saved_ids_.clear();
}

void Graph::save(LocalId id) {
  take_due(id);
  if (!undo_ || !saved_ids_.insert(id).second) return;
  const HotVertex* hot = hot_.peek(id);
  if (hot == nullptr || !hot->head) {
    saved_.push_back({id, {}, {}, {}});
  } else {
    saved_.push_back({id, hot->head, hot->out, hot->in});
  }
}

void Graph::rollback() {
  undo_ = false;
  while (!saved_.empty()) {
    restore(std::move(saved_.back()));
    saved_.pop_back();
  }
  saved_ids_.clear();
  undo_space_->counts = undo_counts_;
}

void Graph::restore(Saved saved) {
  HotVertex* hot = hot_.find(saved.id);
  BlobRef now = hot != nullptr ? hot->head : BlobRef();
  index_head(*undo_space_, saved.id, now, saved.head);
  if (!saved.head) {
    if (!now) return;
    auto parsed = parse_head(now.bytes());
    hot_.unindex_key(parsed->space, parsed->key, saved.id);
    hot_.erase(saved.id);
    return;
  }
  tombstones_.erase(saved.id);
  HotVertex& back = hot_.obtain(saved.id);
  if (!now) {
    auto parsed = parse_head(saved.head.bytes());
    hot_.index_key(parsed->space, parsed->key, saved.id);
  }
  back.head = std::move(saved.head);
  back.out = std::move(saved.out);
  back.in = std::move(saved.in);
  back.head_dirty = true;
  hot_.mark_dirty(saved.id);
}

}  // namespace engram
