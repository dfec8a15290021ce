#include "storage/hot/vertex_head.h"

#include <algorithm>

#include "storage/base/bytes.h"
#include "storage/base/damage.h"

namespace engram {
namespace {

/// Reads what precedes the stamps: the space and the key.
bool read_identity(const std::byte*& at, const std::byte* end, SpaceId& space, std::string_view& key) {
  std::uint64_t size = 0;
  if (!read_varint(at, end, space.value) || !read_varint(at, end, size)) return false;
  if (size > static_cast<std::uint64_t>(end - at)) return false;
  key = as_text({at, static_cast<std::size_t>(size)});
  at += size;
  return true;
}

bool read_labels(const std::byte*& at, const std::byte* end, VertexHead& head) {
  std::uint64_t count = 0;
  if (!read_varint(at, end, count) || count > static_cast<std::uint64_t>(end - at)) return false;
  head.label_count = static_cast<std::uint32_t>(count);
  const std::byte* from = at;
  std::uint64_t label = 0;
  for (std::uint64_t i = 0; i < count; ++i) {
    std::uint64_t difference = 0;
    if (!read_varint(at, end, difference) || difference == 0 || difference > UINT32_MAX - label) return false;
    label += difference;
  }
  head.labels_packed = {from, at};
  return true;
}

bool read_stamps(const std::byte*& at, const std::byte* end, VertexHead& head) {
  std::uint64_t changed_later = 0;
  if (end - at < static_cast<std::ptrdiff_t>(sizeof head.created_ns)) return false;
  std::memcpy(&head.created_ns, at, sizeof head.created_ns);
  at += sizeof head.created_ns;
  if (!read_varint(at, end, changed_later) || !read_varint(at, end, head.version)) return false;
  head.changed_ns = static_cast<std::int64_t>(static_cast<std::uint64_t>(head.created_ns) +
                                              static_cast<std::uint64_t>(unzigzag(changed_later)));
  return true;
}

}  // namespace

std::vector<NameId> VertexHead::labels() const {
  std::vector<NameId> labels;
  labels.reserve(label_count);
  const std::byte* at = labels_packed.data();
  std::uint64_t difference = 0;
  std::uint32_t label = 0;
  while (read_varint(at, labels_packed.data() + labels_packed.size(), difference)) {
    label += static_cast<std::uint32_t>(difference);
    labels.push_back({label});
  }
  return labels;
}

bool VertexHead::has_label(NameId label) const {
  const std::byte* at = labels_packed.data();
  std::uint64_t difference = 0;
  std::uint32_t current = 0;
  while (current < label.value && read_varint(at, labels_packed.data() + labels_packed.size(), difference))
    current += static_cast<std::uint32_t>(difference);
  return current == label.value && label.value != 0;
}

Result<VertexHead> parse_head(Bytes blob) {
  VertexHead head;
  const std::byte* at = blob.data();
  const std::byte* end = at + blob.size();
  if (!read_identity(at, end, head.space, head.key) || !read_stamps(at, end, head) || !read_labels(at, end, head))
    return warm_store_damage("a vertex head does not parse");
  head.properties = {at, end};
  return head;
}

bool head_matches(Bytes blob, SpaceId space, std::string_view key) {
  SpaceId own_space;
  std::string_view own_key;
  const std::byte* at = blob.data();
  return read_identity(at, at + blob.size(), own_space, own_key) && own_space == space && own_key == key;
}

BlobRef pack_head(const NewHead& head) {
  std::string out;
  out.reserve(40 + head.key.size() + 2 * head.labels.size() + head.properties.size());
  append_varint(out, head.space.value);
  append_varint(out, head.key.size());
  out.append(head.key);
  out.append(reinterpret_cast<const char*>(&head.created_ns), sizeof head.created_ns);
  append_varint(out, zigzag(static_cast<std::int64_t>(static_cast<std::uint64_t>(head.changed_ns) -
                                                      static_cast<std::uint64_t>(head.created_ns))));
  append_varint(out, head.version);
  std::vector<NameId> labels = head.labels;
  std::sort(labels.begin(), labels.end());
  append_varint(out, labels.size());
  std::uint32_t last = 0;
  for (NameId label : labels) {
    append_varint(out, label.value - last);
    last = label.value;
  }
  out.append(as_text(head.properties));
  return BlobRef::copy_of(as_bytes(out));
}

}  // namespace engram
