// The tables of one warm store, against each other.

#include "actors/partition/invariants.h"
#include "storage/hot/vertex_head.h"

namespace engram {
namespace {

constexpr std::size_t chunk_key_bytes = 29;

class WarmTables {
 public:
  WarmTables(const WarmStore& store, PartitionId self, Findings& findings)
      : view_(store), self_(self), findings_(findings) {}

  void check() {
    scan(WarmTable::vertices, [this](Bytes key, Bytes value) { check_vertex(key, value); });
    scan(WarmTable::keys, [this](Bytes key, Bytes value) { check_key(key, value); });
    scan(WarmTable::edges, [this](Bytes key, Bytes value) { check_chunk(key, value); });
  }

 private:
  void found(const char* check, std::string_view vertex, std::string message) {
    findings_.add({check, "in the warm store, " + std::move(message), self_, std::string(vertex), {}, {}, {}});
  }
  std::string text(LocalId id) const {
    return "vertex " + std::to_string(self_.value) + "/" + std::to_string(id.value);
  }

  template <typename Visit>
  void scan(WarmTable table, const Visit& visit) {
    Status status = view_.scan(table, {}, {}, [&](Bytes key, Bytes value) {
      visit(key, value);
      return true;
    });
    if (!status.ok()) findings_.add({"warm_store", status.message(), self_, {}, {}, {}, {}});
  }

  void check_vertex(Bytes key, Bytes value) {
    if (key.size() != sizeof(std::uint64_t)) return found("vertex", {}, "a vertex has a malformed number");
    LocalId id{read_big_endian<std::uint64_t>(key.data())};
    auto head = parse_head(value);
    if (!head.ok()) return found("vertex", {}, text(id) + ": " + head.status().message());
    auto ids = view_.get(WarmTable::keys, as_bytes(warm_key_hash(head->space, head->key)));
    bool listed = false;
    if (ids.ok() && ids->has_value())
      for (std::size_t at = 0; at + sizeof id.value <= (*ids)->size(); at += sizeof id.value)
        listed = listed || std::memcmp((*ids)->data() + at, &id.value, sizeof id.value) == 0;
    if (!listed) found("warm_key", head->key, "the vertex is missing in the table of keys");
  }

  void check_key(Bytes key, Bytes value) {
    if (value.empty() || value.size() % sizeof(std::uint64_t) != 0)
      return found("warm_key", {}, "an entry of the table of keys is malformed");
    for (std::size_t at = 0; at < value.size(); at += sizeof(std::uint64_t)) {
      LocalId id;
      std::memcpy(&id.value, value.data() + at, sizeof id.value);
      auto stored = view_.get(WarmTable::vertices, as_bytes(warm_vertex_key(id)));
      bool there = stored.ok() && stored->has_value();
      auto head = there ? parse_head(**stored) : Result<VertexHead>(Status(Code::unknown_vertex, {}));
      if (!head.ok())
        found("warm_key", {}, "the table of keys names " + text(id) + ", which does not exist");
      else if (warm_key_hash(head->space, head->key) != as_text(key))
        found("warm_key", head->key, "another key leads to the vertex");
    }
  }

  void check_chunk(Bytes key, Bytes value) {
    if (key.size() != chunk_key_bytes || static_cast<unsigned>(key[8]) > 1)
      return found("edge", {}, "edges have a malformed place");
    LocalId id{read_big_endian<std::uint64_t>(key.data())};
    if (id != last_) {
      last_ = id;
      auto stored = view_.get(WarmTable::vertices, as_bytes(warm_vertex_key(id)));
      if (stored.ok() && !stored->has_value()) found("edge", {}, "there are edges of " + text(id) + ", which does not exist");
    }
    Status chunk = Adjacency::check_chunk(static_cast<Side>(key[8]), value);
    if (!chunk.ok()) found("edge", {}, "edges of " + text(id) + " are malformed: " + chunk.message());
  }

  WarmStore::View view_;
  PartitionId self_;
  Findings& findings_;
  LocalId last_{~std::uint64_t{0}};
};

}  // namespace

void check_warm_tables(const WarmStore& store, PartitionId self, Findings& findings) {
  WarmTables(store, self, findings).check();
}

}  // namespace engram
