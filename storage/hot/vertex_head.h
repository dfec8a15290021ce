#pragma once
// A vertex without its edges, as one packed blob: the same bytes in memory and in the warm store.
// docs/disk-format.md describes it byte by byte.

#include <string>
#include <string_view>
#include <vector>

#include "storage/base/ids.h"
#include "storage/base/result.h"
#include "storage/hot/blob.h"

namespace engram {

/// What a head says. `key`, `labels_packed` and `properties` point into the blob that it was parsed from.
struct VertexHead {
  SpaceId space;
  std::string_view key;
  std::int64_t created_ns = 0;
  std::int64_t changed_ns = 0;
  std::uint64_t version = 0;
  std::uint32_t label_count = 0;
  Bytes labels_packed;      // varints, ascending, each the difference to the one before
  Bytes properties;         // as storage/hot/properties.h packs them

  [[nodiscard]] std::vector<NameId> labels() const;
  [[nodiscard]] bool has_label(NameId label) const;
};

/// Parses without copying and without checking UTF-8. Error `corrupt` if the bytes do not parse.
Result<VertexHead> parse_head(Bytes blob);
/// The cheap way to the two fields that a key look-up compares.
bool head_matches(Bytes blob, SpaceId space, std::string_view key);

struct NewHead {
  SpaceId space;
  std::string_view key;
  std::int64_t created_ns = 0;
  std::int64_t changed_ns = 0;
  std::uint64_t version = 0;
  std::vector<NameId> labels;  // any order, no duplicates
  Bytes properties;
};
BlobRef pack_head(const NewHead& head);

}  // namespace engram
