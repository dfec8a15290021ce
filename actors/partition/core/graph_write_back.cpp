// The graph's two ways to and from the warm store: what changed, for the write-back, and the warm-up at start.

#include "actors/partition/core/graph.h"

namespace engram {
namespace {

void put_key(std::vector<WarmChange>& out, const BlobRef& head, LocalId id) {
  auto parsed = parse_head(head.bytes());
  BlobRef value = BlobRef::uninitialised(sizeof id.value);
  std::memcpy(value.data(), &id.value, sizeof id.value);
  out.push_back({WarmTable::keys, warm_key_hash(parsed->space, parsed->key), std::move(value)});
}

}  // namespace

void Graph::cut() {
  ++generation_;
  absent_ids_.clear();
  absent_keys_.clear();
  hot_.cut();
  changes_.reserve(hot_.due() * 4 + tombstones_.size() * 4);
  // Deletions first: a key that was deleted and made again ends with its new id.
  for (auto& [id, tombstone] : tombstones_) {
    changes_.push_back({WarmTable::vertices, warm_vertex_key(id), {}});
    changes_.push_back({WarmTable::keys, std::move(tombstone.key_hash), {}});
    for (WarmChange& edge : tombstone.edges) changes_.push_back(std::move(edge));
    tombstone.edges.clear();
    buried_in_flight_.push_back(id);
  }
  dictionary_.take_changes(changes_);
  spaces_.take_changes(changes_);
  postings_.take_changes(changes_);
  ordered_.take_changes(changes_);
}

bool Graph::take_some(std::size_t vertices) {
  for (; vertices > 0; --vertices) {
    std::optional<LocalId> id = hot_.next_due();
    if (!id) return true;
    take_due(*id);
  }
  return false;
}

void Graph::take_due(LocalId id) {
  HotVertex* hot = hot_.take_due(id);
  if (hot == nullptr) return;
  if (hot->head_dirty) {
    changes_.push_back({WarmTable::vertices, warm_vertex_key(id), hot->head});
    put_key(changes_, hot->head, id);
    hot->head_dirty = false;
  }
  for (Side side : {Side::out, Side::in}) {
    if (!hot->edges(side).loaded() || !hot->edges(side).dirty()) continue;
    hot->edges(side).take_changes([&](const EdgeSlot& separator, BlobRef chunk) {
      changes_.push_back({WarmTable::edges, warm_chunk_key(id, side, separator), std::move(chunk)});
    });
  }
  in_flight_.push_back(id);
}

void Graph::committed() {
  ++generation_;  // what was read before the commit may have what the tombstones that go now would keep out
  for (LocalId id : in_flight_) hot_.landed(id);
  in_flight_.clear();
  for (LocalId id : buried_in_flight_) tombstones_.erase(id);
  buried_in_flight_.clear();
  ordered_.committed();
}

Status Graph::warm_up(const std::function<void(double)>& progress) {
  if (store_ == nullptr || complete_) return {};
  WarmStore::View view(*store_);
  std::size_t room = hot_.limit_bytes() / 10 * 9;
  std::uint64_t total = view.entries(WarmTable::vertices);
  std::uint64_t done = 0;
  Status bad;
  bool full = false;
  Status scanned = view.scan(WarmTable::vertices, {}, {}, [&](Bytes key, Bytes value) {
    LocalId id{read_big_endian<std::uint64_t>(key.data())};
    install_head(id, BlobRef::copy_of(value));
    bad = take_failure();
    for (Side side : {Side::out, Side::in})
      if (bad.ok()) bad = warm_up_edges(view, id, side);
    if (++done % 16384 == 0) progress(static_cast<double>(done) / static_cast<double>(total));
    full = hot_.bytes() > room;
    return bad.ok() && !full;
  });
  if (!scanned.ok()) return scanned;
  if (!bad.ok()) return bad;
  complete_ = !full || done == total;
  return {};
}

Status Graph::warm_up_edges(const WarmStore::View& view, LocalId id, Side side) {
  auto adjacency = read_edges(view, id, side);
  if (!adjacency.ok()) return adjacency.status();
  HotVertex& hot = hot_.obtain(id);
  hot.edges(side) = std::move(adjacency).value();
  hot_.account(id);
  return {};
}

}  // namespace engram
