#include "storage/hot/hot_tier.h"

#include <algorithm>
#include <array>

#include <roaring/roaring64map.hh>

#include "storage/base/checksum.h"
#include "storage/hot/key_index.h"
#include "storage/hot/vertex_head.h"
#include "storage/hot/vertex_pool.h"

namespace engram {
namespace {

constexpr std::size_t unit_bytes = 16;
constexpr std::size_t dirty_entry_bytes = 8;  // in a set of ids: two where they lie close, more where they are far apart

bool is_clean(const HotVertex& vertex) {
  return !vertex.head_dirty && vertex.listed == 0 && !vertex.in_flight && !vertex.out.dirty() && !vertex.in.dirty();
}

}  // namespace

struct HotTier::Impl {
  std::size_t limit_bytes;
  std::uint64_t key_hash_seed;
  VertexPool pool;
  KeyIndex keys;
  // Two sets in turns: what is dirty, and what is due. Sorted as they grow: to sort all at the cut would be a pause.
  struct Listed {
    Roaring64Map ids;
    std::size_t count = 0;  // to count them is not O(1)
  };
  std::array<Listed, 2> listed;
  std::uint8_t dirty_set = 1;
  std::optional<Roaring64Map::const_iterator> next_due;
  std::uint64_t part_units = 0;
  std::uint64_t dirty_units = 0;
  std::uint64_t evictions = 0;
  // SIEVE's queue runs from the oldest to the newest vertex; the hand moves in that direction and starts over.
  RecordNumber newest = no_record;
  RecordNumber oldest = no_record;
  RecordNumber hand = no_record;

  Impl(std::size_t limit, std::uint64_t seed)
      : limit_bytes(limit), key_hash_seed(seed),
        keys([this](RecordNumber number) { return hash_of_record(pool.record(number)); }) {}

  [[nodiscard]] std::uint64_t hash_of(SpaceId space, std::string_view key) const {
    return checksum64(as_bytes(key), key_hash_seed ^ space.value * 0x9E3779B97F4A7C15ULL);
  }

  [[nodiscard]] std::optional<std::uint64_t> hash_of_record(const VertexRecord& record) const {
    if (!record.vertex.head) return std::nullopt;
    Result<VertexHead> head = parse_head(record.vertex.head.bytes());
    if (!head.ok()) return std::nullopt;
    return hash_of(head->space, head->key);
  }

  VertexRecord* find(LocalId id) {
    RecordNumber number = pool.number_of(id);
    return number == no_record ? nullptr : &pool.record(number);
  }

  VertexRecord& add(LocalId id) {
    RecordNumber number = pool.add(id);
    VertexRecord& record = pool.record(number);
    record.older = newest;
    if (newest != no_record) pool.record(newest).newer = number;
    newest = number;
    if (oldest == no_record) oldest = number;
    return record;
  }

  void erase(VertexRecord& record) {
    RecordNumber number = pool.number_of({record.id});
    if (hand == number) hand = record.newer;
    if (record.older != no_record) pool.record(record.older).newer = record.newer;
    if (record.newer != no_record) pool.record(record.newer).older = record.older;
    if (oldest == number) oldest = record.newer;
    if (newest == number) newest = record.older;
    part_units -= record.units();
    if (record.counted_dirty) dirty_units -= record.units();
    pool.remove({record.id});
  }

  void account(VertexRecord& record) {
    std::uint64_t before = record.units();
    record.update_sizes();
    std::uint64_t now = record.units();
    bool dirty_now = record.vertex.listed != 0 || record.vertex.in_flight;
    part_units += now - before;
    dirty_units += (dirty_now ? now : 0) - (record.counted_dirty ? before : 0);
    record.counted_dirty = dirty_now;
  }

  void evict(VertexRecord& record) {
    if (auto hash = hash_of_record(record)) keys.erase(*hash, pool.number_of({record.id}));
    erase(record);
    ++evictions;
  }

  [[nodiscard]] Listed& dirty() { return listed[dirty_set - 1]; }
  [[nodiscard]] Listed& due() { return listed[2 - dirty_set]; }

  [[nodiscard]] std::size_t bytes() const {
    return part_units * unit_bytes + pool.memory_bytes() + keys.memory_bytes() +
           (listed[0].count + listed[1].count) * dirty_entry_bytes;
  }
};

HotTier::HotTier(std::size_t limit_bytes, std::uint64_t key_hash_seed) : impl_(new Impl(limit_bytes, key_hash_seed)) {}

HotTier::~HotTier() { delete impl_; }

HotVertex* HotTier::find(LocalId id) {
  VertexRecord* record = impl_->find(id);
  if (record == nullptr) return nullptr;
  record->vertex.visited = true;
  return &record->vertex;
}

const HotVertex* HotTier::peek(LocalId id) const {
  const VertexRecord* record = impl_->find(id);
  return record == nullptr ? nullptr : &record->vertex;
}

HotVertex& HotTier::obtain(LocalId id) {
  if (HotVertex* vertex = find(id); vertex != nullptr) return *vertex;
  return impl_->add(id).vertex;
}

void HotTier::erase(LocalId id) {
  if (VertexRecord* record = impl_->find(id); record != nullptr) impl_->erase(*record);
}

void HotTier::account(LocalId id) {
  if (VertexRecord* record = impl_->find(id); record != nullptr) impl_->account(*record);
}

void HotTier::mark_dirty(LocalId id) {
  VertexRecord* record = impl_->find(id);
  if (record == nullptr || record->vertex.listed != impl_->dirty_set)
    if (impl_->dirty().ids.addChecked(id.value)) ++impl_->dirty().count;
  if (record == nullptr) return;
  record->vertex.listed = impl_->dirty_set;
  impl_->account(*record);
}

void HotTier::cut() {
  impl_->due() = {};
  impl_->dirty_set = impl_->dirty_set == 1 ? 2 : 1;
  impl_->next_due.emplace(impl_->due().ids.begin());
}

std::optional<LocalId> HotTier::next_due() {
  if (!impl_->next_due) return std::nullopt;
  if (*impl_->next_due == impl_->due().ids.end()) {
    impl_->next_due.reset();
    impl_->due() = {};
    return std::nullopt;
  }
  LocalId id{**impl_->next_due};
  ++*impl_->next_due;
  return id;
}

HotVertex* HotTier::take_due(LocalId id) {
  VertexRecord* record = impl_->find(id);
  if (record == nullptr || record->vertex.listed == 0 || record->vertex.listed == impl_->dirty_set) return nullptr;
  record->vertex.listed = 0;
  record->vertex.in_flight = true;
  return &record->vertex;
}

std::size_t HotTier::due() const { return impl_->due().count; }

void HotTier::index_key(SpaceId space, std::string_view key, LocalId id) {
  RecordNumber number = impl_->pool.number_of(id);
  if (number != no_record) impl_->keys.insert(impl_->hash_of(space, key), number);
}

void HotTier::unindex_key(SpaceId space, std::string_view key, LocalId id) {
  RecordNumber number = impl_->pool.number_of(id);
  if (number != no_record) impl_->keys.erase(impl_->hash_of(space, key), number);
}

std::optional<LocalId> HotTier::find_key(SpaceId space, std::string_view key) {
  RecordNumber number = impl_->keys.find(impl_->hash_of(space, key), [&](RecordNumber candidate) {
    const HotVertex& vertex = impl_->pool.record(candidate).vertex;
    return vertex.head && head_matches(vertex.head.bytes(), space, key);
  });
  if (number == no_record) return std::nullopt;
  return LocalId{impl_->pool.record(number).id};
}

void HotTier::prefetch_keys(SpaceId space, std::span<const KeyHint> keys) const {
  constexpr std::size_t at_once = 16;  // about as many misses as a core has under way
  std::array<std::uint64_t, at_once> hashes{};
  std::array<const VertexRecord*, at_once> records{};
  for (; !keys.empty(); keys = keys.subspan(std::min(at_once, keys.size()))) {
    std::size_t count = std::min(at_once, keys.size());
    for (std::size_t i = 0; i < count; ++i) {
      hashes[i] = impl_->hash_of(space, keys[i].key);
      impl_->keys.prefetch(hashes[i]);
    }
    for (std::size_t i = 0; i < count; ++i) {
      RecordNumber number = impl_->keys.likely(hashes[i]);
      records[i] = number == no_record ? nullptr : &impl_->pool.record(number);
      if (records[i] != nullptr) __builtin_prefetch(records[i]);
    }
    for (std::size_t i = 0; i < count; ++i) {
      if (records[i] == nullptr) continue;
      impl_->pool.prefetch_number({records[i]->id});  // who looks a key up goes on with its id
      if (records[i]->vertex.head) __builtin_prefetch(records[i]->vertex.head.data());
      if (keys[i].side) records[i]->vertex.edges(*keys[i].side).prefetch();
    }
  }
}

void HotTier::prefetch(LocalId id) const {
  RecordNumber number = impl_->pool.number_of(id);
  if (number != no_record) __builtin_prefetch(&impl_->pool.record(number));
}

void HotTier::prefetch_edges(LocalId id, Side side) const {
  RecordNumber number = impl_->pool.number_of(id);
  if (number != no_record) impl_->pool.record(number).vertex.edges(side).prefetch();
}

std::size_t HotTier::bytes() const { return impl_->bytes(); }
std::size_t HotTier::dirty_bytes() const { return impl_->dirty_units * unit_bytes; }
std::size_t HotTier::limit_bytes() const { return impl_->limit_bytes; }
std::size_t HotTier::vertices() const { return impl_->pool.records(); }
std::uint64_t HotTier::evictions() const { return impl_->evictions; }

std::size_t HotTier::evict(std::size_t budget) {
  std::size_t evicted = 0;
  for (; budget > 0 && impl_->bytes() > impl_->limit_bytes; --budget) {
    if (impl_->hand == no_record) impl_->hand = impl_->oldest;
    if (impl_->hand == no_record) break;
    VertexRecord& record = impl_->pool.record(impl_->hand);
    if (is_clean(record.vertex) && !record.vertex.visited) {
      impl_->evict(record);  // moves the hand on
      ++evicted;
      continue;
    }
    record.vertex.visited = false;
    impl_->hand = record.newer;
  }
  return evicted;
}

void HotTier::landed(LocalId id) {
  VertexRecord* record = impl_->find(id);
  if (record == nullptr) return;
  record->vertex.in_flight = false;
  impl_->account(*record);
}

void HotTier::for_each(const std::function<void(LocalId, HotVertex&)>& visit) {
  impl_->pool.for_each([&](VertexRecord& record) { visit({record.id}, record.vertex); });
}

}  // namespace engram
