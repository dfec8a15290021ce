#include "storage/hot/chunk.h"

#include "storage/base/damage.h"
#include "storage/hot/adjacency.h"
#include "storage/hot/properties.h"

namespace engram {
namespace {

/// Flags, type, partition, local id, rank, weight, stamps and the length of the properties, at their longest; and the
/// eight bytes that write_sized may touch.
constexpr std::size_t max_entry_head_bytes = 1 + 5 + 3 + 10 + 10 + 8 + (1 + 8 + 8 + 10) + 5 + 8;

EntryContext context_of(const EdgeEntry& entry) {
  return {entry.slot.type, entry.slot.neighbour, entry.created_ns, entry.changed_ns, entry.version};
}

EntryContext context_of(const ChunkBase& base) {
  return {NameId{}, VertexId{}, base.time_ns, base.time_ns, base.version};
}

std::uint64_t difference(std::int64_t value, std::int64_t base) {
  return zigzag(static_cast<std::int64_t>(static_cast<std::uint64_t>(value) - static_cast<std::uint64_t>(base)));
}

/// All of an entry but the content of its properties. Returns the end.
char* encode_head(Side side, const ChunkBase& base, const EntryContext& before, const EdgeEntry& entry, char* to) {
  char* flags_at = to++;
  unsigned flags = 0;
  const EdgeSlot& slot = entry.slot;
  bool same_type = slot.type == before.type;
  bool same_partition = slot.neighbour.partition() == before.neighbour.partition();
  if (same_type) {
    flags |= EntryFlag::same_type;
  } else {
    to = write_varint(to, slot.type.value - before.type.value);
  }
  if (!same_partition) {
    flags |= EntryFlag::other_partition;
    to = write_varint(to, slot.neighbour.partition().value);
  }
  bool relative = same_type && same_partition;
  to = write_varint(to, relative ? slot.neighbour.value - before.neighbour.value : slot.neighbour.local().value);
  if (slot.rank != 0) {
    flags |= EntryFlag::has_rank;
    to = write_varint(to, zigzag(slot.rank));
  }
  // By their bits: minus zero and every NaN survive as they are.
  if (auto narrow = static_cast<float>(entry.weight);
      std::bit_cast<std::uint64_t>(static_cast<double>(narrow)) != std::bit_cast<std::uint64_t>(entry.weight)) {
    flags |= EntryFlag::weight_double;
    std::memcpy(to, &entry.weight, sizeof entry.weight);
    to += sizeof entry.weight;
  } else if (entry.weight != 1.0) {
    flags |= EntryFlag::weight_float;
    std::memcpy(to, &narrow, sizeof narrow);
    to += sizeof narrow;
  }
  if (side == Side::out) {
    if (entry.created_ns == before.created_ns && entry.changed_ns == before.changed_ns &&
        entry.version == before.version) {
      flags |= EntryFlag::same_stamps;
    } else {
      std::uint64_t created = difference(entry.created_ns, base.time_ns);
      std::uint64_t version = zigzag(static_cast<std::int64_t>(entry.version - base.version));
      *to++ = static_cast<char>(sized_bytes(created) | sized_bytes(version) << 4);
      to = write_sized(to, created, sized_bytes(created));
      to = write_sized(to, version, sized_bytes(version));
      if (entry.changed_ns != entry.created_ns) {
        flags |= EntryFlag::was_changed;
        to = write_varint(to, difference(entry.changed_ns, entry.created_ns));
      }
    }
    if (!entry.properties.empty()) {
      flags |= EntryFlag::has_properties;
      to = write_varint(to, entry.properties.size());
    }
  }
  *flags_at = static_cast<char>(flags);
  return to;
}

/// An entry's place in a chunk, or the gap where it belongs.
struct Place {
  bool found = false;
  bool has_successor = false;
  EntryContext before;
  ChunkBase base;
  std::size_t from = 0;   // where the entry starts
  std::size_t to = 0;     // behind all that depends on it: its successor, but for the successor's properties
  EdgeEntry successor;
};

Place locate(Side side, Bytes chunk, const EdgeSlot& slot) {
  Place place;
  ChunkReader reader(side, chunk);
  place.base = reader.base();
  EdgeEntry entry;
  const std::byte* entry_at = nullptr;
  bool more = false;
  do {
    place.before = reader.before();
    entry_at = reader.at();
    more = reader.next(entry);
  } while (more && entry.slot < slot);
  place.from = static_cast<std::size_t>(entry_at - chunk.data());
  if (more && entry.slot == slot) {
    place.found = true;
    more = reader.next(entry);
  }
  place.to = static_cast<std::size_t>(reader.at() - chunk.data());
  if (more) {
    place.has_successor = true;
    place.to -= entry.properties.size();
    place.successor = entry;
  }
  return place;
}

/// A little room to grow, so that the next few puts are done in place.
std::size_t with_slack(std::size_t size) { return size + std::min<std::size_t>(size / 4, 1024); }

void set_count(BlobRef& chunk, std::size_t count) {
  auto stored = static_cast<std::uint16_t>(count);
  std::memcpy(chunk.data(), &stored, sizeof stored);
}

/// Replaces [from, to) by three pieces: an entry's head, its properties, its successor's head.
void splice(BlobRef& chunk, std::size_t from, std::size_t to, Bytes head, Bytes properties, Bytes successor) {
  std::size_t old_size = chunk.size();
  std::size_t tail = old_size - to;
  std::size_t size = from + head.size() + properties.size() + successor.size() + tail;
  std::size_t capacity = chunk.capacity();
  std::string own_properties;
  BlobRef old;
  if (chunk.unique() && size <= capacity && (capacity < 64 || size > capacity / 2)) {
    if (!properties.empty() && properties.data() >= chunk.data() && properties.data() < chunk.data() + old_size) {
      own_properties.assign(as_text(properties));
      properties = as_bytes(own_properties);
    }
    std::memmove(chunk.data() + (size - tail), chunk.data() + to, tail);
    chunk.set_size(size);
  } else {
    old = std::exchange(chunk, BlobRef::with_capacity(size, with_slack(size)));  // lives to the end: it is copied from
    std::memcpy(chunk.data(), old.data(), from);
    std::memcpy(chunk.data() + (size - tail), old.data() + to, tail);
  }
  std::byte* at = chunk.data() + from;
  for (Bytes piece : {head, properties, successor}) {
    if (!piece.empty()) std::memcpy(at, piece.data(), piece.size());
    at += piece.size();
  }
}

class ChunkBuilder {
 public:
  explicit ChunkBuilder(Side side) : side_(side) {}

  void add(const EdgeEntry& entry) {
    if (count_ == 0) {
      base_ = {entry.created_ns, entry.version};
      before_ = side_ == Side::out ? context_of(base_) : EntryContext{};
      bytes_.assign(chunk_header_bytes(side_), '\0');
      if (side_ == Side::out) std::memcpy(bytes_.data() + sizeof(std::uint16_t), &base_, sizeof base_);
    }
    char head[max_entry_head_bytes];
    bytes_.append(head, encode_head(side_, base_, before_, entry, head));
    if (side_ == Side::out) bytes_.append(as_text(entry.properties));
    before_ = context_of(entry);
    ++count_;
  }
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] std::size_t size() const { return bytes_.size(); }

  BlobRef take() {
    BlobRef chunk = BlobRef::with_capacity(bytes_.size(), with_slack(bytes_.size()));
    std::memcpy(chunk.data(), bytes_.data(), bytes_.size());
    set_count(chunk, count_);
    count_ = 0;
    bytes_.clear();
    return chunk;
  }

 private:
  Side side_;
  std::string bytes_;
  std::size_t count_ = 0;
  ChunkBase base_;
  EntryContext before_;
};

}  // namespace

bool ChunkReader::read_slot(unsigned flags, EdgeSlot& slot) {
  std::uint64_t value = 0;
  bool relative = true;
  if ((flags & EntryFlag::same_type) == 0) {
    if (!read_varint_fast(begin_, at_, end_, value)) return false;
    before_.type.value += static_cast<std::uint32_t>(value);
    relative = false;
  }
  std::uint64_t partition = before_.neighbour.partition().value;
  if ((flags & EntryFlag::other_partition) != 0) {
    if (!read_varint_fast(begin_, at_, end_, partition)) return false;
    relative = false;
  }
  if (!read_varint_fast(begin_, at_, end_, value)) return false;
  before_.neighbour.value = relative ? before_.neighbour.value + value : (partition << 48) + value;
  slot = {before_.type, before_.neighbour, 0};
  if ((flags & EntryFlag::has_rank) != 0) {
    if (!read_varint_fast(begin_, at_, end_, value)) return false;
    slot.rank = unzigzag(value);
  }
  return true;
}

bool ChunkReader::read_weight(unsigned flags, double& weight) {
  bool narrow = (flags & EntryFlag::weight_float) != 0;
  std::ptrdiff_t size = narrow ? sizeof(float) : sizeof(double);
  if (end_ - at_ < size) return false;
  if (narrow) {
    float value = 0;
    std::memcpy(&value, at_, sizeof value);
    weight = value;
  } else {
    std::memcpy(&weight, at_, sizeof weight);
  }
  at_ += size;
  return true;
}

bool ChunkReader::read_properties(Bytes& properties) {
  std::uint64_t size = 0;
  if (!read_varint_fast(begin_, at_, end_, size) || size > static_cast<std::uint64_t>(end_ - at_)) return false;
  properties = {at_, static_cast<std::size_t>(size)};
  at_ += size;
  return true;
}

std::size_t chunk_count(Bytes chunk) {
  std::uint16_t count = 0;
  if (chunk.size() >= sizeof count) std::memcpy(&count, chunk.data(), sizeof count);
  return count;
}

bool put_in_chunk(Side side, BlobRef& chunk, const EdgeEntry& entry) {
  if (!chunk) {
    ChunkBuilder builder(side);
    builder.add(entry);
    chunk = builder.take();
    return true;
  }
  Place place = locate(side, chunk.bytes(), entry.slot);
  char head[max_entry_head_bytes];
  char* head_end = encode_head(side, place.base, place.before, entry, head);
  char successor[max_entry_head_bytes];
  char* successor_end = successor;
  if (place.has_successor)
    successor_end = encode_head(side, place.base, context_of(entry), place.successor, successor);
  std::size_t count = chunk_count(chunk.bytes()) + (place.found ? 0 : 1);
  splice(chunk, place.from, place.to, as_bytes({head, head_end}), side == Side::out ? entry.properties : Bytes{},
         as_bytes({successor, successor_end}));
  set_count(chunk, count);
  return !place.found;
}

bool erase_from_chunk(Side side, BlobRef& chunk, const EdgeSlot& slot) {
  if (!chunk) return false;
  Place place = locate(side, chunk.bytes(), slot);
  if (!place.found) return false;
  std::size_t count = chunk_count(chunk.bytes()) - 1;
  if (count == 0) {
    chunk = {};
    return true;
  }
  char successor[max_entry_head_bytes];
  char* successor_end = successor;
  if (place.has_successor) successor_end = encode_head(side, place.base, place.before, place.successor, successor);
  splice(chunk, place.from, place.to, {}, {}, as_bytes({successor, successor_end}));
  set_count(chunk, count);
  return true;
}

std::vector<ChunkPiece> split_chunk(Side side, Bytes chunk, bool at_end) {
  std::size_t count = chunk_count(chunk);
  bool too_many = count > Adjacency::max_chunk_edges;
  std::size_t edges_wanted = at_end ? count - 1 : too_many ? (count + 1) / 2 : count;
  std::size_t bytes_wanted = at_end || too_many ? Adjacency::max_chunk_bytes : chunk.size() / 2;

  std::vector<ChunkPiece> pieces;
  ChunkReader reader(side, chunk);
  ChunkBuilder builder(side);
  EdgeSlot first;
  EdgeEntry entry;
  while (reader.next(entry)) {
    bool full = builder.count() >= edges_wanted || (reader.left() == 0 && pieces.empty()) ||
                builder.size() >= bytes_wanted || builder.size() + entry.properties.size() > Adjacency::max_chunk_bytes;
    if (builder.count() > 0 && full) pieces.push_back({first, builder.take()});
    if (builder.count() == 0) first = entry.slot;
    builder.add(entry);
  }
  if (builder.count() > 0) pieces.push_back({first, builder.take()});
  return pieces;
}

BlobRef merge_chunks(Side side, Bytes left, Bytes right) {
  ChunkBuilder builder(side);
  EdgeEntry entry;
  for (Bytes chunk : {left, right}) {
    ChunkReader reader(side, chunk);
    while (reader.next(entry)) builder.add(entry);
  }
  return builder.take();
}

Status check_chunk_bytes(Side side, Bytes chunk, const EdgeSlot* first, const EdgeSlot* end, bool exact) {
  auto corrupt = [](const char* what) {
    return warm_store_damage(std::string("an edge chunk is damaged: ") + what);
  };
  ChunkReader reader(side, chunk);
  if (reader.left() == 0) return corrupt("it has no entries");
  if (reader.left() > Adjacency::max_chunk_edges) return corrupt("it claims more entries than a chunk may have");
  EdgeEntry entry;
  EdgeSlot previous;
  bool any = false;
  EntryContext before = reader.before();
  const std::byte* entry_at = reader.at();
  while (reader.next(entry)) {
    if (any && entry.slot <= previous) return corrupt("its entries are out of order");
    if (first != nullptr && entry.slot < *first) return corrupt("an entry lies before its separator");
    if (end != nullptr && entry.slot >= *end) return corrupt("an entry lies behind the next separator");
    if (exact) {
      char head[max_entry_head_bytes];
      std::string_view expected(head, encode_head(side, reader.base(), before, entry, head));
      std::string_view stored = as_text({entry_at, reader.at()});
      stored.remove_suffix(entry.properties.size());
      if (stored != expected) return corrupt("an entry is not encoded as it should be");
      if (!properties_parse(entry.properties)) return corrupt("the properties of an entry do not parse");
    }
    previous = entry.slot;
    any = true;
    before = reader.before();
    entry_at = reader.at();
  }
  if (reader.damaged()) return corrupt("an entry does not parse");
  if (reader.at() != chunk.data() + chunk.size()) return corrupt("bytes follow the last entry");
  return {};
}

}  // namespace engram
