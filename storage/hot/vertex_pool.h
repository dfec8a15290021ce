#pragma once
// Where the hot tier's vertices live: records in slabs (no malloc header for each), reached from the local id over a
// paged table of record numbers. Addresses stay valid while a record lives. Numbers of erased records are used again, and
// slabs without records give their memory back.

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "storage/hot/hot_tier.h"
#include "storage/hot/record_number.h"

namespace engram {

/// The memory of a part as last accounted. A part's size is written in its allocation, which lies anywhere in memory:
/// to look it up only when the allocation is another one than before spares every change two cache misses.
struct PartSize {
  std::uint32_t address_bits = 0;
  std::uint32_t units = 0;          // of 16 bytes

  template <typename Part>
  void update(const Part& part, const void* allocation) {
    auto bits = static_cast<std::uint32_t>(reinterpret_cast<std::uintptr_t>(allocation) / 16);
    if (bits == address_bits && allocation != nullptr) return;
    address_bits = bits;
    units = static_cast<std::uint32_t>((part.memory_bytes() + 15) / 16);
  }
};

struct VertexRecord {
  HotVertex vertex;
  std::uint64_t id = 0;
  PartSize head;
  PartSize out;
  PartSize in;
  RecordNumber newer = no_record;   // SIEVE's queue; in a free record the next free one of its slab
  RecordNumber older = no_record;
  bool counted_dirty = false;       // whether the parts were counted as dirty

  [[nodiscard]] std::uint64_t units() const { return std::uint64_t{head.units} + out.units + in.units; }
  void update_sizes() {
    head.update(vertex.head, vertex.head ? vertex.head.data() : nullptr);
    out.update(vertex.out, vertex.out.allocation());
    in.update(vertex.in, vertex.in.allocation());
  }
};

class VertexPool {
 public:
  [[nodiscard]] RecordNumber number_of(LocalId id) const {
    std::uint64_t page = id.value / page_size;
    if (page >= pages_.size() || pages_[page] == nullptr) return no_record;
    return pages_[page]->numbers[id.value % page_size];
  }
  /// Has the place of an id in the table fetched.
  void prefetch_number(LocalId id) const {
    std::uint64_t page = id.value / page_size;
    if (page < pages_.size() && pages_[page] != nullptr) __builtin_prefetch(&pages_[page]->numbers[id.value % page_size]);
  }
  /// Of a number that was given out once. If its record was removed, one without content, which must not be changed.
  [[nodiscard]] VertexRecord& record(RecordNumber number) {
    return slabs_[(number - 1) / slab_size][(number - 1) % slab_size];
  }
  /// The record of an id that has none yet.
  RecordNumber add(LocalId id);
  void remove(LocalId id);

  [[nodiscard]] std::size_t records() const { return records_; }
  /// Of the slabs, however few of their records are in use, and of the tables.
  [[nodiscard]] std::size_t memory_bytes() const {
    return (slabs_.size() - vacant_.size()) * slab_size * sizeof(VertexRecord) +
           slabs_.capacity() * sizeof(void*) + states_.capacity() * sizeof(SlabState) + page_count_ * sizeof(Page) +
           pages_.capacity() * sizeof(void*);
  }
  /// In ascending order of ids.
  template <typename Visit>
  void for_each(const Visit& visit) {
    for (const auto& page : pages_) {
      if (page == nullptr) continue;
      for (RecordNumber number : page->numbers) {
        if (number != no_record) visit(record(number));
      }
    }
  }

 private:
  static constexpr std::size_t page_size = 4096;
  static constexpr std::size_t slab_size = 1024;
  struct Page {
    std::array<RecordNumber, page_size> numbers{};
    std::size_t used = 0;
  };
  struct SlabState {
    std::unique_ptr<VertexRecord[]> records;  // none: vacant
    RecordNumber free = no_record;            // the first of those that were given back
    std::uint32_t fresh = 0;                  // how many were ever given out; those behind are as they were made
    std::uint32_t used = 0;
    std::uint32_t place = 0;                  // in with_room_, while it is there
  };

  static VertexRecord* empty_slab();
  void make_slab();
  void give_back(std::uint32_t slab);

  std::vector<std::unique_ptr<Page>> pages_;
  std::vector<VertexRecord*> slabs_;          // all that finding a record needs; of a vacant one the empty slab
  std::vector<SlabState> states_;
  std::vector<std::uint32_t> with_room_;      // slabs that have a free record
  std::vector<std::uint32_t> vacant_;         // slabs without memory
  std::size_t records_ = 0;
  std::size_t page_count_ = 0;
};

}  // namespace engram
