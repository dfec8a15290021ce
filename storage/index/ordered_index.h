#pragma once
// The indexes on property values: entries (index, sort key, local id) in order, for equality and range lookups.
//
// The entries are in the warm store; what changed since is in memory, in two layers: `recent` (not handed to a
// write-back yet) over `in flight` (handed out, not known to be committed). A read merges the three, the newest first.
// In a crash: both layers are lost, and the replay of the log makes them again.
// Not thread-safe: one partition owns it.

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "storage/base/ids.h"
#include "storage/base/result.h"
#include "storage/warm/warm_store.h"

namespace engram {

/// An index's number in one partition; never used again after the index is dropped.
struct IndexNumber {
  std::uint32_t value = 0;
  auto operator<=>(const IndexNumber&) const = default;
};

class OrderedIndex {
 public:
  /// Longer sort keys are clipped to this (it is what an LMDB key leaves), here and in `scan`. Entries with clipped
  /// keys come in the order of their first bytes, then of their ids: whoever gets a key of this size compares values.
  static constexpr std::size_t max_sort_key_bytes = 499;

  /// A sort key must not be a proper prefix of another one of the same index (append a terminator to texts):
  /// otherwise ids would take part in the order of the keys. Repeating either call changes nothing.
  void insert(IndexNumber index, Bytes sort_key, LocalId id);
  void erase(IndexNumber index, Bytes sort_key, LocalId id);

  /// Visits entries from `from_key` on (empty: from the first), and of those with this key from `from_id` on, in the order (sort
  /// key, id) while `visit` returns true. With an id the key is a whole one.
  /// `view` must be younger than the last `committed()`. `visit` must not change the index.
  Status scan(const WarmStore::View& view, IndexNumber index, Bytes from_key, LocalId from_id,
              const std::function<bool(Bytes sort_key, LocalId id)>& visit) const;

  struct DropStep {
    bool done = false;  // nothing is left
    Status damage{};    // the first damaged entry that was met; it is erased like the others, since its key is enough
  };
  /// Erases up to `max_entries` entries of a dropped index. Nobody inserts into it any more.
  Result<DropStep> drop(const WarmStore::View& view, IndexNumber index, std::size_t max_entries);

  /// Puts the recent changes in flight and appends them to `changes`. The owner keeps these until they are committed
  /// (they are not handed out again) and calls committed() before the next take_changes().
  void take_changes(std::vector<WarmChange>& changes);
  /// The changes of the last take_changes() are in the warm store: every view made from now on has them.
  void committed();

  /// Memory that both layers use (an estimate).
  [[nodiscard]] std::size_t bytes() const { return recent_.bytes + in_flight_.bytes; }

 private:
  struct Layer {
    std::map<std::string, bool, std::less<>> entries;  // whole key of the warm table -> there (false: erased)
    std::size_t bytes = 0;
  };
  class Merge;

  /// `key`, here and below: of the warm table.
  void set(std::string key, bool present);
  /// `from`: a whole key, or its first bytes. `damaged` may be empty, as in WarmStore::View::scan; if it is not, keys too
  /// short to hold an id are visited as well.
  Status scan_from(const WarmStore::View& view, IndexNumber index, std::string_view from,
                   const std::function<bool(Bytes key)>& visit,
                   const std::function<void(const Status&)>& damaged) const;

  Layer recent_;
  Layer in_flight_;
  /// Where the next step of a drop goes on: the whole key of the last entry erased. A sort key alone would not do: of an
  /// index with few values, every step would walk over all that is erased and not written back yet.
  std::map<IndexNumber, std::string> dropped_up_to_;
};

}  // namespace engram
