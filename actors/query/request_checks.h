#pragma once
// The checks that requests are made of. Each names the field that is wrong, and the limit if there is one.

#include <cstdint>

#include "actors/messages/field_check.h"
#include "schema/client.capnp.h"

namespace engram {

struct RequestLimits {
  static constexpr std::size_t list_items = 256;     // of names and conditions in one filter or projection
  static constexpr std::size_t references = 10'000;  // vertices or edges in one request
  static constexpr std::size_t hops = 32;
  static constexpr std::size_t recall_seeds = 1000;
  static constexpr std::size_t recall_hops = 16;
  static constexpr std::size_t recall_top = 10'000;
  static constexpr std::size_t page = 100'000;        // edges of neighbours, vertices of a look-up
  static constexpr std::size_t visited = 10'000'000;  // what one query may hold in memory
  static constexpr std::size_t cursor_bytes = 64;
};

Status check_range(std::uint64_t value, std::uint64_t least, std::uint64_t most, const FieldPath& field);
Status check_reference(schema::VertexRef::Reader reference, const FieldPath& field);
Status check_names(capnp::List<capnp::Text>::Reader names, const FieldPath& field);
Status check_projection(schema::Projection::Reader projection, const FieldPath& field);
Status check_direction(schema::Direction direction, const FieldPath& field);
Status check_filter(schema::VertexFilter::Reader filter, const FieldPath& field);
Status check_filter(schema::EdgeFilter::Reader filter, const FieldPath& field);
/// And that properties are not filtered where they are not known: at the edges' targets.
Status check_filter(schema::EdgeFilter::Reader filter, schema::Direction direction, const FieldPath& field);

/// The first error of several checks: `return first_error({check_a(...), check_b(...)});`
Status first_error(std::initializer_list<Status> checks);

}  // namespace engram
