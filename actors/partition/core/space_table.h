#pragma once
// The spaces that one partition knows: all that are spread, those kept together here, and those whose name lives here.

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/btree_map.h>
#include <absl/container/flat_hash_map.h>

#include "storage/base/placement.h"
#include "schema/client.capnp.h"
#include "storage/base/pack.h"
#include "storage/base/result.h"
#include "storage/index/ordered_index.h"
#include "storage/warm/warm_store.h"

namespace engram {

struct SpaceQuota {  // 0: unlimited
  std::uint64_t vertices = 0;
  std::uint64_t edges = 0;
  std::uint64_t bytes = 0;
};

/// What this partition holds of a space. Changes with every command: kept apart, so that a rollback can restore it.
struct SpaceCounts {
  std::uint64_t vertices = 0;
  std::uint64_t edges = 0;  // at their source
  std::uint64_t bytes = 0;
  std::vector<std::pair<NameId, std::uint64_t>> types;  // edges of each type, ascending by type
};

struct DeclaredIndex {
  IndexNumber number;
  NameId label;  // 0: every vertex
  NameId property;
  bool ready = false;  // false: vertices from before the declaration are still being indexed
  Status damage{};     // why this cannot be done, until a start finds the warm store repaired; not part of the state
};

struct Space {
  SpaceRoute route;
  std::string name;
  SpaceQuota quota;
  std::int64_t created_ns = 0;
  bool dropped = false;
  SpaceCounts counts;
  std::vector<DeclaredIndex> indexes;
  bool dirty = false;

  void count_edge_type(NameId type, std::int64_t change);
  [[nodiscard]] const DeclaredIndex* find_index(NameId label, NameId property) const;
};

class SpaceTable {
 public:
  SpaceTable(PartitionId self, std::uint32_t partitions) : self_(self), partitions_(partitions) {}
  Status load(const WarmStore::View& view);

  /// Null if it is unknown or dropped.
  [[nodiscard]] Space* find(SpaceId id);
  /// Also dropped ones whose vertices are not purged yet.
  [[nodiscard]] Space* find_even_dropped(SpaceId id);
  /// Of the spaces whose home is here: whether a name is taken is for its home to say.
  [[nodiscard]] Space* find_name(std::string_view name);
  /// Spread spaces of this name whose home is elsewhere. More than one only while one of them is about to be dropped here too.
  [[nodiscard]] std::vector<const Space*> find_elsewhere(std::string_view name) const;
  Space& create(SpaceId id, std::string_view name, Placement placement, const SpaceQuota& quota, std::int64_t now_ns);
  /// Marks it; it goes away when purged.
  void drop(Space& space);
  void forget(SpaceId id);
  void mark_dirty(Space& space);
  IndexNumber next_index_number() { return {next_index_++}; }

  /// The quota of one partition: a spread space's is divided evenly, rounded up.
  [[nodiscard]] SpaceQuota share(const Space& space) const;
  /// Spaces whose home is this partition, by name, those behind `after`.
  void list(std::string_view after, std::size_t limit, const std::function<void(const Space&)>& visit) const;
  /// Not purged yet; in an order that is the same after a restart.
  [[nodiscard]] const std::set<SpaceId>& dropped() const { return dropped_; }
  /// Also dropped ones that are not purged yet; ascending.
  [[nodiscard]] std::vector<SpaceId> all() const;
  /// Spaces with an index that is not complete yet.
  [[nodiscard]] std::vector<SpaceId> unready();
  [[nodiscard]] std::size_t size() const { return spaces_.size(); }

  void write_info(const Space& space, schema::SpaceInfo::Builder out) const;
  void take_changes(std::vector<WarmChange>& out);

  /// Takes an index out of its space; its entries are removed behind.
  void drop_index(Space& space, IndexNumber number);
  [[nodiscard]] const std::vector<IndexNumber>& dropped_indexes() const { return dropped_indexes_; }
  void forget_index(IndexNumber number) { std::erase(dropped_indexes_, number); }
  /// Its entries cannot be read: what is left of them stays, and the next start tries again.
  void set_aside(IndexNumber number);
  /// Numbers that must not be given out twice, and drops that are not complete: part of the core's state record.
  void pack_counters(Packer& out) const;
  void unpack_counters(Unpacker& in);

 private:
  Space& insert(Space space);
  void note_unready(const Space& space);
  PartitionId self_;
  std::uint32_t partitions_;
  absl::flat_hash_map<std::uint64_t, std::unique_ptr<Space>> spaces_;
  absl::btree_map<std::string_view, Space*> names_;           // of the spaces whose home is here
  absl::btree_multimap<std::string_view, Space*> elsewhere_;  // of the others
  std::set<SpaceId> dropped_;
  std::vector<SpaceId> dirty_;
  std::vector<IndexNumber> dropped_indexes_;
  std::vector<IndexNumber> set_aside_;  // of those dropped
  std::uint32_t next_index_ = 1;
  std::set<SpaceId> maybe_unready_;  // all that are, and perhaps some that no longer are
};

/// The id of a new space: the same on every partition, and not for a client to choose.
SpaceId new_space_id(std::string_view name, std::uint64_t session, std::uint64_t sequence);

}  // namespace engram
