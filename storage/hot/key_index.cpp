#include "storage/hot/key_index.h"

#include <algorithm>

namespace engram {
namespace {

constexpr std::uint32_t first_capacity = 16;
constexpr std::uint32_t split_capacity = 512;

bool is_full(std::uint32_t used, std::uint32_t mask) { return used + 1 > (mask + 1) / 8 * 7; }

}  // namespace

KeyIndex::KeyIndex(std::function<std::optional<std::uint64_t>(RecordNumber)> hash_of)
    : hash_of_(std::move(hash_of)), directory_{0} {
  segments_.push_back(make_segment(first_capacity, 0));
  entry_bytes_ = first_capacity * sizeof(std::uint64_t);
}

KeyIndex::Segment KeyIndex::make_segment(std::uint32_t capacity, std::uint32_t depth) {
  return {std::make_unique<std::uint64_t[]>(capacity), capacity - 1, 0, depth};
}

void KeyIndex::place(Segment& segment, std::uint64_t entry) {
  std::size_t at = hash_bits(entry) & segment.mask;
  while (segment.entries[at] != 0) at = (at + 1) & segment.mask;
  segment.entries[at] = entry;
  ++segment.used;
}

void KeyIndex::insert(std::uint64_t hash, RecordNumber number) {
  make_room(hash);
  place(segments_[directory_[slot_of(hash)]], entry_of(hash, number));
}

void KeyIndex::erase(std::uint64_t hash, RecordNumber number) {
  Segment& segment = segments_[directory_[slot_of(hash)]];
  std::uint64_t sought = entry_of(hash, number);
  std::size_t hole = hash & segment.mask;
  while (segment.entries[hole] != sought) {
    if (segment.entries[hole] == 0) return;
    hole = (hole + 1) & segment.mask;
  }
  // Entries behind the hole move up unless they would get in front of their home.
  for (std::size_t at = (hole + 1) & segment.mask; segment.entries[at] != 0; at = (at + 1) & segment.mask) {
    std::size_t home = hash_bits(segment.entries[at]) & segment.mask;
    if (((at - home) & segment.mask) < ((at - hole) & segment.mask)) continue;
    segment.entries[hole] = segment.entries[at];
    hole = at;
  }
  segment.entries[hole] = 0;
  --segment.used;
}

/// Until the segment that `hash` belongs to has room for one more.
void KeyIndex::make_room(std::uint64_t hash) {
  while (true) {
    Segment& segment = segments_[directory_[slot_of(hash)]];
    if (!is_full(segment.used, segment.mask)) return;
    // Hashes that share too many upper bits would double the directory for one segment: that one grows instead.
    bool directory_is_sparse = segment.depth == depth_ && directory_.size() > 16 * segments_.size();
    if (segment.mask + 1 < split_capacity || directory_is_sparse || segment.depth >= 31) {
      widen(segment);
    } else {
      split(hash);
    }
  }
}

void KeyIndex::widen(Segment& segment) {
  std::uint32_t capacity = segment.mask + 1;
  Segment wider = make_segment(capacity * 2, segment.depth);
  for (std::uint32_t i = 0; i < capacity; ++i) {
    if (segment.entries[i] != 0) place(wider, segment.entries[i]);
  }
  entry_bytes_ += capacity * sizeof(std::uint64_t);
  segment = std::move(wider);
}

void KeyIndex::split(std::uint64_t hash) {
  std::uint32_t low_number = directory_[slot_of(hash)];
  if (segments_[low_number].depth == depth_) {
    std::vector<std::uint32_t> doubled(directory_.size() * 2);
    for (std::size_t i = 0; i < doubled.size(); ++i) doubled[i] = directory_[i / 2];
    directory_ = std::move(doubled);
    ++depth_;
  }
  Segment whole = std::move(segments_[low_number]);
  std::uint32_t capacity = whole.mask + 1;
  Segment low = make_segment(capacity, whole.depth + 1);
  Segment high = make_segment(capacity, whole.depth + 1);
  for (std::uint32_t i = 0; i < capacity; ++i) {
    if (whole.entries[i] == 0) continue;
    std::optional<std::uint64_t> own_hash = hash_of_(number_of(whole.entries[i]));
    if (own_hash) place((*own_hash >> (63 - whole.depth) & 1) != 0 ? high : low, whole.entries[i]);
  }
  entry_bytes_ += capacity * sizeof(std::uint64_t);
  segments_[low_number] = std::move(low);
  auto high_number = static_cast<std::uint32_t>(segments_.size());
  segments_.push_back(std::move(high));
  // The slots of the old segment lie side by side; the upper half of them is the new one's.
  std::size_t slots = std::size_t{1} << (depth_ - whole.depth);
  std::size_t from = slot_of(hash) / slots * slots;
  std::fill_n(directory_.begin() + static_cast<std::ptrdiff_t>(from + slots / 2), slots / 2, high_number);
}

std::size_t KeyIndex::memory_bytes() const {
  return entry_bytes_ + segments_.capacity() * (sizeof(Segment) + 16) + directory_.capacity() * sizeof(std::uint32_t);
}

}  // namespace engram
