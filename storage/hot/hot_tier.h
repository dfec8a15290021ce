#pragma once
// The hot tier of one partition: vertices in memory, found by local id in O(1) and by key in O(1), bounded in bytes.
//
// A vertex has three parts that come and go on their own: head, out-edges, in-edges. A part that is not here is in the
// warm store. Clean vertices are evicted by SIEVE (Zhang et al., "SIEVE is Simpler than LRU", NSDI 2024): one bit a
// vertex, set on access, and a hand that sweeps from the oldest to the newest: a scan cannot flush what is in use.
// Not thread-safe: one partition owns it. It does no I/O.

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "storage/base/ids.h"
#include "storage/hot/adjacency.h"
#include "storage/hot/blob.h"

namespace engram {

struct HotVertex {
  BlobRef head;              // empty: not loaded
  Adjacency out;
  Adjacency in;
  bool head_dirty = false;   // changed since it was last handed to the write-back
  std::uint8_t listed = 0;   // the set of dirty vertices that it is in: 1 or 2, in turns; 0: in none
  bool in_flight = false;    // handed to a write-back that is not committed yet: must not be evicted
  bool visited = false;      // SIEVE's bit

  [[nodiscard]] Adjacency& edges(Side side) { return side == Side::out ? out : in; }
  [[nodiscard]] const Adjacency& edges(Side side) const { return side == Side::out ? out : in; }
};

class HotTier {
 public:
  /// `key_hash_seed`: random and secret where keys come from outside, so that nobody can make them collide.
  explicit HotTier(std::size_t limit_bytes, std::uint64_t key_hash_seed = 0);
  ~HotTier();
  HotTier(const HotTier&) = delete;
  HotTier& operator=(const HotTier&) = delete;

  /// The vertex if any part of it is here, else null; marks it as visited. Valid until the vertex is erased or evicted.
  HotVertex* find(LocalId id);
  /// Without marking it.
  [[nodiscard]] const HotVertex* peek(LocalId id) const;
  /// Hints for a walk over many vertices, which is otherwise spent in waiting for memory: ask for a vertex some ten
  /// ahead, and for its edges some five ahead. Do nothing for what is not here.
  void prefetch(LocalId id) const;
  void prefetch_edges(LocalId id, Side side) const;
  /// The vertex, made without any part if it was not here, else marked as visited.
  HotVertex& obtain(LocalId id);
  void erase(LocalId id);

  /// After any change to a vertex's parts: brings the byte count up to date. O(1).
  void account(LocalId id);
  /// After a change that the warm store has to learn of: also puts it among the dirty vertices. One that is due has to be
  /// taken before it is changed.
  void mark_dirty(LocalId id);

  /// A write-back takes the dirty vertices as they were at one moment, the cut, but not all at once: after the cut what
  /// was dirty is due, until it was taken. Whoever changes a vertex takes it first. Only once nothing is due any more.
  void cut();
  /// The next in ascending order, whether it was taken meanwhile or not; nothing once all were named. O(1).
  std::optional<LocalId> next_due();
  /// The vertex if it is due, and in flight from now on; null if it is not, or was erased.
  HotVertex* take_due(LocalId id);
  [[nodiscard]] std::size_t due() const;  // at most so many are left

  /// The key index holds the vertices whose head is here: the owner adds them once they are obtained, and removes them
  /// before the vertex is erased. A vertex without a head is not found and may drop out of the index.
  void index_key(SpaceId space, std::string_view key, LocalId id);
  void unindex_key(SpaceId space, std::string_view key, LocalId id);
  [[nodiscard]] std::optional<LocalId> find_key(SpaceId space, std::string_view key);

  /// A hint for a batch: has what the look-ups of these keys will touch fetched into the cache, all at once instead of one
  /// after the other; the edges of a side too, if one is named.
  struct KeyHint {
    std::string_view key;
    std::optional<Side> side;
  };
  void prefetch_keys(SpaceId space, std::span<const KeyHint> keys) const;

  [[nodiscard]] std::size_t bytes() const;         // of all parts, records and tables
  [[nodiscard]] std::size_t dirty_bytes() const;   // of the vertices that are dirty, due or in flight
  [[nodiscard]] std::size_t limit_bytes() const;
  [[nodiscard]] std::size_t vertices() const;      // that have any part here
  [[nodiscard]] std::uint64_t evictions() const;

  /// Evicts clean vertices until the tier is within its limit or `budget` vertices were looked at. Unindexes their keys.
  /// Returns how many went.
  std::size_t evict(std::size_t budget);
  /// What was taken is in the warm store.
  void landed(LocalId id);

  /// In ascending order of ids. `visit` must not add or erase vertices.
  void for_each(const std::function<void(LocalId, HotVertex&)>& visit);

 private:
  struct Impl;
  Impl* impl_;
};

}  // namespace engram
