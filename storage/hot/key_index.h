#pragma once
// From the hash of a vertex's key to its record, in about ten bytes a vertex: the keys themselves are in the heads.
//
// Extendible hashing: a directory of segments of at most 512 entries, so that growing moves one segment and never the
// whole table. An entry is 32 bits of the hash and the record's number; the hash bits give the entry's home in its
// segment and sort out all but one in millions of the others, so that a look-up touches one head only.

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "storage/hot/record_number.h"

namespace engram {

class KeyIndex {
 public:
  /// `hash_of` is asked for the hash of a record when a segment is split; what has none any more drops out.
  explicit KeyIndex(std::function<std::optional<std::uint64_t>(RecordNumber)> hash_of);

  void insert(std::uint64_t hash, RecordNumber number);
  /// Absent is not an error.
  void erase(std::uint64_t hash, RecordNumber number);

  /// The first record with (most likely) this hash that `matches`; else no_record.
  template <typename Matches>
  [[nodiscard]] RecordNumber find(std::uint64_t hash, const Matches& matches) const {
    const Segment& segment = segments_[directory_[slot_of(hash)]];
    for (std::size_t at = hash & segment.mask;; at = (at + 1) & segment.mask) {
      std::uint64_t entry = segment.entries[at];
      if (entry == 0) return no_record;
      if (hash_bits(entry) == static_cast<std::uint32_t>(hash) && matches(number_of(entry))) return number_of(entry);
    }
  }

  /// Hints for a batch of look-ups: has the entry of this hash fetched; and, once it is here, which record it most likely is.
  void prefetch(std::uint64_t hash) const {
    const Segment& segment = segments_[directory_[slot_of(hash)]];
    __builtin_prefetch(&segment.entries[hash & segment.mask]);
  }
  [[nodiscard]] RecordNumber likely(std::uint64_t hash) const {
    return find(hash, [](RecordNumber) { return true; });
  }

  [[nodiscard]] std::size_t memory_bytes() const;

 private:
  struct Segment {
    std::unique_ptr<std::uint64_t[]> entries;  // linear probing; 0: free
    std::uint32_t mask = 0;
    std::uint32_t used = 0;
    std::uint32_t depth = 0;                   // how many upper bits of the hash its entries share
  };

  /// Never 0, since no record's number is.
  static std::uint64_t entry_of(std::uint64_t hash, RecordNumber number) { return hash << 32 | number; }
  static RecordNumber number_of(std::uint64_t entry) { return static_cast<RecordNumber>(entry); }
  static std::uint32_t hash_bits(std::uint64_t entry) { return static_cast<std::uint32_t>(entry >> 32); }

  [[nodiscard]] std::size_t slot_of(std::uint64_t hash) const { return depth_ == 0 ? 0 : hash >> (64 - depth_); }
  static Segment make_segment(std::uint32_t capacity, std::uint32_t depth);
  static void place(Segment& segment, std::uint64_t entry);
  void make_room(std::uint64_t hash);
  void widen(Segment& segment);
  void split(std::uint64_t hash);

  std::function<std::optional<std::uint64_t>(RecordNumber)> hash_of_;
  std::vector<Segment> segments_;
  std::vector<std::uint32_t> directory_;       // 2^depth_ segment numbers, by the upper bits of the hash
  std::uint32_t depth_ = 0;
  std::size_t entry_bytes_ = 0;
};

}  // namespace engram
