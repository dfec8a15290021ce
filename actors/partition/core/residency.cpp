#include "actors/partition/core/residency.h"

#include "storage/hot/vertex_head.h"

namespace engram {
namespace {

constexpr std::size_t reads_in_a_view = 256;

}  // namespace

std::string warm_edges_prefix(LocalId id, Side side) {
  std::string key;
  append_big_endian(key, id.value);
  key.push_back(static_cast<char>(side));
  return key;
}

std::string warm_chunk_key(LocalId id, Side side, const EdgeSlot& separator) {
  std::string key = warm_edges_prefix(id, side);
  append_big_endian(key, separator.type.value);
  append_big_endian(key, separator.neighbour.value);
  append_big_endian(key, order_preserving(separator.rank));
  return key;
}

EdgeSlot separator_of_chunk_key(Bytes key) {
  const std::byte* at = key.data() + 9;
  EdgeSlot slot;
  slot.type.value = read_big_endian<std::uint32_t>(at);
  slot.neighbour.value = read_big_endian<std::uint64_t>(at + 4);
  slot.rank = static_cast<std::int64_t>(read_big_endian<std::uint64_t>(at + 12) ^ (std::uint64_t{1} << 63));
  return slot;
}

Result<BlobRef> read_head(const WarmStore::View& view, LocalId id) {
  auto value = view.get(WarmTable::vertices, as_bytes(warm_vertex_key(id)));
  if (!value.ok()) return value.status();
  if (!value.value().has_value()) return BlobRef();
  return BlobRef::copy_of(*value.value());
}

Result<Adjacency> read_edges(const WarmStore::View& view, LocalId id, Side side) {
  std::vector<std::pair<EdgeSlot, Bytes>> chunks;
  std::string prefix = warm_edges_prefix(id, side);
  Status status = view.scan(WarmTable::edges, as_bytes(prefix), as_bytes(prefix), [&](Bytes key, Bytes value) {
    chunks.emplace_back(separator_of_chunk_key(key), value);
    return true;
  });
  if (!status.ok()) return status;
  return Adjacency::load(side, chunks);
}

Result<LoadedParts> read_parts(const WarmStore& store, const Needs& needs) {
  LoadedParts parts;
  parts.generation = needs.generation;
  // Renewed, since the map cannot grow while a view is open, and thousands of reads of a slow disk take long. What a commit
  // in between makes of it is told by the generation.
  std::optional<WarmStore::View> open;
  std::size_t reads = 0;
  auto view = [&]() -> const WarmStore::View& {
    if (reads++ % reads_in_a_view == 0) open.emplace(store);
    return *open;
  };
  std::vector<LocalId> heads = needs.heads;
  for (const auto& [space, key] : needs.keys) {
    auto value = view().get(WarmTable::keys, as_bytes(warm_key_hash(space, key)));
    if (!value.ok()) return value.status();
    std::optional<LocalId> id;
    if (value.value().has_value() && value.value()->size() >= sizeof(std::uint64_t)) {
      id.emplace();
      std::memcpy(&id->value, value.value()->data(), sizeof(std::uint64_t));
      heads.push_back(*id);
    }
    parts.keys.push_back({space, key, id});
  }
  for (LocalId id : heads) {
    auto head = read_head(view(), id);
    if (!head.ok()) return head.status();
    parts.heads.push_back({id, std::move(head).value()});
  }
  for (auto [id, side] : needs.edges) {
    auto adjacency = read_edges(view(), id, side);
    if (!adjacency.ok()) return adjacency.status();
    parts.edges.push_back({id, side, std::move(adjacency).value()});
  }
  return parts;
}

}  // namespace engram
