@0xb0c6f1a7d3e94a02;
# Values, properties and references to vertices: what commands and reads share.

using Cxx = import "/capnp/c++.capnp";
$Cxx.namespace("engram::schema");

struct Value {
  union {
    null @0 :Void;          # In a put: removes the property.
    boolean @1 :Bool;
    int64 @2 :Int64;
    float64 @3 :Float64;    # Any finite number or infinity; NaN is refused.
    text @4 :Text;          # UTF-8, checked.
    bytes @5 :Data;
    timestamp @6 :Int64;    # Nanoseconds since 1970-01-01T00:00:00 UTC.
    list @7 :List(Value);   # Nested at most 8 deep.
    vector @8 :List(Float32);
  }
}

struct Property {
  name @0 :Text;            # 1 to 256 bytes of UTF-8.
  value @1 :Value;          # At most 1 MiB.
}

struct VertexRef {
  union {
    key @0 :Text;           # 1 to 1024 bytes of UTF-8, unique in its space.
    id @1 :UInt64;          # Partition in the upper 16 bits, local number in the lower 48. Stable for the vertex's life.
  }
}

enum Direction {
  out @0;
  in @1;
  both @2;
}

enum Comparison {
  equal @0;
  notEqual @1;              # True also where the property is absent.
  less @2;
  lessOrEqual @3;
  greater @4;
  greaterOrEqual @5;
  exists @6;                # The value is not looked at.
  absent @7;
}

struct PropertyFilter {
  name @0 :Text;
  comparison @1 :Comparison;
  value @2 :Value;          # Numbers compare as numbers (int64 with float64); other kinds only with their own kind.
}

struct VertexFilter {
  # All conditions have to hold; an empty filter admits every vertex.
  labels @0 :List(Text);    # The vertex has every one of these labels.
  properties @1 :List(PropertyFilter);
}

struct EdgeFilter {
  # All conditions have to hold; an empty filter admits every edge.
  types @0 :List(Text);     # The edge has one of these types; empty: any.
  minWeight @1 :Float64 = -inf;
  maxWeight @2 :Float64 = inf;
  properties @3 :List(PropertyFilter);
  # Properties are kept at the edge's source, so that they can be filtered in direction `out` only.
}
