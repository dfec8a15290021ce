#include "storage/hot/adjacency.h"

#include <algorithm>
#include <atomic>

#include "storage/base/damage.h"

namespace engram {

/// The chunks of an adjacency that has more than one (or lately had). Shared by copies of the adjacency, and then
/// copied before it is changed; the chunks themselves are shared on.
struct Adjacency::Directory {
  struct Entry {
    NameId type;           // the separator, unpacked so that `dirty` fits in beside it
    bool dirty = false;
    VertexId neighbour;
    std::int64_t rank = 0;
    BlobRef chunk;

    [[nodiscard]] EdgeSlot separator() const { return {type, neighbour, rank}; }
    static Entry of(const EdgeSlot& separator, BlobRef chunk, bool dirty) {
      return {separator.type, dirty, separator.neighbour, separator.rank, std::move(chunk)};
    }
  };

  std::atomic<std::uint32_t> references{1};
  Side side = Side::out;
  bool dirty = false;
  std::size_t degree = 0;
  std::size_t chunk_bytes = 0;     // memory of all chunks
  std::vector<Entry> entries;      // ascending; the first one's separator is first_slot
  std::vector<EdgeSlot> removed;   // separators to be deleted from the warm store; ascending

  explicit Directory(Side of_side) : side(of_side) {}
  Directory(const Directory& other)
      : side(other.side), dirty(other.dirty), degree(other.degree), chunk_bytes(other.chunk_bytes),
        entries(other.entries), removed(other.removed) {}

  [[nodiscard]] std::size_t index_of(const EdgeSlot& slot) const {
    auto behind = std::upper_bound(entries.begin(), entries.end(), slot,
                                   [](const EdgeSlot& a, const Entry& b) { return a < b.separator(); });
    return behind == entries.begin() ? 0 : static_cast<std::size_t>(behind - entries.begin()) - 1;
  }

  void add_removed(const EdgeSlot& separator) {
    auto at = std::lower_bound(removed.begin(), removed.end(), separator);
    if (at == removed.end() || *at != separator) removed.insert(at, separator);
  }
  void drop_removed(const EdgeSlot& separator) {
    auto at = std::lower_bound(removed.begin(), removed.end(), separator);
    if (at != removed.end() && *at == separator) removed.erase(at);
  }

  bool put(const EdgeEntry& edge) {
    if (entries.empty()) {
      entries.push_back(Entry::of(first_slot, {}, true));
      drop_removed(first_slot);
    }
    std::size_t index = index_of(edge.slot);
    Entry& entry = entries[index];
    chunk_bytes -= entry.chunk.memory_bytes();
    bool added = put_in_chunk(side, entry.chunk, edge);
    chunk_bytes += entry.chunk.memory_bytes();
    entry.dirty = dirty = true;
    degree += added ? 1 : 0;
    if (needs_split(entry.chunk)) split(index, index + 1 == entries.size() && is_last(entry.chunk, edge.slot));
    return added;
  }

  bool erase(const EdgeSlot& slot) {
    if (entries.empty()) return false;
    std::size_t index = index_of(slot);
    Entry& entry = entries[index];
    std::size_t before_bytes = entry.chunk.memory_bytes();
    if (!erase_from_chunk(side, entry.chunk, slot)) return false;
    chunk_bytes = chunk_bytes - before_bytes + entry.chunk.memory_bytes();
    entry.dirty = dirty = true;
    --degree;
    if (!entry.chunk) {
      remove(index);
    } else if (index + 1 < entries.size() && fits_together(index)) {
      merge(index);
    } else if (index > 0 && fits_together(index - 1)) {
      merge(index - 1);
    }
    return true;
  }

  static bool needs_split(const BlobRef& chunk) {
    std::size_t count = chunk_count(chunk.bytes());
    return count > max_chunk_edges || (chunk.size() > max_chunk_bytes && count > 1);
  }

  [[nodiscard]] bool is_last(const BlobRef& chunk, const EdgeSlot& slot) const {
    ChunkReader reader(side, chunk.bytes());
    EdgeEntry entry;
    while (reader.next(entry)) {
    }
    return entry.slot == slot;
  }

  void split(std::size_t index, bool at_end) {
    std::vector<ChunkPiece> pieces = split_chunk(side, entries[index].chunk.bytes(), at_end);
    chunk_bytes -= entries[index].chunk.memory_bytes();
    entries[index].chunk = std::move(pieces[0].chunk);
    chunk_bytes += entries[index].chunk.memory_bytes();
    std::vector<Entry> added;
    for (std::size_t i = 1; i < pieces.size(); ++i) {
      drop_removed(pieces[i].first);
      chunk_bytes += pieces[i].chunk.memory_bytes();
      added.push_back(Entry::of(pieces[i].first, std::move(pieces[i].chunk), true));
    }
    entries.insert(entries.begin() + static_cast<std::ptrdiff_t>(index) + 1, std::make_move_iterator(added.begin()),
                   std::make_move_iterator(added.end()));
  }

  /// Half full at most, so that the next few puts do not split what was just merged.
  [[nodiscard]] bool fits_together(std::size_t index) const {
    Bytes left = entries[index].chunk.bytes();
    Bytes right = entries[index + 1].chunk.bytes();
    return chunk_count(left) + chunk_count(right) <= max_chunk_edges / 2 &&
           left.size() + right.size() <= max_chunk_bytes / 2;
  }

  void merge(std::size_t index) {
    Entry& left = entries[index];
    chunk_bytes -= left.chunk.memory_bytes();
    left.chunk = merge_chunks(side, left.chunk.bytes(), entries[index + 1].chunk.bytes());
    left.dirty = true;
    chunk_bytes += left.chunk.memory_bytes();
    remove(index + 1);
  }

  void remove(std::size_t index) {
    chunk_bytes -= entries[index].chunk.memory_bytes();
    add_removed(entries[index].separator());
    entries.erase(entries.begin() + static_cast<std::ptrdiff_t>(index));
    if (index == 0 && !entries.empty()) {  // the new first chunk covers all that comes before it
      add_removed(entries[0].separator());
      drop_removed(first_slot);
      entries[0] = Entry::of(first_slot, std::move(entries[0].chunk), true);
    }
  }
};

Adjacency Adjacency::empty(Side side) {
  Adjacency adjacency;
  adjacency.set_small(side, {}, false);
  return adjacency;
}

Result<Adjacency> Adjacency::load(Side side, const std::vector<std::pair<EdgeSlot, Bytes>>& chunks) {
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    if (i == 0 ? chunks[0].first != first_slot : chunks[i].first <= chunks[i - 1].first)
      return warm_store_damage("the separators of a vertex's edge chunks are out of order");
    const EdgeSlot* end = i + 1 < chunks.size() ? &chunks[i + 1].first : nullptr;
    if (Status status = check_chunk_bytes(side, chunks[i].second, &chunks[i].first, end, false); !status.ok())
      return status;
  }
  Adjacency adjacency = empty(side);
  if (chunks.size() == 1) adjacency.set_small(side, BlobRef::copy_of(chunks[0].second), false);
  if (chunks.size() > 1) {
    auto* directory = new Directory(side);
    directory->entries.reserve(chunks.size());
    for (const auto& [separator, bytes] : chunks) {
      directory->entries.push_back(Directory::Entry::of(separator, BlobRef::copy_of(bytes), false));
      directory->degree += chunk_count(bytes);
      directory->chunk_bytes += directory->entries.back().chunk.memory_bytes();
    }
    adjacency.word_ = reinterpret_cast<std::uintptr_t>(directory);
  }
  return adjacency;
}

Adjacency::Adjacency(const Adjacency& other) {
  if (other.is_small()) {
    BlobRef held = BlobRef::adopt(reinterpret_cast<void*>(other.word_ & address));
    BlobRef shared = held;
    static_cast<void>(held.release());
    static_cast<void>(shared.release());
  } else if (other.word_ != 0) {
    other.directory()->references.fetch_add(1, std::memory_order_relaxed);
  }
  word_ = other.word_;
}

Adjacency::Adjacency(Adjacency&& other) noexcept : word_(std::exchange(other.word_, 0)) {}

Adjacency& Adjacency::operator=(Adjacency other) noexcept {
  std::swap(word_, other.word_);
  return *this;
}

Adjacency::~Adjacency() { release(); }

void Adjacency::release() {
  if (is_small()) {
    take_small();
  } else if (word_ != 0 && directory()->references.fetch_sub(1, std::memory_order_acq_rel) == 1) {
    delete directory();
  }
  word_ = 0;
}

BlobRef Adjacency::take_small() {
  BlobRef chunk = BlobRef::adopt(reinterpret_cast<void*>(word_ & address));
  word_ &= ~address;
  return chunk;
}

void Adjacency::set_small(Side side, BlobRef chunk, bool dirty) {
  word_ = reinterpret_cast<std::uintptr_t>(chunk.release()) | small | (side == Side::in ? small_in : 0) |
          (dirty ? small_dirty : 0);
}

Adjacency::Directory& Adjacency::own_directory() {
  if (directory()->references.load(std::memory_order_acquire) != 1) {
    auto* copy = new Directory(*directory());
    release();
    word_ = reinterpret_cast<std::uintptr_t>(copy);
  }
  return *directory();
}

bool Adjacency::loaded() const { return word_ != 0; }

std::size_t Adjacency::degree() const {
  if (word_ == 0) return 0;
  return is_small() ? chunk_count(small_chunk()) : directory()->degree;
}

std::size_t Adjacency::memory_bytes() const {
  if (word_ == 0) return 0;
  if (is_small()) {
    BlobRef held = BlobRef::adopt(reinterpret_cast<void*>(word_ & address));
    std::size_t bytes = held.memory_bytes();
    static_cast<void>(held.release());
    return bytes;
  }
  constexpr std::size_t allocation = 16;  // what malloc adds, at most
  const Directory& large = *directory();
  return sizeof(Directory) + allocation + large.entries.capacity() * sizeof(Directory::Entry) + allocation +
         large.removed.capacity() * sizeof(EdgeSlot) + large.chunk_bytes;
}

std::optional<EdgeEntry> Adjacency::find(const EdgeSlot& slot) const {
  ChunkReader reader = reader_at(chunk_of(slot));
  EdgeEntry entry;
  while (reader.next(entry)) {
    if (entry.slot < slot) continue;
    if (entry.slot == slot) return entry;
    break;
  }
  return std::nullopt;
}

bool Adjacency::put(const EdgeEntry& entry) {
  if (!is_small()) return own_directory().put(entry);
  Side side = small_side();
  BlobRef chunk = take_small();
  bool added = put_in_chunk(side, chunk, entry);
  if (!Directory::needs_split(chunk)) {
    set_small(side, std::move(chunk), true);
    return added;
  }
  auto* large = new Directory(side);
  large->dirty = true;
  large->degree = chunk_count(chunk.bytes());
  large->chunk_bytes = chunk.memory_bytes();
  bool at_end = large->is_last(chunk, entry.slot);
  large->entries.push_back(Directory::Entry::of(first_slot, std::move(chunk), true));
  large->split(0, at_end);
  word_ = reinterpret_cast<std::uintptr_t>(large);
  return added;
}

bool Adjacency::erase(const EdgeSlot& slot) {
  if (word_ == 0) return false;
  if (!is_small()) return own_directory().erase(slot);
  Side side = small_side();
  bool was_dirty = dirty();
  BlobRef chunk = take_small();
  bool erased = erase_from_chunk(side, chunk, slot);
  set_small(side, std::move(chunk), was_dirty || erased);
  return erased;
}

std::size_t Adjacency::chunk_of(const EdgeSlot& slot) const {
  return word_ == 0 || is_small() ? 0 : directory()->index_of(slot);
}

ChunkReader Adjacency::large_reader_at(std::size_t chunk) const {
  if (word_ == 0 || chunk >= directory()->entries.size()) return {};
  return {directory()->side, directory()->entries[chunk].chunk.bytes()};
}

std::size_t Adjacency::chunks_behind_large(std::size_t chunk) const {
  if (word_ == 0 || directory()->entries.empty()) return 0;
  return directory()->entries.size() - 1 - chunk;
}

bool Adjacency::Cursor::next_chunk(EdgeEntry& entry) {
  --chunks_left_;
  reader_ = adjacency_->large_reader_at(++chunk_);
  return reader_.next(entry);
}

Adjacency::Cursor Adjacency::seek(const EdgeSlot& slot) const {
  Cursor cursor(*this, chunk_of(slot));
  // Stops in front of the entry, so that the caller reads it.
  ChunkReader ahead = cursor.reader_;
  EdgeEntry entry;
  while (ahead.next(entry) && entry.slot < slot) cursor.reader_ = ahead;
  return cursor;
}

bool Adjacency::dirty() const {
  if (word_ == 0) return false;
  return is_small() ? (word_ & small_dirty) != 0 : directory()->dirty;
}

void Adjacency::take_changes(const std::function<void(const EdgeSlot& separator, BlobRef chunk)>& out) {
  if (!dirty()) return;
  if (is_small()) {
    Side side = small_side();
    BlobRef chunk = take_small();
    set_small(side, chunk, false);
    out(first_slot, std::move(chunk));
    return;
  }
  Directory& large = own_directory();
  for (const EdgeSlot& separator : large.removed) out(separator, {});
  large.removed = {};
  for (Directory::Entry& entry : large.entries) {
    if (!entry.dirty) continue;
    out(entry.separator(), entry.chunk);
    entry.dirty = false;
  }
  large.dirty = false;
  if (large.entries.size() <= 1) {  // it shrank: no directory is needed any more
    Side side = large.side;
    BlobRef chunk = large.entries.empty() ? BlobRef{} : std::move(large.entries[0].chunk);
    release();
    set_small(side, std::move(chunk), false);
  }
}

Status Adjacency::check_chunk(Side side, Bytes chunk) { return check_chunk_bytes(side, chunk, nullptr, nullptr, true); }

}  // namespace engram
