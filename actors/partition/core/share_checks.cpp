// Preconditions, quotas and names of a share's operations.

#include <algorithm>
#include <array>

#include "storage/base/planted_bug.h"

#include "actors/partition/core/share_run.h"
#include "actors/partition/core/vertex_links.h"

namespace engram {
namespace {

Status not_met(std::uint32_t place, const char* why) {
  return {Code::precondition_failed, why, "preconditions[" + std::to_string(place) + "]"};
}

/// Whether the property has the wanted value; a null value wants it to be absent.
Result<bool> property_equals(Bytes properties, Dictionary& dictionary, schema::Property::Reader wanted) {
  auto name = dictionary.find(text_of(wanted.getName()));
  auto value = name ? find_property(properties, *name) : std::nullopt;
  if (wanted.getValue().isNull()) return !value.has_value();
  std::string packed;
  if (Status status = pack_value(wanted.getValue(), packed); !status.ok()) return status;
  return value && compare_values(*value, as_bytes(packed)) == 0;
}

struct Subject {
  bool exists = false;
  std::uint64_t version = 0;
  Bytes properties;
};

Result<bool> holds(schema::Precondition::Reader condition, const Subject& subject, Dictionary& dictionary) {
  switch (condition.which()) {
    case schema::Precondition::EXISTS: return subject.exists;
    case schema::Precondition::ABSENT: return !subject.exists;
    case schema::Precondition::VERSION_EQUALS: return subject.exists && subject.version == condition.getVersionEquals();
    case schema::Precondition::PROPERTY_EQUALS:
      if (!subject.exists) return false;
      return property_equals(subject.properties, dictionary, condition.getPropertyEquals());
  }
  return Status(Code::unsupported, "This engine does not know this precondition; upgrade it.");
}

}  // namespace

Status ShareRun::check_preconditions(schema::Batch::Reader batch) {
  auto preconditions = batch.getPreconditions();
  for (std::uint32_t i = 0; i < preconditions.size(); ++i) {
    place_ = place_of(batch.getPreconditionPlaces(), i);
    if (Status status = check(preconditions[i]); !status.ok()) return status;
  }
  return {};
}

Status ShareRun::check_deletions(schema::Batch::Reader batch) {
  auto found = context_.deletions.getFound();
  auto operations = batch.getOperations();
  std::uint32_t next = 0;
  for (std::uint32_t i = 0; i < operations.size() && next < found.size(); ++i) {
    place_ = place_of(batch.getOperationPlaces(), i);
    if (found[next].getOperation() != place_) continue;
    std::uint64_t digest = 0;
    LocalId id;
    if (graph_.find_key(space_.route.id, text_of(operations[i].getDeleteVertex().getKey()), id) == Presence::present) {
      if (graph_.vertex_with(id, Side::out) == nullptr || graph_.vertex_with(id, Side::in) == nullptr)
        return {Code::corrupt, "A vertex cannot be read from the warm store; run engram verify."};
      digest = digest_of_links(*graph_.hot().peek(id), graph_.self());
    }
    if (digest != found[next++].getDigest())
      return {Code::conflict, "Edges of a vertex to delete changed meanwhile; retry.", field("deleteVertex.key")};
  }
  return {};
}

Status ShareRun::check(schema::Precondition::Reader condition) {
  if (planted_bug("ignore preconditions")) return {};
  auto subject = condition.getSubject();
  if (subject.isVertex()) return check_vertex(condition, text_of(subject.getVertex()));
  return check_edge(condition, subject.getEdge());
}

Status ShareRun::check_vertex(schema::Precondition::Reader condition, std::string_view key) {
  if (owner_of_key(space_.route, key, graph_.partitions()) != graph_.self()) return {};
  Subject subject;
  LocalId id;
  HotVertex* hot =
      graph_.find_key(space_.route.id, key, id) == Presence::present ? graph_.vertex(id) : nullptr;
  if (hot != nullptr) {
    VertexHead head = parse_head(hot->head.bytes()).value();
    subject = {true, head.version, head.properties};
  }
  auto met = holds(condition, subject, graph_.dictionary());
  if (!met.ok()) return met.status();
  return *met ? Status() : not_met(place_, "The precondition on a vertex does not hold; nothing was changed.");
}

Status ShareRun::check_edge(schema::Precondition::Reader condition, schema::EdgeKey::Reader key) {
  bool source_here = is_here(key.getSource());
  bool target_here = is_here(key.getTarget());
  if (target_here && !source_here) {
    auto own = find_end(key.getTarget(), target_here, "target", false, false);
    if (!own.ok()) return own.status();
    if (own->exists) result_.own_ends.set(ResolvedKeys::name(space_.route.id, text_of(key.getTarget())), own->id);
  }
  if (!source_here) return {};
  auto type = graph_.dictionary().find(text_of(key.getType()));
  auto source = find_end(key.getSource(), source_here, "source", false, false);
  if (!source.ok()) return source.status();
  auto target = find_end(key.getTarget(), target_here, "target", false, false);
  if (!target.ok()) return target.status();
  Subject subject;
  std::optional<EdgeEntry> entry;
  if (type && source->exists && target->exists) {
    HotVertex* hot = graph_.vertex_with(source->id.local(), Side::out);
    if (hot != nullptr) entry = hot->out.find({*type, target->id, key.getRank()});
  }
  if (entry) subject = {true, entry->version, entry->properties};
  auto met = holds(condition, subject, graph_.dictionary());
  if (!met.ok()) return met.status();
  return *met ? Status() : not_met(place_, "The precondition on an edge does not hold; nothing was changed.");
}

std::span<ShareRun::ReadEdge> ShareRun::read_plain(capnp::List<schema::Operation>::Reader operations,
                                                    std::uint32_t from, bool edges) {
  std::array<HotTier::KeyHint, 2 * prefetch_ahead> hints;
  std::size_t hinted = 0;
  std::uint32_t count = std::min(prefetch_ahead, operations.size() - from);
  auto hint = [&](capnp::Text::Reader key, Side side) {
    hints[hinted++] = {text_of(key), edges ? std::optional(side) : std::nullopt};
  };
  for (std::uint32_t i = 0; i < count; ++i) {
    auto put = operations[from + i].getPutEdge();
    auto key = put.getEdge();
    ReadEdge& edge = plain_[i] = {put, key.getSource(), key.getTarget()};
    edge.source_here = is_here(edge.source);
    edge.target_here = is_here(edge.target);
    if (edge.source_here) hint(edge.source, Side::out);
    if (edge.target_here) hint(edge.target, Side::in);
  }
  graph_.hot().prefetch_keys(space_.route.id, {hints.data(), hinted});
  return std::span(plain_).first(count);
}

Status ShareRun::check_plain(schema::Batch::Reader batch, bool count) {
  result_.edges.reserve(batch.getOperations().size());
  result_.own_ends.reserve(batch.getOperations().size());
  auto operations = batch.getOperations();
  auto places = batch.getOperationPlaces();
  for (std::uint32_t i = 0; i < operations.size();) {
    for (const ReadEdge& edge : read_plain(operations, i, count)) {
      place_ = place_of(places, i++);
      if (Status status = check_plain_edge(edge, count); !status.ok()) return status;
    }
  }
  return {};
}

Status ShareRun::check_plain_edge(const ReadEdge& edge, bool count) {
  PlainEdge& checked = result_.edges.emplace_back();
  if (!edge.source_here && !edge.target_here) return {};
  auto key = edge.put.getEdge();
  // All names are interned here: the dictionary being full is found now, and not when there is no way back.
  auto type = intern(key.getType(), "putEdge.edge.type");
  if (!type.ok()) return type.status();
  for (auto property : edge.put.getProperties())
    if (auto name = intern(property.getName(), "putEdge.properties"); !name.ok()) return name.status();
  auto source = find_end(edge.source, edge.source_here, "putEdge.edge.source", false, true);
  if (!source.ok()) return source.status();
  auto target = find_end(edge.target, edge.target_here, "putEdge.edge.target", false, true);
  if (!target.ok()) return target.status();
  SpaceId space = space_.route.id;
  EdgeWrite write = EdgeWrite::of(edge.put);
  bool grows = write.changes_properties;
  if ((count || grows) && edge.source_here) {
    HotVertex* hot = graph_.vertex_with(source->id.local(), Side::out);
    if (hot == nullptr) return {Code::corrupt, "A vertex cannot be read from the warm store; run engram verify."};
    // A command brings less than half of what is possible, even if all of it is for one edge.
    bool may_be_large = grows && hot->out.memory_bytes() > max_stored_bytes / 2;
    auto before = count || may_be_large ? hot->out.find({*type, target->id, write.rank}) : std::nullopt;
    has_large_edge_ = has_large_edge_ || (may_be_large && before && before->properties.size() > max_stored_bytes / 2);
    bool there = count && (before || !new_edges_.insert(edge_lock(space, key)).second);
    if (count) ++(there ? result_.counts.updated : result_.counts.created);
  }
  if (edge.source_here != edge.target_here) {
    const End& own = edge.source_here ? *source : *target;
    result_.own_ends.set(name_of(own, edge.source_here ? edge.source : edge.target), own.id);
    checked.elsewhere = *(edge.source_here ? *target : *source).name;
  }
  checked.source = source->id;
  checked.target = target->id;
  checked.write = write;
  checked.type = *type;
  checked.source_here = edge.source_here;
  checked.target_here = edge.target_here;
  return {};
}

Status ShareRun::quota_status(const char* what, std::uint64_t limit) {
  return {Code::quota_exceeded,
          std::string("The space is at its quota of ") + what + "; delete something, or have the quota raised.",
          std::string("quota.") + what, limit};
}

Status ShareRun::check_quota(std::uint64_t more_vertices, std::uint64_t more_edges, std::uint64_t more_bytes) {
  auto over = [](std::uint64_t have, std::uint64_t more, std::uint64_t limit) {
    return limit != 0 && more != 0 && have + more > limit;
  };
  if (over(space_.counts.vertices, more_vertices, quota_.vertices))
    return quota_status("vertices", space_.quota.vertices);
  if (over(space_.counts.edges, more_edges, quota_.edges)) return quota_status("edges", space_.quota.edges);
  if (over(space_.counts.bytes, more_bytes, quota_.bytes)) return quota_status("bytes", space_.quota.bytes);
  return {};
}

Status ShareRun::check_size(std::size_t bytes, std::size_t bytes_before, const char* where) {
  bool promised = context_.reserved != nullptr || sizes_checked_;
  if (promised || bytes <= max_stored_bytes || bytes <= bytes_before) return {};
  return {Code::too_large,
          "It would have " + std::to_string(bytes) + " bytes of labels and properties; at most " +
              std::to_string(max_stored_bytes) + " are possible: remove some, or divide them.",
          field(where), max_stored_bytes};
}

Result<NameId> ShareRun::intern(capnp::Text::Reader name, const char* where) {
  if (last_type_id_.value != 0 && last_type_ == text_of(name)) return last_type_id_;
  NameId id = graph_.dictionary().intern(text_of(name));
  if (id.value == 0)
    return Status(Code::too_large, "The partition knows as many names of labels, types and properties as it can hold.",
                  field(where), Dictionary::max_names);
  last_type_ = text_of(name);
  last_type_id_ = id;
  return id;
}

Status ShareRun::pack_changes(capnp::List<schema::Property>::Reader properties, const char* where,
                              std::vector<PropertyChange>& out) {
  for (schema::Property::Reader property : properties) {
    auto name = intern(property.getName(), where);
    if (!name.ok()) return name.status();
    PropertyChange change{*name, {}};
    if (!property.getValue().isNull())
      if (Status status = pack_value(property.getValue(), change.value); !status.ok())
        return {status.code(), status.message(), field(where) + "." + std::string(text_of(property.getName())),
                status.limit()};
    out.push_back(std::move(change));
  }
  return {};
}

}  // namespace engram
