#pragma once
// Which vertices of a space carry a label: sets of local ids for (space, label), in memory as roaring bitmaps, one a
// block of 65,536 local ids. NameId{0} stands for all vertices of the space. A space without vertices costs nothing.
//
// The owner adds and removes as it applies commands, and hands what changed to the write-back with take_changes().
// In a crash: the sets are those of the warm store's applied LSN, and the replay of the log brings them up to date.
// Not thread-safe: one partition owns it.

#include <cstdint>
#include <functional>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "storage/base/ids.h"
#include "storage/base/result.h"
#include "storage/warm/warm_store.h"

struct roaring_bitmap_s;

namespace engram {

class Postings {
 public:
  /// The label that stands for every vertex of a space.
  static constexpr NameId all{0};

  Postings();
  ~Postings();
  Postings(const Postings&) = delete;
  Postings& operator=(const Postings&) = delete;

  /// Replaces everything by what the warm store has; nothing is dirty then. Error `corrupt` leaves it empty.
  Status load(const WarmStore::View& view);

  /// Both return whether the set changed.
  bool add(SpaceId space, NameId label, LocalId id);
  bool remove(SpaceId space, NameId label, LocalId id);

  [[nodiscard]] bool contains(SpaceId space, NameId label, LocalId id) const;
  [[nodiscard]] std::uint64_t count(SpaceId space, NameId label) const;
  /// The labels that at least one vertex of the space carries, ascending, with their counts; `all` is among them.
  [[nodiscard]] std::vector<std::pair<NameId, std::uint64_t>> labels(SpaceId space) const;

  /// Visits the ids from `first` on in ascending order while `visit` returns true. `visit` must not change them.
  void for_each_from(SpaceId space, NameId label, LocalId first, const std::function<bool(LocalId)>& visit) const;

  /// Removes all sets of a space.
  void drop_space(SpaceId space);

  /// Appends the blocks that changed since the last call, with their state of now. The owner keeps the changes until
  /// they are committed: they are not handed out again.
  void take_changes(std::vector<WarmChange>& changes);

  /// Memory in use, for the owner's accounts (an estimate).
  [[nodiscard]] std::size_t bytes() const;

 private:
  struct FreeBitmap {
    void operator()(roaring_bitmap_s* bitmap) const;
  };
  using Bitmap = std::unique_ptr<roaring_bitmap_s, FreeBitmap>;  // of the lower 16 bits of the ids in one block
  struct Block {
    std::uint64_t number = 0;
    Bitmap members;
    bool dirty = false;
  };
  struct Set {
    NameId label;
    std::uint64_t count = 0;
    std::vector<Block> blocks;  // ascending; one that became empty stays until its deletion is handed out
  };
  using Space = std::vector<Set>;  // ascending by label
  struct BlockName {
    SpaceId space;
    NameId label;
    std::uint64_t number;
  };

  [[nodiscard]] const Set* find_set(SpaceId space, NameId label) const;
  Set& obtain_set(SpaceId space, NameId label);
  void mark_dirty(SpaceId space, NameId label, Block& block);
  void erase_empty(const BlockName& name);
  Status load_block(Bytes key, Bytes value);

  std::unordered_map<std::uint64_t, Space> spaces_;
  std::vector<BlockName> dirty_;  // each block at most once
};

}  // namespace engram
