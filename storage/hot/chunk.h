#pragma once
// One chunk of an adjacency: a header and entries in order, each encoded against the one before.
// docs/disk-format.md, section "Edge chunks", describes the bytes. This header is the only code that knows them,
// together with chunk.cpp. Chunks that come from disk go through check_chunk_bytes before anything else reads them.

#include <vector>

#include "storage/base/result.h"
#include "storage/hot/blob.h"
#include "storage/hot/edge_entry.h"
#include "storage/hot/fast_varint.h"

namespace engram {

/// The bits of an entry's first byte.
struct EntryFlag {
  static constexpr unsigned same_type = 0x01;        // else: the difference to the type before
  static constexpr unsigned has_rank = 0x02;
  static constexpr unsigned weight_float = 0x04;     // 4 bytes follow; neither weight bit: the weight is 1
  static constexpr unsigned weight_double = 0x08;    // 8 bytes follow
  static constexpr unsigned other_partition = 0x10;  // of the neighbour, than that of the entry before
  static constexpr unsigned same_stamps = 0x20;      // as the entry before, or the header's for the first one
  static constexpr unsigned was_changed = 0x40;      // changed_ns differs from created_ns
  static constexpr unsigned has_properties = 0x80;
};

/// The part of an entry that the next one is encoded against.
struct EntryContext {
  NameId type;
  VertexId neighbour;
  std::int64_t created_ns = 0;
  std::int64_t changed_ns = 0;
  std::uint64_t version = 0;
};

/// What the stamps of a chunk's entries are relative to; later and earlier ones are both fine. Side `out` only.
struct ChunkBase {
  std::int64_t time_ns = 0;
  std::uint64_t version = 0;
};

inline constexpr std::size_t chunk_header_bytes(Side side) {
  return side == Side::out ? sizeof(std::uint16_t) + sizeof(ChunkBase) : sizeof(std::uint16_t);
}

/// Walks a chunk's entries. Bytes that are damaged end the walk early and set `damaged`; they never lead outside.
class ChunkReader {
 public:
  ChunkReader() = default;
  ChunkReader(Side side, Bytes chunk)
      : begin_(chunk.data()), at_(begin_), end_(begin_ + chunk.size()), is_out_(side == Side::out) {
    if (chunk.size() < chunk_header_bytes(side)) {
      damaged_ = !chunk.empty();
      return;
    }
    std::uint16_t count = 0;
    std::memcpy(&count, at_, sizeof count);
    left_ = count;
    if (is_out_) {
      std::memcpy(&base_, at_ + sizeof count, sizeof base_);
      before_.created_ns = before_.changed_ns = base_.time_ns;
      before_.version = base_.version;
    }
    at_ += chunk_header_bytes(side);
  }

  /// False at the end.
  bool next(EdgeEntry& entry) {
    if (left_ == 0) return false;
    if (at_ == end_) return fail();
    --left_;
    const auto flags = static_cast<unsigned>(*at_++);
    constexpr unsigned rare = EntryFlag::same_type | EntryFlag::other_partition | EntryFlag::has_rank;
    if ((flags & rare) == EntryFlag::same_type) [[likely]] {
      std::uint64_t difference = 0;
      if (!read_varint_fast(begin_, at_, end_, difference)) return fail();
      before_.neighbour.value += difference;
      entry.slot = {before_.type, before_.neighbour, 0};
    } else if (!read_slot(flags, entry.slot)) {
      return fail();
    }
    if ((flags & (EntryFlag::weight_float | EntryFlag::weight_double)) == 0) [[likely]] {
      entry.weight = 1.0;
    } else if (!read_weight(flags, entry.weight)) {
      return fail();
    }
    if (!is_out_) {
      entry.created_ns = entry.changed_ns = 0;
      entry.version = 0;
      entry.properties = {};
      return true;
    }
    if ((flags & EntryFlag::same_stamps) == 0 && !read_stamps(flags)) return fail();
    entry.created_ns = before_.created_ns;
    entry.changed_ns = before_.changed_ns;
    entry.version = before_.version;
    entry.properties = {};
    if ((flags & EntryFlag::has_properties) == 0) [[likely]] return true;
    return read_properties(entry.properties) || fail();
  }

  [[nodiscard]] std::uint32_t left() const { return left_; }
  [[nodiscard]] bool damaged() const { return damaged_; }
  [[nodiscard]] const std::byte* at() const { return at_; }
  [[nodiscard]] const EntryContext& before() const { return before_; }
  [[nodiscard]] const ChunkBase& base() const { return base_; }

 private:
  bool fail() {
    left_ = 0;
    damaged_ = true;
    return false;
  }
  /// A byte with the sizes of two numbers, and the numbers: quicker than varints, and no longer.
  bool read_stamps(unsigned flags) {
    if (at_ == end_) return false;
    const auto sizes = static_cast<unsigned>(*at_++);
    std::uint64_t created = 0;
    std::uint64_t version = 0;
    std::uint64_t changed = 0;
    if (!read_sized(at_, end_, sizes & 15, created) || !read_sized(at_, end_, sizes >> 4, version)) return false;
    if ((flags & EntryFlag::was_changed) != 0 && !read_varint_fast(begin_, at_, end_, changed)) return false;
    // Sums wrap: damaged bytes must not be undefined behaviour.
    created = static_cast<std::uint64_t>(base_.time_ns) + static_cast<std::uint64_t>(unzigzag(created));
    before_.created_ns = static_cast<std::int64_t>(created);
    before_.changed_ns = static_cast<std::int64_t>(created + static_cast<std::uint64_t>(unzigzag(changed)));
    before_.version = base_.version + static_cast<std::uint64_t>(unzigzag(version));
    return true;
  }
  bool read_slot(unsigned flags, EdgeSlot& slot);
  bool read_weight(unsigned flags, double& weight);
  bool read_properties(Bytes& properties);

  const std::byte* begin_ = nullptr;
  const std::byte* at_ = nullptr;
  const std::byte* end_ = nullptr;
  EntryContext before_;
  ChunkBase base_;
  std::uint32_t left_ = 0;
  bool is_out_ = false;
  bool damaged_ = false;
};

/// How many entries a chunk has (by its header).
std::size_t chunk_count(Bytes chunk);

/// Inserts or replaces an entry, in place if nobody else holds the chunk and it has room. True if it was new.
/// An empty reference becomes a chunk of one entry.
bool put_in_chunk(Side side, BlobRef& chunk, const EdgeEntry& entry);
/// True if it was there. Without entries left the reference is empty.
bool erase_from_chunk(Side side, BlobRef& chunk, const EdgeSlot& slot);

struct ChunkPiece {
  EdgeSlot first;
  BlobRef chunk;
};
/// Cuts a chunk that has grown too large in two (or more, where single entries are large). With `at_end` only the last
/// entry goes into a new chunk, so that edges put in ascending order leave full chunks behind.
std::vector<ChunkPiece> split_chunk(Side side, Bytes chunk, bool at_end);
BlobRef merge_chunks(Side side, Bytes left, Bytes right);

/// Error `corrupt` unless the entries parse whole, ascend, and lie within [first, end) (no end: null). With `exact`
/// also unless every entry is encoded as this code would, and its properties parse.
Status check_chunk_bytes(Side side, Bytes chunk, const EdgeSlot* first, const EdgeSlot* end, bool exact);

}  // namespace engram
