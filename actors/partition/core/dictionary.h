#pragma once
// One partition's interned names: labels, edge types and property names, in the order in which history used them first.
// Names are never forgotten: heads and chunks in the warm store refer to them.

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <absl/container/flat_hash_map.h>

#include "storage/base/ids.h"
#include "storage/base/result.h"
#include "storage/warm/warm_store.h"

namespace engram {

class Dictionary {
 public:
  /// More would let a client that invents names fill the memory: the command is refused with `too_large`.
  static constexpr std::size_t max_names = 1 << 20;

  Status load(const WarmStore::View& view);

  [[nodiscard]] std::optional<NameId> find(std::string_view name) const;
  /// Finds or adds. 0 if the dictionary is full.
  NameId intern(std::string_view name);
  [[nodiscard]] std::size_t size() const { return names_.size(); }
  [[nodiscard]] bool has_room(std::size_t names) const { return names_.size() + names <= max_names; }
  /// Empty for an unknown id.
  [[nodiscard]] std::string_view name(NameId id) const;

  /// Appends the names added since the last call.
  void take_changes(std::vector<WarmChange>& out);

 private:
  std::vector<std::unique_ptr<std::string>> names_;  // [id - 1]; each in its own place, so that views stay valid
  absl::flat_hash_map<std::string_view, NameId> ids_;
  std::size_t written_ = 0;
};

}  // namespace engram
