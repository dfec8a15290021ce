#include "storage/index/postings.h"

#include <algorithm>

#include <roaring/roaring.h>

#include "storage/base/damage.h"

namespace engram {

namespace {

constexpr std::size_t key_bytes = 8 + 4 + 8;
constexpr std::uint64_t block_ids = 65536;

std::uint64_t block_of(LocalId id) { return id.value / block_ids; }
std::uint32_t member_of(LocalId id) { return static_cast<std::uint32_t>(id.value % block_ids); }

/// The first element that is not before `value`, by `field`.
template <typename Elements, typename Value, typename Field>
auto first_from(Elements& elements, const Value& value, Field field) {
  return std::lower_bound(elements.begin(), elements.end(), value,
                          [&](const auto& element, const Value& wanted) { return element.*field < wanted; });
}

BlobRef serialised(const roaring_bitmap_t* bitmap) {
  BlobRef blob = BlobRef::uninitialised(roaring_bitmap_portable_size_in_bytes(bitmap));
  roaring_bitmap_portable_serialize(bitmap, reinterpret_cast<char*>(blob.data()));
  return blob;
}

/// The bitmap, or null if these are not the bytes of one that holds 1 to 65,536 numbers below 65,536.
roaring_bitmap_t* deserialised(Bytes bytes) {
  const char* from = as_text(bytes).data();
  if (bytes.empty() || roaring_bitmap_portable_deserialize_size(from, bytes.size()) != bytes.size()) return nullptr;
  roaring_bitmap_t* bitmap = roaring_bitmap_portable_deserialize_safe(from, bytes.size());
  if (bitmap == nullptr) return nullptr;
  if (!roaring_bitmap_is_empty(bitmap) && roaring_bitmap_maximum(bitmap) < block_ids) return bitmap;
  roaring_bitmap_free(bitmap);
  return nullptr;
}

}  // namespace

void Postings::FreeBitmap::operator()(roaring_bitmap_s* bitmap) const { roaring_bitmap_free(bitmap); }

Postings::Postings() = default;
Postings::~Postings() = default;

Status Postings::load(const WarmStore::View& view) {
  spaces_.clear();
  dirty_.clear();
  Status damage;
  Status status = view.scan(WarmTable::postings, {}, {}, [&](Bytes key, Bytes value) {
    damage = load_block(key, value);
    return damage.ok();
  });
  if (status.ok()) status = damage;
  if (!status.ok()) spaces_.clear();
  return status;
}

Status Postings::load_block(Bytes key, Bytes value) {
  Bitmap members(key.size() == key_bytes ? deserialised(value) : nullptr);
  if (members == nullptr)
    return warm_store_damage("table 'postings' of the warm store has an entry that is no set of vertices");
  SpaceId space{read_big_endian<std::uint64_t>(key.data())};
  NameId label{read_big_endian<std::uint32_t>(key.data() + 8)};
  Set& set = obtain_set(space, label);
  set.count += roaring_bitmap_get_cardinality(members.get());
  set.blocks.push_back({read_big_endian<std::uint64_t>(key.data() + 12), std::move(members), false});
  return {};
}

const Postings::Set* Postings::find_set(SpaceId space, NameId label) const {
  auto found = spaces_.find(space.value);
  if (found == spaces_.end()) return nullptr;
  auto set = first_from(found->second, label, &Set::label);
  return set != found->second.end() && set->label == label ? &*set : nullptr;
}

Postings::Set& Postings::obtain_set(SpaceId space, NameId label) {
  Space& sets = spaces_[space.value];
  auto set = first_from(sets, label, &Set::label);
  if (set == sets.end() || set->label != label) set = sets.insert(set, Set{label, 0, {}});
  return *set;
}

void Postings::mark_dirty(SpaceId space, NameId label, Block& block) {
  if (block.dirty) return;
  block.dirty = true;
  dirty_.push_back({space, label, block.number});
}

bool Postings::add(SpaceId space, NameId label, LocalId id) {
  Set& set = obtain_set(space, label);
  auto block = first_from(set.blocks, block_of(id), &Block::number);
  if (block == set.blocks.end() || block->number != block_of(id))
    block = set.blocks.insert(block, Block{block_of(id), Bitmap(roaring_bitmap_create_with_capacity(1)), false});
  if (!roaring_bitmap_add_checked(block->members.get(), member_of(id))) return false;
  ++set.count;
  mark_dirty(space, label, *block);
  return true;
}

bool Postings::remove(SpaceId space, NameId label, LocalId id) {
  auto* set = const_cast<Set*>(find_set(space, label));
  if (set == nullptr) return false;
  auto block = first_from(set->blocks, block_of(id), &Block::number);
  if (block == set->blocks.end() || block->number != block_of(id)) return false;
  if (!roaring_bitmap_remove_checked(block->members.get(), member_of(id))) return false;
  --set->count;
  mark_dirty(space, label, *block);
  return true;
}

bool Postings::contains(SpaceId space, NameId label, LocalId id) const {
  const Set* set = find_set(space, label);
  if (set == nullptr) return false;
  auto block = first_from(set->blocks, block_of(id), &Block::number);
  return block != set->blocks.end() && block->number == block_of(id) &&
         roaring_bitmap_contains(block->members.get(), member_of(id));
}

std::uint64_t Postings::count(SpaceId space, NameId label) const {
  const Set* set = find_set(space, label);
  return set == nullptr ? 0 : set->count;
}

std::vector<std::pair<NameId, std::uint64_t>> Postings::labels(SpaceId space) const {
  std::vector<std::pair<NameId, std::uint64_t>> result;
  auto found = spaces_.find(space.value);
  if (found == spaces_.end()) return result;
  for (const Set& set : found->second) {
    if (set.count != 0) result.emplace_back(set.label, set.count);
  }
  return result;
}

void Postings::for_each_from(SpaceId space, NameId label, LocalId first,
                             const std::function<bool(LocalId)>& visit) const {
  const Set* set = find_set(space, label);
  if (set == nullptr) return;
  auto block = first_from(set->blocks, block_of(first), &Block::number);
  for (; block != set->blocks.end(); ++block) {
    roaring_uint32_iterator_t member;
    roaring_init_iterator(block->members.get(), &member);
    if (block->number == block_of(first)) roaring_move_uint32_iterator_equalorlarger(&member, member_of(first));
    for (; member.has_value; roaring_advance_uint32_iterator(&member)) {
      if (!visit({block->number * block_ids + member.current_value})) return;
    }
  }
}

void Postings::drop_space(SpaceId space) {
  auto found = spaces_.find(space.value);
  if (found == spaces_.end()) return;
  for (Set& set : found->second) {
    set.count = 0;
    for (Block& block : set.blocks) {
      roaring_bitmap_clear(block.members.get());
      mark_dirty(space, set.label, block);
    }
  }
}

void Postings::erase_empty(const BlockName& name) {
  Space& sets = spaces_.at(name.space.value);
  auto set = first_from(sets, name.label, &Set::label);
  set->blocks.erase(first_from(set->blocks, name.number, &Block::number));
  if (set->blocks.empty()) sets.erase(set);
  if (sets.empty()) spaces_.erase(name.space.value);
}

void Postings::take_changes(std::vector<WarmChange>& changes) {
  for (const BlockName& name : dirty_) {
    Set& set = obtain_set(name.space, name.label);
    Block& block = *first_from(set.blocks, name.number, &Block::number);
    block.dirty = false;
    WarmChange change{WarmTable::postings, {}, {}};
    append_big_endian(change.key, name.space.value);
    append_big_endian(change.key, name.label.value);
    append_big_endian(change.key, name.number);
    if (roaring_bitmap_is_empty(block.members.get())) {
      erase_empty(name);
    } else {
      roaring_bitmap_run_optimize(block.members.get());
      roaring_bitmap_shrink_to_fit(block.members.get());
      change.value = serialised(block.members.get());
    }
    changes.push_back(std::move(change));
  }
  dirty_.clear();
}

std::size_t Postings::bytes() const {
  constexpr std::size_t table_node = 40;
  constexpr std::size_t bitmap_overhead = sizeof(roaring_bitmap_t) + 64;  // its arrays of one container, the allocator
  std::size_t total = dirty_.capacity() * sizeof(BlockName) + spaces_.bucket_count() * sizeof(void*);
  for (const auto& [number, sets] : spaces_) {
    total += table_node + sets.capacity() * sizeof(Set);
    for (const Set& set : sets) {
      total += set.blocks.capacity() * sizeof(Block);
      for (const Block& block : set.blocks)
        total += bitmap_overhead + roaring_bitmap_portable_size_in_bytes(block.members.get());
    }
  }
  return total;
}

}  // namespace engram
