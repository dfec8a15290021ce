#include "storage/index/ordered_index.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "storage/base/damage.h"
#include "storage/base/last_words.h"

namespace engram {

namespace {

constexpr std::size_t index_bytes = 4;
constexpr std::size_t id_bytes = 8;
constexpr std::size_t entry_overhead = 48 + 32;  // a map node and the string in it

std::string entry_prefix(IndexNumber index, Bytes sort_key) {
  std::string key;
  key.reserve(index_bytes + sort_key.size() + id_bytes);
  append_big_endian(key, index.value);
  key += as_text(sort_key.first(std::min(sort_key.size(), OrderedIndex::max_sort_key_bytes)));
  return key;
}

std::string entry_key(IndexNumber index, Bytes sort_key, LocalId id) {
  std::string key = entry_prefix(index, sort_key);
  append_big_endian(key, id.value);
  return key;
}

Bytes sort_key_of(Bytes key) { return key.subspan(index_bytes, key.size() - index_bytes - id_bytes); }
LocalId id_of(Bytes key) { return {read_big_endian<std::uint64_t>(key.data() + key.size() - id_bytes)}; }

}  // namespace

/// Walks both layers side by side, from a key on; what both have counts as `recent` says.
class OrderedIndex::Merge {
 public:
  Merge(const OrderedIndex& index, std::string_view from)
      : recent_(index.recent_.entries.lower_bound(from)),
        recent_end_(index.recent_.entries.end()),
        older_(index.in_flight_.entries.lower_bound(from)),
        older_end_(index.in_flight_.entries.end()) {}

  [[nodiscard]] bool at_end() const { return recent_ == recent_end_ && older_ == older_end_; }
  [[nodiscard]] std::string_view key() const { return current()->first; }
  [[nodiscard]] bool present() const { return current()->second; }
  void next() {
    std::string_view passed = key();
    bool both = recent_ != recent_end_ && older_ != older_end_ && recent_->first == older_->first;
    bool recent = recent_ != recent_end_ && recent_->first == passed;
    if (recent) ++recent_;
    if (both || !recent) ++older_;
  }

 private:
  using Position = std::map<std::string, bool, std::less<>>::const_iterator;
  [[nodiscard]] Position current() const {
    if (older_ == older_end_) return recent_;
    if (recent_ == recent_end_) return older_;
    return older_->first < recent_->first ? older_ : recent_;
  }

  Position recent_;
  Position recent_end_;
  Position older_;
  Position older_end_;
};

void OrderedIndex::set(std::string key, bool present) {
  auto [entry, added] = recent_.entries.insert_or_assign(std::move(key), present);
  if (added) recent_.bytes += entry_overhead + entry->first.capacity();
}

void OrderedIndex::insert(IndexNumber index, Bytes sort_key, LocalId id) { set(entry_key(index, sort_key, id), true); }
void OrderedIndex::erase(IndexNumber index, Bytes sort_key, LocalId id) { set(entry_key(index, sort_key, id), false); }

Status OrderedIndex::scan(const WarmStore::View& view, IndexNumber index, Bytes from_key, LocalId from_id,
                          const std::function<bool(Bytes sort_key, LocalId id)>& visit) const {
  auto visit_entry = [&](Bytes key) { return visit(sort_key_of(key), id_of(key)); };
  std::string from = from_id.value == 0 ? entry_prefix(index, from_key) : entry_key(index, from_key, from_id);
  return scan_from(view, index, from, visit_entry, {});
}

Status OrderedIndex::scan_from(const WarmStore::View& view, IndexNumber index, std::string_view from,
                               const std::function<bool(Bytes key)>& visit,
                               const std::function<void(const Status&)>& damaged) const {
  const std::string prefix = entry_prefix(index, {});
  Merge changes(*this, from);
  bool wanted = true;
  auto show = [&](Bytes key) { return wanted = visit(key); };
  auto ours = [&] { return !changes.at_end() && changes.key().starts_with(prefix); };

  Status damage;
  auto visit_stored = [&](Bytes key, Bytes) {
    if (key.size() < index_bytes + id_bytes) {
      damage = warm_store_damage("table 'ordered' of the warm store has an entry without an id");
      if (!damaged) return false;
      damaged(std::exchange(damage, {}));
    }
    for (; ours() && changes.key() < as_text(key); changes.next()) {
      if (changes.present() && !show(as_bytes(changes.key()))) return false;
    }
    bool present = true;
    if (ours() && changes.key() == as_text(key)) {
      present = changes.present();
      changes.next();
    }
    return !present || show(key);
  };
  Status status = view.scan(WarmTable::ordered, as_bytes(from), as_bytes(prefix), visit_stored, damaged);
  if (!status.ok()) return status;
  if (!damage.ok()) return damage;
  for (; wanted && ours(); changes.next()) {
    if (changes.present()) show(as_bytes(changes.key()));
  }
  return {};
}

Result<OrderedIndex::DropStep> OrderedIndex::drop(const WarmStore::View& view, IndexNumber index,
                                                  std::size_t max_entries) {
  std::string& from = dropped_up_to_[index];
  if (from.empty()) from = entry_prefix(index, {});
  DropStep step{true, {}};
  std::vector<std::string> found;
  auto take = [&](Bytes key) {
    step.done = found.size() < max_entries;
    if (step.done) found.emplace_back(as_text(key));
    return step.done;
  };
  auto note = [&](const Status& damage) {
    if (step.damage.ok()) step.damage = damage;
  };
  if (Status status = scan_from(view, index, from, take, note); !status.ok()) return status;
  if (!found.empty()) from = found.back();
  if (step.done) dropped_up_to_.erase(index);
  for (std::string& key : found) set(std::move(key), false);
  return step;
}

void OrderedIndex::take_changes(std::vector<WarmChange>& changes) {
  // A second batch in flight would be taken for committed with the first one.
  if (!in_flight_.entries.empty()) {
    last_words("ordered index: changes are taken before the last ones were committed");
    std::abort();
  }
  std::swap(in_flight_, recent_);
  static const BlobRef nothing = BlobRef::copy_of({});
  changes.reserve(changes.size() + in_flight_.entries.size());
  for (const auto& [key, present] : in_flight_.entries)
    changes.push_back({WarmTable::ordered, key, present ? nothing : BlobRef()});
}

void OrderedIndex::committed() {
  in_flight_.entries.clear();
  in_flight_.bytes = 0;
}

}  // namespace engram
