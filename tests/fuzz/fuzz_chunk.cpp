// Whatever bytes a warm store hands back, reading and changing them must stay within them. The first byte chooses what
// the others are: an edge chunk of one side or the other, a vertex head, or properties.

#include <capnp/message.h>

#include <cstdlib>

#include "storage/hot/adjacency.h"
#include "storage/hot/properties.h"
#include "storage/hot/vertex_head.h"

namespace engram {
namespace {

void require(bool condition) {
  if (!condition) std::abort();
}

void try_properties(Bytes properties) {
  PropertyCursor cursor(properties);
  NameId name;
  Bytes value;
  while (cursor.next(name, value)) {
    require(value.data() >= properties.data() && value.data() + value.size() <= properties.data() + properties.size());
    capnp::MallocMessageBuilder message;
    auto built = message.initRoot<schema::Value>();
    require(unpack_value(value, built).ok());
    std::string packed;
    // Refused are only NaN and bad UTF-8, which unpacking does not look for.
    if (pack_value(built, packed).ok()) require(compare_values(value, as_bytes(packed)) == 0);
    std::string key;
    append_sort_key(value, 64, key);
    require(key.size() <= 64);
  }
  change_properties(properties, {{NameId{7}, std::string(1, '\1')}}, false);
}

void try_chunk(Side side, Bytes chunk) {
  bool exact = Adjacency::check_chunk(side, chunk).ok();
  Result<Adjacency> loaded = Adjacency::load(side, {{first_slot, chunk}});
  require(loaded.ok() || !exact);
  if (!loaded.ok()) return;
  std::size_t count = 0;
  EdgeEntry entry;
  for (auto cursor = loaded->begin(); cursor.next(entry); ++count) try_properties(entry.properties);
  require(count == loaded->degree());
  EdgeSlot slot = entry.slot;
  loaded->put({{slot.type, {slot.neighbour.value / 2}, 1}, 0.5, 1, 2, 3, {}});
  require(loaded->find(slot).has_value());
  require(loaded->erase(slot));
  require(!loaded->find(slot).has_value());
}

}  // namespace
}  // namespace engram

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace engram;
  if (size == 0) return 0;
  Bytes bytes{reinterpret_cast<const std::byte*>(data) + 1, size - 1};
  switch (data[0] & 3) {
    case 0: try_chunk(Side::out, bytes); break;
    case 1: try_chunk(Side::in, bytes); break;
    case 2: try_properties(bytes); break;
    default:
      if (Result<VertexHead> head = parse_head(bytes); head.ok()) {
        require(head->labels().size() == head->label_count);
        require(head_matches(bytes, head->space, head->key));
        try_properties(head->properties);
      }
  }
  return 0;
}
