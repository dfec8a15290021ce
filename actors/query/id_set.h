#pragma once
// A set of vertex ids for traversals: open addressing over plain numbers, some nanoseconds an insertion.

#include <bit>
#include <cstdint>
#include <vector>

namespace engram {

class IdSet {
 public:
  explicit IdSet(std::size_t expected = 256) { resize(std::bit_ceil(expected * 2 + 2)); }

  /// True if it was not there. 2^64-1 is no vertex's id and must not be inserted.
  bool insert(std::uint64_t id) {
    std::size_t at = home(id);
    while (table_[at] != free_place) {
      if (table_[at] == id) return false;
      at = (at + 1) & mask_;
    }
    table_[at] = id;
    if (++size_ * 2 > table_.size()) grow();
    return true;
  }

  [[nodiscard]] bool contains(std::uint64_t id) const {
    for (std::size_t at = home(id); table_[at] != free_place; at = (at + 1) & mask_)
      if (table_[at] == id) return true;
    return false;
  }

  /// Absent is not an error.
  void erase(std::uint64_t id) {
    std::size_t at = home(id);
    while (table_[at] != id) {
      if (table_[at] == free_place) return;
      at = (at + 1) & mask_;
    }
    // Moves back what a free place here would hide, so that no marks of erased entries are needed.
    for (std::size_t next = (at + 1) & mask_; table_[next] != free_place; next = (next + 1) & mask_) {
      std::size_t distance_from_home = (next - home(table_[next])) & mask_;
      if (distance_from_home >= ((next - at) & mask_)) {
        table_[at] = table_[next];
        at = next;
      }
    }
    table_[at] = free_place;
    --size_;
  }

  [[nodiscard]] std::size_t size() const { return size_; }
  [[nodiscard]] std::size_t bytes() const { return table_.size() * sizeof(std::uint64_t); }

 private:
  static constexpr std::uint64_t free_place = ~std::uint64_t{0};

  // Ids are dense numbers below a partition's: multiplying by the golden ratio spreads them evenly over the upper bits.
  [[nodiscard]] std::size_t home(std::uint64_t id) const { return (id * 0x9E3779B97F4A7C15ULL) >> shift_; }

  void resize(std::size_t places) {
    table_.assign(places, free_place);
    mask_ = places - 1;
    shift_ = 64 - static_cast<unsigned>(std::countr_zero(places));
  }
  void grow() {
    std::vector<std::uint64_t> before = std::move(table_);
    resize(before.size() * 4);
    for (std::uint64_t id : before) {
      if (id == free_place) continue;
      std::size_t at = home(id);
      while (table_[at] != free_place) at = (at + 1) & mask_;
      table_[at] = id;
    }
  }

  std::vector<std::uint64_t> table_;
  std::size_t mask_ = 0;
  unsigned shift_ = 0;
  std::size_t size_ = 0;
};

}  // namespace engram
