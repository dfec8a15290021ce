#include "storage/warm/warm_entry.h"

#include "storage/base/checksum.h"
#include "storage/base/damage.h"
#include "storage/base/hex.h"

namespace engram {

const char* warm_table_name(WarmTable table) {
  switch (table) {
    case WarmTable::meta: return "meta";
    case WarmTable::vertices: return "vertices";
    case WarmTable::edges: return "edges";
    case WarmTable::keys: return "keys";
    case WarmTable::names: return "names";
    case WarmTable::postings: return "postings";
    case WarmTable::ordered: return "ordered";
    case WarmTable::spaces: return "spaces";
    case WarmTable::sessions: return "sessions";
    case WarmTable::count_: break;
  }
  return "header";
}

std::uint32_t warm_checksum(WarmTable table, Bytes key, Bytes value) {
  return static_cast<std::uint32_t>(checksum64(value, checksum64(key, static_cast<std::uint64_t>(table))));
}

void seal_warm_value(WarmTable table, Bytes key, Bytes value, std::byte* stored) {
  if (!value.empty()) std::memcpy(stored, value.data(), value.size());
  std::uint32_t checksum = warm_checksum(table, key, value);
  std::memcpy(stored + value.size(), &checksum, sizeof checksum);
}

std::optional<Bytes> open_warm_value(WarmTable table, Bytes key, Bytes stored) {
  if (stored.size() < warm_checksum_bytes) return std::nullopt;
  Bytes value = stored.first(stored.size() - warm_checksum_bytes);
  std::uint32_t checksum = 0;
  std::memcpy(&checksum, stored.data() + value.size(), sizeof checksum);
  if (checksum != warm_checksum(table, key, value)) return std::nullopt;
  return value;
}

Status warm_damage(WarmTable table, Bytes key, const std::string& store_path) {
  // Behind the number of its index the key of an entry has the value of a property, which is nothing for a log.
  constexpr std::size_t index_number_bytes = 4;
  bool has_value = table == WarmTable::ordered && key.size() > index_number_bytes;
  std::string shown = has_value ? hex(key.first(index_number_bytes)) + "..." : hex(key);
  return warm_store_damage("the warm store " + store_path + " has a damaged value in table '" + warm_table_name(table) +
                           "' at key " + shown + ": its checksum is wrong");
}

std::string warm_vertex_key(LocalId id) {
  std::string key;
  append_big_endian(key, id.value);
  return key;
}

std::string warm_key_hash(SpaceId space, std::string_view key) {
  Hash128 hash = hash128(as_bytes(key), space.value);
  std::string out;
  append_big_endian(out, hash.high);
  append_big_endian(out, hash.low);
  return out;
}

}  // namespace engram
