#pragma once
// Locks of transactions that are prepared here and not decided yet. Part of the partition's state, filled by history.
//
// A lock is named by a 64-bit hash, of a vertex (space, key) or of an edge (space, source, type, target, rank). Two things
// with one hash wait for each other now and then: harmless.

#include <cstdint>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <absl/container/inlined_vector.h>

#include "schema/command.capnp.h"
#include "storage/base/ids.h"

namespace engram {

enum class LockMode : std::uint8_t {
  existence,  // of a vertex that gets or loses an edge: any number at a time
  change,     // of a vertex's labels and properties, or of an edge: one at a time; goes together with `existence`
  exclusive,  // creation and deletion of a vertex: excludes everything
};

struct LockRequest {
  std::uint64_t name;
  LockMode mode;
};

/// A transaction, as it is named in messages and compared for wait-die.
struct TransactionKey {
  PartitionId coordinator;
  std::uint64_t number = 0;
  std::int64_t started_ns = 0;

  /// The same transaction; its age is not part of its name.
  bool operator==(const TransactionKey& other) const {
    return coordinator == other.coordinator && number == other.number;
  }
  [[nodiscard]] bool older_than(const TransactionKey& other) const {
    if (started_ns != other.started_ns) return started_ns < other.started_ns;
    if (coordinator != other.coordinator) return coordinator < other.coordinator;
    return number < other.number;
  }
  /// An order by name, for lists that come from hash tables: the same state is to say the same.
  [[nodiscard]] bool named_before(const TransactionKey& other) const {
    return coordinator != other.coordinator ? coordinator < other.coordinator : number < other.number;
  }
  template <typename Hash>
  friend Hash AbslHashValue(Hash hash, const TransactionKey& key) {
    return Hash::combine(std::move(hash), key.coordinator.value, key.number);
  }
  static TransactionKey read(schema::TransactionId::Reader id) {
    return {{id.getCoordinator()}, id.getNumber(), id.getStartedNs()};
  }
  void write(schema::TransactionId::Builder out) const {
    out.setCoordinator(coordinator.value);
    out.setNumber(number);
    out.setStartedNs(started_ns);
  }
};

class LockTable {
 public:
  [[nodiscard]] bool empty() const { return entries_.empty(); }
  void acquire(const TransactionKey& owner, const std::vector<LockRequest>& requests);
  void release(const TransactionKey& owner, const std::vector<LockRequest>& requests);
  /// The owners (others than `self`) that stand against the requests, each once.
  [[nodiscard]] std::vector<TransactionKey> conflicts(const TransactionKey& self,
                                                      const std::vector<LockRequest>& requests) const;
  /// The owners that a read of a vertex has to wait for; of its edges too if `edges`.
  void readers_wait_for(std::uint64_t vertex_name, bool edges, std::vector<TransactionKey>& out) const;

 private:
  struct Holder {
    TransactionKey owner;
    LockMode mode;
  };
  absl::flat_hash_map<std::uint64_t, absl::InlinedVector<Holder, 1>> entries_;  // nearly always one
  std::size_t exclusive_ = 0;  // holders in that mode
};

std::uint64_t vertex_lock(SpaceId space, std::string_view key);
std::uint64_t edge_lock(SpaceId space, std::string_view source, std::string_view type, std::string_view target,
                        std::int64_t rank);
std::uint64_t edge_lock(SpaceId space, schema::EdgeKey::Reader edge);
/// Of a vertex that a prepared transaction is to create: others may know its id already, by an edge at their end.
std::uint64_t reserved_lock(VertexId id);
std::uint64_t space_lock(SpaceId space);

}  // namespace engram
