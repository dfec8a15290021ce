#pragma once
// What one asks and what one gets, as plain C++ structs. Field by field as in schema/client.capnp, where limits and
// defaults are explained.

#include <algorithm>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "client/engram/value.h"
#include "storage/base/ids.h"
#include "storage/base/placement.h"

namespace engram::client {

/// A vertex, named by its key or by its id.
struct VertexRef {
  std::variant<std::string, VertexId> name;
  VertexRef(std::string key) : name(std::move(key)) {}                  // NOLINT(google-explicit-constructor)
  VertexRef(std::string_view key) : name(std::string(key)) {}           // NOLINT(google-explicit-constructor)
  VertexRef(const char* key) : name(std::string(key)) {}                // NOLINT(google-explicit-constructor)
  VertexRef(VertexId id) : name(id) {}                                  // NOLINT(google-explicit-constructor)
};

/// An edge's identity. `rank` tells parallel edges of one type apart.
struct EdgeKey {
  std::string source;
  std::string type;
  std::string target;
  std::int64_t rank = 0;
};

struct Vertex {
  VertexId id;
  bool found = false;
  std::string key;
  std::vector<std::string> labels;
  std::vector<Property> properties;
  std::int64_t created_ns = 0;
  std::int64_t changed_ns = 0;
  std::uint64_t version = 0;
};

struct Edge {
  VertexId source;
  VertexId target;
  std::string source_key;
  std::string target_key;
  std::string type;
  std::int64_t rank = 0;
  double weight = 1.0;
  std::vector<Property> properties;   // at the source only: empty in direction `in`, as are the times and the version
  std::int64_t created_ns = 0;
  std::int64_t changed_ns = 0;
  std::uint64_t version = 0;
};

// The enums below have the numbers of their twins in the schema.
enum class Direction : std::uint16_t { out, in, both };
enum class Comparison : std::uint16_t { equal, not_equal, less, less_or_equal, greater, greater_or_equal, exists, absent };
enum class Limit : std::uint16_t { none, visited, results, time, bytes };
enum class Normalise : std::uint16_t { none, weight_sum, fan_out };
using engram::Placement;
enum class Role : std::uint16_t { read, write, admin };

struct PropertyFilter {
  std::string name;
  Comparison comparison = Comparison::equal;
  Value value;
};

struct VertexFilter {
  std::vector<std::string> labels;   // has every one
  std::vector<PropertyFilter> properties;
};

struct EdgeFilter {
  std::vector<std::string> types;   // has one of them; empty: any
  double min_weight = -std::numeric_limits<double>::infinity();
  double max_weight = std::numeric_limits<double>::infinity();
  std::vector<PropertyFilter> properties;   // in direction `out` only
};

struct Projection {
  bool properties = true;
  std::vector<std::string> only;   // if not empty: only these properties
  bool labels = true;
  bool keys = true;
};

struct NeighborsQuery {
  Direction direction = Direction::out;
  EdgeFilter edges = {};
  VertexFilter target = {};
  std::uint32_t limit = 1000;
  std::string cursor = {};   // from the page before
  Projection projection = {};
};
struct NeighborsPage {
  std::vector<Edge> edges;
  std::string cursor;   // empty: there are no more
};

struct Degree {
  std::uint64_t out = 0;
  std::uint64_t in = 0;
};

struct Hop {
  Direction direction = Direction::out;
  EdgeFilter edges = {};
  VertexFilter vertices = {};
  std::uint32_t limit_per_vertex = 0;
};

enum class ResultKind : std::uint16_t { ids, keys, vertices };

struct ExpandQuery {
  std::vector<VertexRef> seeds;
  std::vector<Hop> hops;
  std::uint32_t max_visited = 1'000'000;
  std::uint32_t max_results = 1'000'000;
  ResultKind result = ResultKind::keys;
  Projection projection = {};
  std::uint8_t min_depth = 1;
};
struct Expansion {
  Limit exceeded = Limit::none;
  std::vector<VertexId> ids;
  std::vector<std::uint8_t> depths;   // parallel to ids
  std::vector<std::string> keys;      // parallel to ids, for ResultKind::keys
  std::vector<Vertex> vertices;       // parallel to ids, for ResultKind::vertices
};

struct PathQuery {
  Direction direction = Direction::out;
  EdgeFilter edges = {};
  VertexFilter vertices = {};
  enum class Cost { hops, weight, property } cost = Cost::hops;
  std::string cost_property = {};   // for Cost::property
  std::uint32_t max_hops = 64;
  std::uint32_t max_visited = 1'000'000;
  Projection projection = {};
};
struct Path {
  Limit exceeded = Limit::none;
  bool found = false;
  double cost = 0;
  std::vector<Vertex> vertices;   // from source to target
  std::vector<Edge> edges;        // one less
};

struct Seed {
  VertexRef vertex;
  double activation = 1.0;
};
struct RecallQuery {
  std::vector<Seed> seeds;
  double decay = 0.5;
  double threshold = 0.001;
  std::uint32_t max_hops = 3;
  std::uint32_t top = 20;
  Normalise normalise = Normalise::none;
  Direction direction = Direction::out;
  EdgeFilter edges = {};
  VertexFilter vertices = {};
  bool include_seeds = false;
  std::uint32_t max_visited = 1'000'000;
  Projection projection = {};
};
struct RecallHit {
  Vertex vertex;
  double activation = 0;
  std::uint64_t activation_fixed = 0;   // the same, exactly: in units of 2^-62
  std::vector<VertexId> path;
  std::vector<std::string> path_keys;
};
struct Recall {
  Limit exceeded = Limit::none;
  std::vector<RecallHit> hits;
  std::uint32_t visited = 0;
};

struct Index {
  std::string label;   // empty: all vertices of the space
  std::string property;
  bool operator==(const Index&) const = default;
};

/// Vertices by the value of an indexed property. With `equal`, the range is not looked at.
struct LookupQuery {
  Index index;
  std::optional<Value> equal = {};
  Value min = {};   // null: unbounded
  Value max = {};
  bool min_exclusive = false;
  bool max_exclusive = false;
  std::uint32_t limit = 1000;
  Projection projection = {};
  std::string cursor = {};  // of the page before, to go on behind it
};
struct Lookup {
  Limit exceeded = Limit::none;  // there are more
  std::vector<Vertex> vertices;
  std::string cursor = {};       // empty: this is the last page, or the engine is of before 0.2 and has none
};

struct ScanQuery {
  std::string label = {};
  VertexFilter filter = {};
  std::uint64_t limit = 0;   // 0: all
  std::string cursor = {};
  Projection projection = {};
  bool edges = false;   // also the outgoing edges of every vertex
};
struct ScanPage {
  std::vector<Vertex> vertices;
  std::vector<Edge> edges;
  std::string cursor;   // goes on behind this page; empty: there are no more
  bool edges_go_on = false;   // the next page begins with more edges of the last vertex
};

struct Quota {
  std::uint64_t vertices = 0;   // 0: unlimited
  std::uint64_t edges = 0;
  std::uint64_t bytes = 0;
};
struct SpaceInfo {
  SpaceId id;
  std::string name;
  Placement placement = Placement::spread;
  Quota quota;
  std::int64_t created_ns = 0;
  std::uint64_t vertices = 0;
  std::uint64_t edges = 0;
  std::uint64_t bytes = 0;
};
struct NamedCount {
  std::string name;
  std::uint64_t count = 0;
};
struct Statistics {
  SpaceInfo space;
  std::vector<NamedCount> labels;
  std::vector<NamedCount> types;
  std::vector<Index> indexes;
  std::vector<Index> building;   // of these, what is not built yet: look-ups answer `unavailable` until then

  [[nodiscard]] bool is_building(const Index& index) const {
    return std::find(building.begin(), building.end(), index) != building.end();
  }
};

/// A node of a cluster, for clients.
struct NodeAddress {
  std::uint32_t ordinal = 0;
  std::string address;       // host:port or unix:/path; empty: not known
  bool connected = false;    // to the node that says so
  bool operator==(const NodeAddress&) const = default;
};

struct ServerInfo {
  std::string version;
  std::uint32_t node = 0;
  std::uint32_t partitions = 0;
  std::uint32_t max_command_bytes = 0;
  std::uint32_t max_operations = 0;
  Role role = Role::read;
  std::string cluster_id;            // 16 bytes
  std::vector<NodeAddress> nodes;    // by ordinal
  std::vector<std::uint16_t> owners; // the ordinal of the node that owns each partition, by its number
};

}  // namespace engram::client
