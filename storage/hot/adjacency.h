#pragma once
// The edges of one vertex on one side, sorted by (type, neighbour, rank) and packed into chunks.
//
// The same bytes are used in memory and as values of the warm store: a chunk is written and read as it stands. Small
// adjacencies are one chunk; large ones a directory of chunks, so that a change touches one chunk whatever the degree.
// docs/disk-format.md describes a chunk byte by byte.

#include <cstdint>
#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "storage/base/ids.h"
#include "storage/base/result.h"
#include "storage/hot/blob.h"
#include "storage/hot/chunk.h"
#include "storage/hot/edge_entry.h"

namespace engram {

class Adjacency {
 public:
  /// At most so many edges a chunk, and about so many bytes, before it is split.
  static constexpr std::size_t max_chunk_edges = 256;
  static constexpr std::size_t max_chunk_bytes = 8192;

  /// Not loaded: the warm store has it.
  Adjacency() = default;
  /// Loaded, without edges.
  static Adjacency empty(Side side);
  /// From the warm store: chunks with their separators, in order. Error `corrupt` if a chunk does not parse.
  static Result<Adjacency> load(Side side, const std::vector<std::pair<EdgeSlot, Bytes>>& chunks);

  Adjacency(const Adjacency&);             // shares; the next change on either copies what it touches
  Adjacency(Adjacency&&) noexcept;
  Adjacency& operator=(Adjacency) noexcept;
  ~Adjacency();

  [[nodiscard]] bool loaded() const;
  [[nodiscard]] std::size_t degree() const;
  [[nodiscard]] std::size_t memory_bytes() const;
  /// The address of the one allocation that memory_bytes is about, so that it need not be asked again while that stays;
  /// null where there is none, or several. Not to be followed.
  [[nodiscard]] const void* allocation() const {
    return is_small() ? reinterpret_cast<const void*>(word_ & address) : nullptr;
  }

  /// Tells the processor to fetch the first edges.
  void prefetch() const {
    const auto* at = reinterpret_cast<const char*>(word_ & address);
    __builtin_prefetch(at);
    __builtin_prefetch(at + 64);
  }

  [[nodiscard]] std::optional<EdgeEntry> find(const EdgeSlot& slot) const;
  /// Inserts or replaces; only on a loaded adjacency. True if it was new. The entry's properties are copied.
  bool put(const EdgeEntry& entry);
  /// True if it was there.
  bool erase(const EdgeSlot& slot);

  /// Walks entries in order, without allocating. Any change to the adjacency ends its validity.
  class Cursor {
   public:
    Cursor() = default;
    /// False at the end.
    bool next(EdgeEntry& entry) { return reader_.next(entry) || (chunks_left_ > 0 && next_chunk(entry)); }

   private:
    friend class Adjacency;
    Cursor(const Adjacency& adjacency, std::size_t chunk)
        : adjacency_(&adjacency), chunk_(chunk), chunks_left_(adjacency.chunks_behind(chunk)),
          reader_(adjacency.reader_at(chunk)) {}
    bool next_chunk(EdgeEntry& entry);

    const Adjacency* adjacency_ = nullptr;
    std::size_t chunk_ = 0;                // index into the directory
    std::size_t chunks_left_ = 0;          // behind this one
    ChunkReader reader_;
  };
  [[nodiscard]] Cursor begin() const { return {*this, 0}; }
  /// At the first entry that is not before `slot`.
  [[nodiscard]] Cursor seek(const EdgeSlot& slot) const;

  /// True if a chunk changed since the last take_changes.
  [[nodiscard]] bool dirty() const;
  /// Hands out what changed since the last call: a chunk under its separator, or an empty reference for a separator
  /// that is to be deleted. Clean afterwards.
  void take_changes(const std::function<void(const EdgeSlot& separator, BlobRef chunk)>& out);

  /// Checks a chunk's bytes: parses whole, sorted, within its bounds. For `engram verify` and the fuzz target.
  static Status check_chunk(Side side, Bytes chunk);

 private:
  struct Directory;

  // The word that an adjacency is: 0 if it is not loaded, a Directory's address, or - so that the many small ones need
  // no directory - the address of the only chunk (null: no edges) with the bit `small` and two bits of state.
  static constexpr std::uintptr_t small = 1;
  static constexpr std::uintptr_t small_in = 2;
  static constexpr std::uintptr_t small_dirty = 4;
  static constexpr std::uintptr_t address = ~std::uintptr_t{15};

  [[nodiscard]] bool is_small() const { return (word_ & small) != 0; }
  [[nodiscard]] Side small_side() const { return (word_ & small_in) != 0 ? Side::in : Side::out; }
  [[nodiscard]] Bytes small_chunk() const { return BlobRef::bytes_of(reinterpret_cast<const void*>(word_ & address)); }
  BlobRef take_small();
  void set_small(Side side, BlobRef chunk, bool dirty);
  [[nodiscard]] Directory* directory() const { return reinterpret_cast<Directory*>(word_); }
  Directory& own_directory();
  [[nodiscard]] std::size_t chunk_of(const EdgeSlot& slot) const;
  [[nodiscard]] std::size_t chunks_behind(std::size_t chunk) const {
    return is_small() ? 0 : chunks_behind_large(chunk);
  }
  [[nodiscard]] std::size_t chunks_behind_large(std::size_t chunk) const;
  [[nodiscard]] ChunkReader reader_at(std::size_t chunk) const {
    return is_small() ? ChunkReader(small_side(), small_chunk()) : large_reader_at(chunk);
  }
  [[nodiscard]] ChunkReader large_reader_at(std::size_t chunk) const;
  void release();

  std::uintptr_t word_ = 0;
};

}  // namespace engram
