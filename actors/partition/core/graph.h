#pragma once
// The vertices and edges of one partition: the hot tier with what is behind it, the dictionary, the spaces and the
// indexes, changed together. Part of the deterministic core: no clock, no thread, no file; the warm store is only read.
//
// Misses. While `record_misses` is set, a part that is not in memory is noted and the access answers "missing"; the caller
// has it loaded and tries again. Otherwise (replay, tools, tests) it is read on the spot.
// Undo. Between `begin` and `commit`, every touched vertex is remembered as it was, so that `rollback` restores it.

#include <optional>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <absl/container/flat_hash_set.h>

#include "actors/partition/core/dictionary.h"
#include "actors/partition/core/residency.h"
#include "actors/partition/core/space_table.h"
#include "storage/hot/hot_tier.h"
#include "storage/hot/vertex_head.h"
#include "storage/index/ordered_index.h"
#include "storage/index/postings.h"

namespace engram {

/// When and by which command something changes.
struct Stamp {
  std::int64_t time_ns = 0;
  std::uint64_t version = 0;
};

enum class Presence { present, absent, missing };

class Graph {
 public:
  Graph(PartitionId self, std::uint32_t partitions, std::size_t hot_bytes, std::uint64_t key_hash_seed);

  /// Reads dictionary, spaces and label postings; `store` has to outlive the graph. Null: nothing is behind (tests).
  Status open(const WarmStore* store, LocalId next_local);
  /// Fills the hot tier from the warm store, in its order, until it is full. Reports the share done, 0 to 1.
  Status warm_up(const std::function<void(double)>& progress);

  void record_misses(Needs* needs) { needs_ = needs; }
  /// Takes in what was read for `Needs`. False if it may be stale (a write-back began since): ask again.
  bool install(LoadedParts parts);

  // --- access ---
  Presence find_key(SpaceId space, std::string_view key, LocalId& id);
  /// With its head. Null: absent, or missing and noted.
  HotVertex* vertex(LocalId id) { return vertex(id, presence_); }
  HotVertex* vertex(LocalId id, Presence& presence);
  /// With head and edges of that side.
  HotVertex* vertex_with(LocalId id, Side side);
  /// After the last access that returned null.
  [[nodiscard]] Presence presence() const { return presence_; }
  /// A read from the warm store that failed (bad checksum) since the last call; the caller fails its request with it.
  Status take_failure() { return std::exchange(failure_, Status()); }

  // --- changes ---
  LocalId reserve() { return {next_local_++}; }
  void create_vertex(LocalId id, Space& space, NewHead head);
  void change_head(LocalId id, Space& space, const NewHead& head);
  /// Removes the vertex with its own entries; the entries at the other ends are the caller's.
  void remove_vertex(LocalId id, Space& space);
  /// `before`: what of the edge is there now, which its source's side counts.
  void put_edge(LocalId id, Side side, Space& space, const EdgeEntry& entry, const std::optional<EdgeEntry>& before);
  bool erase_edge(LocalId id, Side side, Space& space, const EdgeSlot& slot);

  void begin(Space& space);
  void commit();
  void rollback();

  // --- write-back ---
  // Everything that changed, as it is at one moment, the cut. To read all dirty vertices at that moment would be a pause of
  // a quarter of a second after a load: they are taken step by step, and one that is about to change is taken before.
  void cut();
  /// Takes up to so many vertices of the cut; true once it has all of them.
  bool take_some(std::size_t vertices);
  /// What belongs to the cut: others (sessions, counters) add theirs at the moment of the cut. Once all is taken it is
  /// handed to the write-back, and in flight until `committed`.
  [[nodiscard]] std::vector<WarmChange>& changes() { return changes_; }
  void committed();
  [[nodiscard]] std::uint64_t generation() const { return generation_; }

  void fill_index(Space& space, const DeclaredIndex& index, LocalId id);
  /// Removes up to so many entries of indexes that were dropped. What it answers is damage that it met, for the log: it
  /// goes on past an entry, and sets an index aside of which a page cannot be read.
  Status drop_index_entries(std::size_t limit);
  /// Keeps up with what was taken in since the last call: every part may have to be looked at twice.
  void evict() {
    std::size_t budget = 4096 + 4 * std::exchange(installed_, 0);
    if (hot_.bytes() > hot_.limit_bytes() && hot_.evict(budget) > 0) complete_ = false;
  }

  /// Everything there is, is in memory.
  [[nodiscard]] bool complete() const { return complete_; }
  [[nodiscard]] PartitionId self() const { return self_; }
  [[nodiscard]] std::uint32_t partitions() const { return partitions_; }
  [[nodiscard]] LocalId next_local() const { return {next_local_}; }
  void set_next_local(LocalId next) { next_local_ = next.value; }
  Dictionary& dictionary() { return dictionary_; }
  SpaceTable& spaces() { return spaces_; }
  Postings& postings() { return postings_; }
  OrderedIndex& ordered() { return ordered_; }
  HotTier& hot() { return hot_; }
  [[nodiscard]] const WarmStore* store() const { return store_; }
  [[nodiscard]] std::uint64_t warm_reads() const { return warm_reads_; }

 private:
  struct Saved {
    LocalId id;
    BlobRef head;  // empty: it was not there
    Adjacency out;
    Adjacency in;
  };
  struct Tombstone {
    std::string key_hash;
    std::vector<WarmChange> edges;  // deletions of its chunks
  };

  HotVertex* load_now(LocalId id, bool head, std::optional<Side> side);
  Presence find_key_in_warm(SpaceId space, std::string_view key, LocalId& id);
  void install_head(LocalId id, BlobRef head);
  void take_due(LocalId id);
  /// Before any change of a vertex: its state of the cut for the write-back, and of before the share for the undo.
  void save(LocalId id);
  void restore(Saved saved);
  void index_head(Space& space, LocalId id, const BlobRef& before, const BlobRef& after);
  void index_property(const DeclaredIndex& index, LocalId id, const VertexHead* before, const VertexHead* after);
  void bury(LocalId id, const BlobRef& head, HotVertex& vertex);
  Status warm_up_edges(const WarmStore::View& view, LocalId id, Side side);

  PartitionId self_;
  std::uint32_t partitions_;
  HotTier hot_;
  Dictionary dictionary_;
  SpaceTable spaces_;
  Postings postings_;
  OrderedIndex ordered_;
  const WarmStore* store_ = nullptr;
  std::uint64_t next_local_ = 0;

  bool complete_ = true;  // every vertex is in memory: what is not here does not exist
  Needs* needs_ = nullptr;
  Presence presence_ = Presence::present;
  Status failure_;
  std::uint64_t generation_ = 0;
  std::uint64_t warm_reads_ = 0;
  std::size_t installed_ = 0;  // parts, since the last eviction
  absl::flat_hash_set<LocalId> absent_ids_;         // known not to exist, until the next write-back
  absl::flat_hash_set<std::string> absent_keys_;    // by warm_key_hash
  absl::flat_hash_map<LocalId, Tombstone> tombstones_;  // deleted, and the warm store does not know yet
  std::vector<LocalId> buried_in_flight_;
  std::vector<LocalId> in_flight_;
  std::vector<WarmChange> changes_;  // of the cut

  bool undo_ = false;
  Space* undo_space_ = nullptr;
  SpaceCounts undo_counts_;
  std::vector<Saved> saved_;
  absl::flat_hash_set<LocalId> saved_ids_;
};

/// Deterministic accounting of what counts against a space's quota of bytes.
std::size_t edge_cost_bytes(Bytes properties);

}  // namespace engram
