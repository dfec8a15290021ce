#pragma once
// Ids of vertices by their keys, as partitions tell each other in transactions: commands name keys, edges store ids.
// Keys go by a 128-bit hash (XXH3, seeded with the space): a batch of thousands of edges then costs no string.
// Packed: 24 bytes an entry, hash (16) and id (8), little-endian.

#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include <absl/container/flat_hash_map.h>
#include <capnp/blob.h>

#include "storage/base/checksum.h"
#include "storage/base/ids.h"

namespace engram {

class ResolvedKeys {
 public:
  struct HashOfHash {
    std::size_t operator()(const Hash128& hash) const { return hash.low; }
  };
  /// In the order in which they were set first: the same history makes the same bytes.
  using Entries = std::vector<std::pair<Hash128, VertexId>>;
  static constexpr std::size_t entry_bytes = 24;
  /// Stands for a vertex that does not exist: told apart from one that nobody asked about.
  static constexpr VertexId absent{~std::uint64_t{0}};

  static Hash128 name(SpaceId space, std::string_view key) { return hash128(as_bytes(key), space.value); }

  /// Of the vertex that the key stands for after so many deletions in the same batch.
  static Hash128 name_after(const Hash128& name, std::uint32_t deletions) {
    std::uint64_t packed[] = {name.high, name.low, deletions};
    return hash128({reinterpret_cast<const std::byte*>(packed), sizeof packed}, 0);
  }

  void set(const Hash128& name, VertexId id) {
    auto [place, is_new] = places_.try_emplace(name, static_cast<std::uint32_t>(entries_.size()));
    if (is_new)
      entries_.emplace_back(name, id);
    else
      entries_[place->second].second = id;
  }
  /// Null if it is not known.
  [[nodiscard]] const VertexId* find(const Hash128& name) const {
    auto found = places_.find(name);
    return found == places_.end() ? nullptr : &entries_[found->second].second;
  }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }
  [[nodiscard]] bool empty() const { return entries_.empty(); }
  void clear() {
    entries_.clear();
    places_.clear();
  }
  void reserve(std::size_t count) {
    entries_.reserve(count);
    places_.reserve(count);
  }
  void merge(const ResolvedKeys& other) {
    for (const auto& [name, id] : other.entries_) set(name, id);
  }
  [[nodiscard]] Entries::const_iterator begin() const { return entries_.begin(); }
  [[nodiscard]] Entries::const_iterator end() const { return entries_.end(); }

  /// `out` has size() * entry_bytes.
  void pack(capnp::Data::Builder out) const {
    kj::byte* at = out.begin();
    for (const auto& [name, id] : entries_) {
      std::memcpy(at, &name.high, 8);
      std::memcpy(at + 8, &name.low, 8);
      std::memcpy(at + 16, &id.value, 8);
      at += entry_bytes;
    }
  }
  static ResolvedKeys unpack(capnp::Data::Reader packed) {
    ResolvedKeys keys;
    keys.reserve(packed.size() / entry_bytes);
    for (const kj::byte* at = packed.begin(); at + entry_bytes <= packed.end(); at += entry_bytes) {
      Hash128 name;
      VertexId id;
      std::memcpy(&name.high, at, 8);
      std::memcpy(&name.low, at + 8, 8);
      std::memcpy(&id.value, at + 16, 8);
      keys.set(name, id);
    }
    return keys;
  }

 private:
  Entries entries_;
  absl::flat_hash_map<Hash128, std::uint32_t, HashOfHash> places_;  // in entries_
};

}  // namespace engram
