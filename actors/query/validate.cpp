// What a request has to be before anything is asked: one function a request, in the order of its fields.

#include <cmath>

#include "actors/partition/core/batch_applier.h"
#include "actors/query/query.h"
#include "actors/query/request_checks.h"
#include "storage/hot/properties.h"

namespace engram {
namespace {

const FieldPath projection_field("projection");

Status check_references(capnp::List<schema::VertexRef>::Reader references, const FieldPath& field) {
  if (Status status = check_range(references.size(), 1, RequestLimits::references, field); !status.ok()) return status;
  for (unsigned i = 0; i < references.size(); ++i)
    if (Status status = check_reference(references[i], field.at(i)); !status.ok()) return status;
  return {};
}

Status check_hop(schema::Hop::Reader hop, const FieldPath& field) {
  return first_error({check_direction(hop.getDirection(), field / "direction"),
                      check_filter(hop.getEdges(), hop.getDirection(), field / "edges"),
                      check_filter(hop.getVertices(), field / "vertices")});
}

/// A number above 0 (or from 0, if `zero`) and at most 1.
Status check_share(double value, bool zero, const FieldPath& field) {
  if ((value > 0 || (zero && value == 0)) && value <= 1) return {};
  return {Code::invalid_argument, zero ? "It has to be from 0 to 1." : "It has to be above 0 and at most 1.",
          field.text()};
}

Status check_cost(schema::PathRequest::Reader request) {
  auto cost = request.getCost();
  switch (cost.which()) {
    case schema::PathRequest::Cost::HOPS:
    case schema::PathRequest::Cost::WEIGHT:
      return {};
    case schema::PathRequest::Cost::PROPERTY:
      if (request.getDirection() == schema::Direction::BOTH)
        return {
            Code::invalid_argument,
            "Properties of edges are kept at their source: a path by a property goes in direction `out` or `in`, not "
            "`both`.",
            "cost.property"};
      return check_name(cost.getProperty(), FieldPath("cost.property"));
  }
  return {Code::unsupported, "This engine does not know this cost; upgrade it.", "cost"};
}

Status check_bound(schema::Value::Reader value, const FieldPath& field, std::string& packed) {
  if (value.isNull()) return {};
  if (Status status = check_value(value, field); !status.ok()) return status;
  return pack_value(value, packed);
}

Status check_condition(schema::LookupRequest::Reader request) {
  std::string min, max;
  if (request.isEqual()) {
    if (request.getEqual().isNull())
      return {Code::invalid_argument, "Absent properties are not in the index; look for a value.", "equal"};
    return check_value(request.getEqual(), FieldPath("equal"));
  }
  if (!request.isRange())
    return {Code::unsupported, "This engine does not know this kind of look-up; upgrade it.", "lookup"};
  auto range = request.getRange();
  if (Status status = check_bound(range.getMin(), FieldPath("range.min"), min); !status.ok()) return status;
  if (Status status = check_bound(range.getMax(), FieldPath("range.max"), max); !status.ok()) return status;
  if (!min.empty() && !max.empty() && !compare_values(as_bytes(min), as_bytes(max)))
    return {Code::invalid_argument, "Both ends of a range have to be of one kind.", "range"};
  return {};
}

Status check_label(capnp::Text::Reader label, const FieldPath& field) {
  return label.size() == 0 ? Status() : check_name(label, field);
}

}  // namespace

Status validate(schema::GetRequest::Reader request) {
  return first_error({check_references(request.getVertices(), FieldPath("vertices")),
                      check_projection(request.getProjection(), projection_field)});
}

Status validate(schema::GetEdgeRequest::Reader request) {
  FieldPath field("edges");
  auto edges = request.getEdges();
  if (Status status = check_range(edges.size(), 1, RequestLimits::references, field); !status.ok()) return status;
  for (unsigned i = 0; i < edges.size(); ++i)
    if (Status status = check_edge_key(edges[i], field.at(i)); !status.ok()) return status;
  return check_projection(request.getProjection(), projection_field);
}

Status validate(schema::NeighborsRequest::Reader request) {
  if (request.getCursor().size() > RequestLimits::cursor_bytes)
    return {Code::invalid_argument, "This is not a cursor that a reply contained.", "cursor"};
  return first_error({check_reference(request.getVertex(), FieldPath("vertex")),
                      check_direction(request.getDirection(), FieldPath("direction")),
                      check_filter(request.getFilter(), request.getDirection(), FieldPath("filter")),
                      check_range(request.getLimit(), 1, RequestLimits::page, FieldPath("limit")),
                      check_projection(request.getProjection(), projection_field),
                      check_filter(request.getTarget(), FieldPath("target"))});
}

Status validate(schema::DegreeRequest::Reader request) {
  return first_error(
      {check_reference(request.getVertex(), FieldPath("vertex")), check_names(request.getTypes(), FieldPath("types"))});
}

Status validate(schema::ExpandRequest::Reader request) {
  if (Status status = check_references(request.getSeeds(), FieldPath("seeds")); !status.ok()) return status;
  FieldPath field("hops");
  auto hops = request.getHops();
  if (Status status = check_range(hops.size(), 1, RequestLimits::hops, field); !status.ok()) return status;
  for (unsigned i = 0; i < hops.size(); ++i)
    if (Status status = check_hop(hops[i], field.at(i)); !status.ok()) return status;
  if (request.getResult() > schema::ResultKind::VERTICES)
    return {Code::unsupported, "This engine does not know this kind of result; upgrade it.", "result"};
  if (request.getMinDepth() > hops.size())
    return {Code::invalid_argument, "It is deeper than there are hops.", "minDepth", hops.size()};
  return first_error({check_range(request.getMaxVisited(), 1, RequestLimits::visited, FieldPath("maxVisited")),
                      check_range(request.getMaxResults(), 1, RequestLimits::visited, FieldPath("maxResults")),
                      check_projection(request.getProjection(), projection_field)});
}

Status validate(schema::PathRequest::Reader request) {
  auto direction = request.getDirection();
  if (direction == schema::Direction::BOTH)
    if (Status status = check_filter(request.getEdges(), direction, FieldPath("edges")); !status.ok()) return status;
  return first_error(
      {check_reference(request.getSource(), FieldPath("source")),
       check_reference(request.getTarget(), FieldPath("target")), check_direction(direction, FieldPath("direction")),
       check_filter(request.getEdges(), FieldPath("edges")), check_filter(request.getVertices(), FieldPath("vertices")),
       check_cost(request), check_range(request.getMaxVisited(), 1, RequestLimits::visited, FieldPath("maxVisited")),
       check_projection(request.getProjection(), projection_field)});
}

Status validate(schema::RecallRequest::Reader request) {
  FieldPath field("seeds");
  auto seeds = request.getSeeds();
  if (Status status = check_range(seeds.size(), 1, RequestLimits::recall_seeds, field); !status.ok()) return status;
  for (unsigned i = 0; i < seeds.size(); ++i) {
    FieldPath seed = field.at(i);
    Status status = first_error({check_reference(seeds[i].getVertex(), seed / "vertex"),
                                 check_share(seeds[i].getActivation(), false, seed / "activation")});
    if (!status.ok()) return status;
  }
  if (request.getNormalise() > schema::Normalise::FAN_OUT)
    return {Code::unsupported, "This engine does not know this way to normalise; upgrade it.", "normalise"};
  return first_error({check_share(request.getDecay(), false, FieldPath("decay")),
                      check_share(request.getThreshold(), true, FieldPath("threshold")),
                      check_range(request.getMaxHops(), 1, RequestLimits::recall_hops, FieldPath("maxHops")),
                      check_range(request.getTop(), 1, RequestLimits::recall_top, FieldPath("top")),
                      check_direction(request.getDirection(), FieldPath("direction")),
                      check_filter(request.getEdges(), request.getDirection(), FieldPath("edges")),
                      check_filter(request.getVertices(), FieldPath("vertices")),
                      check_range(request.getMaxVisited(), 1, RequestLimits::visited, FieldPath("maxVisited")),
                      check_projection(request.getProjection(), projection_field)});
}

Status validate(schema::LookupRequest::Reader request) {
  if (!is_lookup_cursor(request.getCursor()))
    return {Code::invalid_argument, "This is not a cursor that a page of a look-up contained.", "cursor"};
  return first_error({check_label(request.getIndex().getLabel(), FieldPath("index.label")),
                      check_name(request.getIndex().getProperty(), FieldPath("index.property")),
                      check_condition(request),
                      check_range(request.getLimit(), 1, RequestLimits::page, FieldPath("limit")),
                      check_projection(request.getProjection(), projection_field)});
}

Status validate(schema::ScanRequest::Reader request) {
  if (!is_scan_cursor(request.getCursor()))
    return {Code::invalid_argument, "This is not a cursor that a page of a scan contained.", "cursor"};
  return first_error({check_label(request.getLabel(), FieldPath("label")),
                      check_filter(request.getFilter(), FieldPath("filter")),
                      check_projection(request.getProjection(), projection_field)});
}

}  // namespace engram
