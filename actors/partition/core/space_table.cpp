#include "actors/partition/core/space_table.h"

#include <algorithm>

#include "actors/partition/core/batch_applier.h"
#include "storage/base/damage.h"

namespace engram {
namespace {

std::string space_key(SpaceId id) {
  std::string key;
  append_big_endian(key, id.value);
  return key;
}

void pack_space(const Space& space, Packer& out) {
  out.text(space.name).number(static_cast<std::uint64_t>(space.route.placement)).signed_number(space.created_ns);
  out.number(space.dropped ? 1 : 0);
  out.number(space.quota.vertices).number(space.quota.edges).number(space.quota.bytes);
  out.number(space.counts.vertices).number(space.counts.edges).number(space.counts.bytes);
  out.number(space.counts.types.size());
  for (auto [type, count] : space.counts.types) out.number(type.value).number(count);
  out.number(space.indexes.size());
  for (const DeclaredIndex& index : space.indexes)
    out.number(index.number.value).number(index.label.value).number(index.property.value).number(index.ready ? 1 : 0);
}

bool unpack_space(Unpacker& in, Space& space) {
  space.name = in.text();
  space.route.placement = static_cast<Placement>(in.number());
  space.created_ns = in.signed_number();
  space.dropped = in.number() != 0;
  space.quota = {in.number(), in.number(), in.number()};
  space.counts.vertices = in.number();
  space.counts.edges = in.number();
  space.counts.bytes = in.number();
  for (std::uint64_t left = in.number(); left > 0 && in.ok(); --left) {
    NameId type{static_cast<std::uint32_t>(in.number())};
    space.counts.types.emplace_back(type, in.number());
  }
  for (std::uint64_t left = in.number(); left > 0 && in.ok(); --left) {
    DeclaredIndex index;
    index.number.value = static_cast<std::uint32_t>(in.number());
    index.label.value = static_cast<std::uint32_t>(in.number());
    index.property.value = static_cast<std::uint32_t>(in.number());
    index.ready = in.number() != 0;
    space.indexes.push_back(index);
  }
  return in.ok();
}

}  // namespace

void Space::count_edge_type(NameId type, std::int64_t change) {
  auto at = std::lower_bound(counts.types.begin(), counts.types.end(), type,
                             [](const auto& entry, NameId wanted) { return entry.first < wanted; });
  if (at == counts.types.end() || at->first != type) at = counts.types.insert(at, {type, 0});
  at->second += static_cast<std::uint64_t>(change);
  if (at->second == 0) counts.types.erase(at);
}

const DeclaredIndex* Space::find_index(NameId label, NameId property) const {
  for (const DeclaredIndex& index : indexes)
    if (index.label == label && index.property == property) return &index;
  return nullptr;
}

Status SpaceTable::load(const WarmStore::View& view) {
  Status bad;
  Status scanned = view.scan(WarmTable::spaces, {}, {}, [&](Bytes key, Bytes value) {
    Space space;
    Unpacker in(value);
    space.route.id = {read_big_endian<std::uint64_t>(key.data())};
    if (!unpack_space(in, space)) {
      bad = warm_store_damage("the warm store's table of spaces does not parse");
      return false;
    }
    for (const DeclaredIndex& index : space.indexes) next_index_ = std::max(next_index_, index.number.value + 1);
    insert(std::move(space));
    return true;
  });
  if (!scanned.ok()) return scanned;
  if (!bad.ok()) return bad;
  if (!spaces_.contains(0)) create(SpaceId{0}, "default", Placement::spread, {}, 0);
  return {};
}

Space& SpaceTable::insert(Space space) {
  space.route.home = home_of_space(space.name, partitions_);
  auto owned = std::make_unique<Space>(std::move(space));
  Space& result = *owned;
  note_unready(result);
  spaces_[result.route.id.value] = std::move(owned);
  if (result.dropped) {
    dropped_.insert(result.route.id);
  } else if (result.route.home == self_) {
    names_[result.name] = &result;
  } else {
    elsewhere_.emplace(result.name, &result);
  }
  return result;
}

Space* SpaceTable::find(SpaceId id) {
  Space* space = find_even_dropped(id);
  return space == nullptr || space->dropped ? nullptr : space;
}

Space* SpaceTable::find_even_dropped(SpaceId id) {
  auto found = spaces_.find(id.value);
  return found == spaces_.end() ? nullptr : found->second.get();
}

Space* SpaceTable::find_name(std::string_view name) {
  auto found = names_.find(name);
  return found == names_.end() ? nullptr : found->second;
}

std::vector<const Space*> SpaceTable::find_elsewhere(std::string_view name) const {
  std::vector<const Space*> found;
  for (auto [at, end] = elsewhere_.equal_range(name); at != end; ++at) found.push_back(at->second);
  return found;
}

Space& SpaceTable::create(SpaceId id, std::string_view name, Placement placement, const SpaceQuota& quota,
                          std::int64_t now_ns) {
  Space space;
  space.route = {id, placement, {}};
  space.name = name;
  space.quota = quota;
  space.created_ns = now_ns;
  Space& created = insert(std::move(space));
  mark_dirty(created);
  return created;
}

void SpaceTable::drop(Space& space) {
  if (space.route.home == self_) {
    names_.erase(space.name);
  } else {
    auto [at, end] = elsewhere_.equal_range(space.name);
    elsewhere_.erase(std::find_if(at, end, [&](const auto& entry) { return entry.second == &space; }));
  }
  space.dropped = true;
  dropped_.insert(space.route.id);
  mark_dirty(space);
}

void SpaceTable::forget(SpaceId id) {
  dropped_.erase(id);
  spaces_.erase(id.value);
  dirty_.push_back(id);
}

void SpaceTable::mark_dirty(Space& space) {
  note_unready(space);
  if (space.dirty) return;
  space.dirty = true;
  dirty_.push_back(space.route.id);
}

SpaceQuota SpaceTable::share(const Space& space) const {
  if (space.route.placement == Placement::together) return space.quota;
  auto part = [this](std::uint64_t whole) { return (whole + partitions_ - 1) / partitions_; };
  return {part(space.quota.vertices), part(space.quota.edges), part(space.quota.bytes)};
}

void SpaceTable::list(std::string_view after, std::size_t limit,
                      const std::function<void(const Space&)>& visit) const {
  for (auto at = names_.upper_bound(after); at != names_.end() && limit > 0; ++at, --limit) visit(*at->second);
}

std::vector<SpaceId> SpaceTable::all() const {
  std::vector<SpaceId> result;
  for (const auto& [id, space] : spaces_) result.push_back({id});
  std::sort(result.begin(), result.end());
  return result;
}

void SpaceTable::note_unready(const Space& space) {
  for (const DeclaredIndex& index : space.indexes)
    if (!index.ready) maybe_unready_.insert(space.route.id);
}

std::vector<SpaceId> SpaceTable::unready() {
  std::erase_if(maybe_unready_, [this](SpaceId id) {
    const Space* space = find(id);
    return space == nullptr ||  // also one that was dropped: nobody asks its indexes any more
           std::all_of(space->indexes.begin(), space->indexes.end(),
                       [](const auto& index) { return index.ready || !index.damage.ok(); });
  });
  return {maybe_unready_.begin(), maybe_unready_.end()};
}

void SpaceTable::write_info(const Space& space, schema::SpaceInfo::Builder out) const {
  out.setId(space.route.id.value);
  out.setName(whole_text(space.name));
  out.setPlacement(static_cast<schema::Placement>(space.route.placement));
  auto quota = out.initQuota();
  quota.setVertices(space.quota.vertices);
  quota.setEdges(space.quota.edges);
  quota.setBytes(space.quota.bytes);
  out.setCreatedNs(space.created_ns);
  out.setVertices(space.counts.vertices);
  out.setEdges(space.counts.edges);
  out.setBytes(space.counts.bytes);
}

void SpaceTable::take_changes(std::vector<WarmChange>& out) {
  for (SpaceId id : dirty_) {
    Space* space = find_even_dropped(id);
    if (space == nullptr) {
      out.push_back({WarmTable::spaces, space_key(id), {}});
    } else if (space->dirty) {
      space->dirty = false;
      Packer packed;
      pack_space(*space, packed);
      out.push_back({WarmTable::spaces, space_key(id), BlobRef::copy_of(as_bytes(packed.bytes()))});
    }
  }
  dirty_.clear();
}

void SpaceTable::drop_index(Space& space, IndexNumber number) {
  std::erase_if(space.indexes, [&](const DeclaredIndex& index) { return index.number == number; });
  dropped_indexes_.push_back(number);
  mark_dirty(space);
}

void SpaceTable::set_aside(IndexNumber number) {
  forget_index(number);
  set_aside_.push_back(number);
}

void SpaceTable::pack_counters(Packer& out) const {
  out.number(next_index_).number(dropped_indexes_.size() + set_aside_.size());
  for (IndexNumber number : dropped_indexes_) out.number(number.value);
  for (IndexNumber number : set_aside_) out.number(number.value);
}

void SpaceTable::unpack_counters(Unpacker& in) {
  next_index_ = static_cast<std::uint32_t>(in.number());
  for (std::uint64_t left = in.number(); left > 0 && in.ok(); --left)
    dropped_indexes_.push_back({static_cast<std::uint32_t>(in.number())});
}

SpaceId new_space_id(std::string_view name, std::uint64_t session, std::uint64_t sequence) {
  Packer from;
  from.text(name).number(session).number(sequence);
  return {hash128(as_bytes(from.bytes()), 0x73706163).high | 1};  // never 0: that is `default`
}

}  // namespace engram
