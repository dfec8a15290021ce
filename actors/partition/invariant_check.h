#pragma once
// One run of check_invariants (invariants.h is what others include).

#include <map>
#include <string>

#include "actors/partition/invariants.h"

namespace engram {

class InvariantCheck {
 public:
  InvariantCheck(const std::vector<PartitionCore*>& cores, Findings& findings) : cores_(cores), findings_(findings) {}

  GraphCounts run(const std::function<void(double)>& progress);

 private:
  /// What the vertices of one partition say, to be compared with what its space says.
  struct Tally {
    std::uint64_t vertices = 0;
    std::uint64_t edges = 0;
    std::uint64_t bytes = 0;
    std::map<NameId, std::uint64_t> types;
    std::map<NameId, std::uint64_t> labels;  // `Postings::all` among them
  };
  /// The vertex whose edges are being checked.
  struct Own {
    VertexId id;
    std::string_view key;
    const Space* space;  // null: unknown
    Lsn applied;
  };

  // --- invariants.cpp: vertices and spaces ---
  void check_partition(PartitionCore& core, const std::function<void(std::uint64_t)>& progress);
  void check_vertex(PartitionCore& core, LocalId id);
  void check_place(PartitionCore& core, const Own& own);
  void check_names(PartitionCore& core, const Own& own, const VertexHead& head, Tally& tally);
  void check_properties(PartitionCore& core, const Own& own, Bytes properties, const std::string& edge);
  void check_space(PartitionCore& core, Space& space);
  void check_labels(PartitionCore& core, Space& space, const Tally& tally);
  void check_same_everywhere(PartitionCore& core, const Space& space);
  [[nodiscard]] std::string index_text(PartitionCore& core, const Space& space) const;

  // --- invariants_edges.cpp ---
  void check_edges(PartitionCore& core, const Own& own, Side side, Tally& tally);
  void check_entry(PartitionCore& core, const Own& own, Side side, const EdgeEntry& entry);
  void check_other_end(PartitionCore& core, const Own& own, Side side, const EdgeEntry& entry);
  /// The same type in another partition's dictionary; 0 if it has no such name.
  NameId translate(PartitionCore& from, PartitionCore& to, NameId type);
  [[nodiscard]] std::string edge_text(PartitionCore& core, const Own& own, Side side, const EdgeSlot& slot);

  // --- invariants_index.cpp ---
  void check_index(PartitionCore& core, Space& space, const DeclaredIndex& index);

  void found(const char* check, PartitionCore& core, std::string_view vertex, std::string edge, std::string message);
  void take_failure(PartitionCore& core, std::string_view vertex);

  const std::vector<PartitionCore*>& cores_;
  bool in_doubt_ = false;
  Findings& findings_;
  GraphCounts counts_;
  absl::flat_hash_map<std::uint64_t, Tally> tallies_;        // of the partition at hand, by space
  absl::flat_hash_map<std::uint64_t, NameId> translations_;  // by from, to and type
};

}  // namespace engram
