#pragma once
// What the core needs from the warm store before it can go on. The core itself never waits for a disk while it serves:
// it says what is missing, somebody reads it on a thread that may block, and the request is run again.

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "storage/base/ids.h"
#include "storage/base/result.h"
#include "storage/hot/adjacency.h"
#include "storage/warm/warm_store.h"

namespace engram {

struct Needs {
  std::vector<LocalId> heads;
  std::vector<std::pair<LocalId, Side>> edges;
  std::vector<std::pair<SpaceId, std::string>> keys;
  std::uint64_t generation = 0;  // of the write-back when this was asked for

  [[nodiscard]] bool empty() const { return heads.empty() && edges.empty() && keys.empty(); }
  [[nodiscard]] std::size_t size() const { return heads.size() + edges.size() + keys.size(); }
};

struct LoadedParts {
  struct Head {
    LocalId id;
    BlobRef head;  // empty: there is no such vertex
  };
  struct Edges {
    LocalId id;
    Side side;
    Adjacency adjacency;
  };
  struct Key {
    SpaceId space;
    std::string key;
    std::optional<LocalId> id;
  };
  std::vector<Head> heads;
  std::vector<Edges> edges;
  std::vector<Key> keys;
  std::uint64_t generation = 0;
};

/// Reads what is needed from one view. Safe on any thread. Error `corrupt` names what failed its checksum.
Result<LoadedParts> read_parts(const WarmStore& store, const Needs& needs);
Result<Adjacency> read_edges(const WarmStore::View& view, LocalId id, Side side);
Result<BlobRef> read_head(const WarmStore::View& view, LocalId id);

/// Keys of the table `edges`.
std::string warm_edges_prefix(LocalId id, Side side);
std::string warm_chunk_key(LocalId id, Side side, const EdgeSlot& separator);
EdgeSlot separator_of_chunk_key(Bytes key);

}  // namespace engram
