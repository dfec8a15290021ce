// Declared indexes, against the properties that they index.

#include <absl/container/flat_hash_set.h>

#include "actors/partition/invariant_check.h"
#include "storage/hot/properties.h"

namespace engram {

void InvariantCheck::check_index(PartitionCore& core, Space& space, const DeclaredIndex& index) {
  Graph& graph = core.graph();
  if (!index.ready || graph.store() == nullptr) return;
  std::string name = "the index on '" + std::string(graph.dictionary().name(index.label)) + "." +
                     std::string(graph.dictionary().name(index.property)) + "' of space '" + space.name + "'";
  /// What the index should have of a vertex; nothing if it has no place in it.
  auto expected = [&](LocalId id, std::string& key) -> std::optional<std::string> {
    HotVertex* hot = graph.vertex(id);
    auto head = hot == nullptr ? Result<VertexHead>(Status(Code::unknown_vertex, {})) : parse_head(hot->head.bytes());
    if (!head.ok() || head->space != space.route.id) return std::nullopt;
    key = head->key;
    if (index.label.value != 0 && !head->has_label(index.label)) return std::nullopt;
    auto value = find_property(head->properties, index.property);
    if (!value) return std::nullopt;
    std::string sort_key;
    append_sort_key(*value, OrderedIndex::max_sort_key_bytes, sort_key);
    return sort_key;
  };

  absl::flat_hash_set<LocalId> entries;
  WarmStore::View view(*graph.store());
  Status scanned = graph.ordered().scan(view, index.number, {}, {}, [&](Bytes sort_key, LocalId id) {
    std::string key;
    auto wanted = expected(id, key);
    if (!wanted || *wanted != as_text(sort_key))
      found("index", core, key, {}, name + " has an entry that no vertex has, for vertex " +
                                        std::to_string(graph.self().value) + "/" + std::to_string(id.value));
    entries.insert(id);
    ++counts_.index_entries;
    return true;
  });
  if (!scanned.ok()) return found("warm_store", core, {}, {}, scanned.message());
  graph.postings().for_each_from(space.route.id, index.label, LocalId{0}, [&](LocalId id) {
    std::string key;
    if (expected(id, key) && !entries.contains(id)) found("index", core, key, {}, "the vertex is missing in " + name);
    return true;
  });
  take_failure(core, {});
}

}  // namespace engram
