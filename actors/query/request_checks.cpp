#include "actors/query/request_checks.h"

#include <cmath>

#include "actors/partition/core/batch_applier.h"
#include "storage/base/graph_limits.h"
#include "storage/hot/properties.h"

namespace engram {
namespace {

Status check_condition(schema::PropertyFilter::Reader condition, const FieldPath& field) {
  if (Status status = check_name(condition.getName(), field / "name"); !status.ok()) return status;
  if (condition.getComparison() > schema::Comparison::ABSENT)
    return {Code::unsupported, "This engine does not know this comparison; upgrade it.", (field / "comparison").text()};
  return check_value(condition.getValue(), field / "value");
}

Status check_conditions(capnp::List<schema::PropertyFilter>::Reader conditions, const FieldPath& field) {
  if (Status status = check_range(conditions.size(), 0, RequestLimits::list_items, field); !status.ok()) return status;
  for (unsigned i = 0; i < conditions.size(); ++i)
    if (Status status = check_condition(conditions[i], field.at(i)); !status.ok()) return status;
  return {};
}

Status check_weight(double weight, const FieldPath& field) {
  if (std::isnan(weight)) return {Code::invalid_argument, "A weight is a number, not NaN.", field.text()};
  return {};
}

}  // namespace

Status first_error(std::initializer_list<Status> checks) {
  for (const Status& status : checks)
    if (!status.ok()) return status;
  return {};
}

Status check_range(std::uint64_t value, std::uint64_t least, std::uint64_t most, const FieldPath& field) {
  if (value < least)
    return {Code::invalid_argument, "It has to be from " + std::to_string(least) + " to " + std::to_string(most) + ".",
            field.text(), least};
  if (value > most)
    return {Code::too_large, "It is " + std::to_string(value) + "; at most " + std::to_string(most) + " is possible.",
            field.text(), most};
  return {};
}

Status check_reference(schema::VertexRef::Reader reference, const FieldPath& field) {
  switch (reference.which()) {
    case schema::VertexRef::KEY:
      return check_key(reference.getKey(), field / "key");
    case schema::VertexRef::ID:
      return {};
  }
  return {Code::unsupported, "This engine does not know this kind of reference; upgrade it.", field.text()};
}

Status check_names(capnp::List<capnp::Text>::Reader names, const FieldPath& field) {
  if (Status status = check_range(names.size(), 0, RequestLimits::list_items, field); !status.ok()) return status;
  for (unsigned i = 0; i < names.size(); ++i)
    if (Status status = check_name(names[i], field.at(i)); !status.ok()) return status;
  return {};
}

Status check_projection(schema::Projection::Reader projection, const FieldPath& field) {
  return check_names(projection.getOnly(), field / "only");
}

Status check_direction(schema::Direction direction, const FieldPath& field) {
  if (direction <= schema::Direction::BOTH) return {};
  return {Code::unsupported, "This engine does not know this direction; upgrade it.", field.text()};
}

Status check_filter(schema::VertexFilter::Reader filter, const FieldPath& field) {
  if (Status status = check_names(filter.getLabels(), field / "labels"); !status.ok()) return status;
  return check_conditions(filter.getProperties(), field / "properties");
}

Status check_filter(schema::EdgeFilter::Reader filter, const FieldPath& field) {
  if (Status status = check_names(filter.getTypes(), field / "types"); !status.ok()) return status;
  if (Status status = check_weight(filter.getMinWeight(), field / "minWeight"); !status.ok()) return status;
  if (Status status = check_weight(filter.getMaxWeight(), field / "maxWeight"); !status.ok()) return status;
  return check_conditions(filter.getProperties(), field / "properties");
}

Status check_filter(schema::EdgeFilter::Reader filter, schema::Direction direction, const FieldPath& field) {
  if (filter.getProperties().size() > 0 && direction != schema::Direction::OUT)
    return {Code::invalid_argument,
            "Properties of edges are kept at their source: they can be filtered in direction `out` only.",
            (field / "properties").text()};
  return check_filter(filter, field);
}

}  // namespace engram
