// Look-ups by the value of an indexed property.

#include "actors/partition/core/lookup_position.h"
#include "actors/partition/core/partition_read.h"
#include "storage/hot/properties.h"

namespace engram {
namespace {

struct Bounds {
  std::string min;  // packed; empty: unbounded
  std::string max;
  bool min_exclusive = false;
  bool max_exclusive = false;

  Status read(schema::LookupRequest::Reader request) {
    if (request.isEqual()) {
      if (Status status = pack_value(request.getEqual(), min); !status.ok()) return status;
      max = min;
      return {};
    }
    auto range = request.getRange();
    min_exclusive = range.getMinExclusive();
    max_exclusive = range.getMaxExclusive();
    if (!range.getMin().isNull())
      if (Status status = pack_value(range.getMin(), min); !status.ok()) return status;
    if (!range.getMax().isNull())
      if (Status status = pack_value(range.getMax(), max); !status.ok()) return status;
    return {};
  }

  [[nodiscard]] bool admit(Bytes value) const {
    if (!min.empty()) {
      auto order = compare_values(value, as_bytes(min));
      if (!order || *order < 0 || (*order == 0 && min_exclusive)) return false;
    }
    if (!max.empty()) {
      auto order = compare_values(value, as_bytes(max));
      if (!order || *order > 0 || (*order == 0 && max_exclusive)) return false;
    }
    return true;
  }
};

std::string sort_key(const std::string& packed) {
  std::string key;
  if (!packed.empty()) append_sort_key(as_bytes(packed), OrderedIndex::max_sort_key_bytes, key);
  return key;
}

}  // namespace

void PartitionRead::lookup(schema::LookupRequest::Reader request, Answer answer) {
  Space& space = *graph_.spaces().find(space_);
  auto wanted = request.getIndex();
  auto label = wanted.getLabel().size() == 0 ? std::optional(NameId{}) : graph_.dictionary().find(text_of(wanted.getLabel()));
  auto property = graph_.dictionary().find(text_of(wanted.getProperty()));
  const DeclaredIndex* index = label && property ? space.find_index(*label, *property) : nullptr;
  if (index == nullptr)
    return fail(answer, {Code::not_indexed, "This property is not indexed; declare an index on it, or scan.", "index"});
  if (!index->damage.ok()) return fail(answer, index->damage);
  if (!index->ready)
    return fail(answer, {Code::unavailable, "The index is being built; retry in a moment.", "index"});
  wait_for_all();
  Bounds bounds;
  if (Status status = bounds.read(request); !status.ok()) return fail(answer, status);

  std::string from = sort_key(bounds.min);
  std::string to = sort_key(bounds.max);
  // The first byte of a sort key is the kind of its value: texts are not above numbers, they are something else.
  std::string kind = (from.empty() ? to : from).substr(0, 1);
  if (from.empty()) from = kind;
  LocalId from_id;
  if (request.getCursor().size() > 0) {
    auto behind = LookupPosition::read(request.getCursor());
    if (!behind) return fail(answer, {Code::invalid_argument, "This is not a cursor that a look-up contained.", "cursor"});
    if (behind->sort_key >= from) from_id = behind->first_behind(graph_.self()), from = behind->sort_key;
  }
  std::vector<LocalId> ids;
  bool more = false;
  auto visit = [&](Bytes key, LocalId id) {
    if (!as_text(key).starts_with(kind) || (!to.empty() && as_text(key) > to)) return false;
    HotVertex* hot = head_of(id);
    if (hot == nullptr) return outcome_.needs.size() < request.getLimit();  // collects what is missing in one go
    auto head = parse_head(hot->head.bytes());
    auto value = find_property(head->properties, *property);
    if (!value || !bounds.admit(*value)) return true;
    more = ids.size() >= request.getLimit();
    if (!more) ids.push_back(id);
    return !more;
  };
  if (graph_.store() == nullptr)
    return fail(answer, {Code::internal, "An index needs a warm store behind it."});
  WarmStore::View view(*graph_.store());
  if (Status status = graph_.ordered().scan(view, index->number, as_bytes(from), from_id, visit); !status.ok())
    return fail(answer, status);
  write_lookup(request, ids, more, answer);
}

void PartitionRead::write_lookup(schema::LookupRequest::Reader request, const std::vector<LocalId>& ids, bool more,
                                 Answer answer) {
  CompiledProjection projection(request.getProjection(), graph_.dictionary());
  auto reply = answer.initLookup();
  reply.setPaged(true);
  if (more) reply.setExceeded(schema::Limit::RESULTS);
  auto vertices = reply.initVertices(static_cast<unsigned>(ids.size()));
  for (unsigned i = 0; i < ids.size(); ++i)
    if (!write_vertex(projection, ids[i], parse_head(graph_.vertex(ids[i])->head.bytes()).value(), vertices[i]))
      return fail_too_large(answer, "limit");
}

}  // namespace engram
