#include "client/convert.h"

#include <algorithm>
#include <type_traits>

namespace engram::client {

namespace {

/// Calls `init(size)` and lets `item(builder, i)` fill what it made; an empty list takes no room in the message.
template <typename Init, typename Item>
void write_list(std::size_t size, Init init, Item item) {
  if (size == 0) return;
  auto list = init(static_cast<unsigned>(size));
  for (unsigned i = 0; i < size; ++i) item(list, i);
}

template <typename FromList>
auto read_list(FromList from) {
  std::vector<decltype(read(from[0]))> to;
  to.reserve(from.size());
  for (auto item : from) to.push_back(read(item));
  return to;
}

std::vector<VertexId> read_ids(capnp::List<std::uint64_t>::Reader from) {
  std::vector<VertexId> to;
  to.reserve(from.size());
  for (auto id : from) to.push_back({id});
  return to;
}

std::vector<Index> read_indexes(capnp::List<schema::Index>::Reader from) {
  std::vector<Index> to;
  for (auto index : from) to.push_back({to_string(index.getLabel()), to_string(index.getProperty())});
  return to;
}

std::vector<NamedCount> read_counts(capnp::List<schema::StatisticsReply::NamedCount>::Reader from) {
  std::vector<NamedCount> to;
  for (auto count : from) to.push_back({to_string(count.getName()), count.getCount()});
  return to;
}

void write(const PropertyFilter& from, schema::PropertyFilter::Builder to) {
  to.setName(text(from.name));
  to.setComparison(static_cast<schema::Comparison>(from.comparison));
  write(from.value, to.initValue());
}

}  // namespace

void write(const Value& from, schema::Value::Builder to) {
  std::visit(
      [&](const auto& value) {
        using T = std::decay_t<decltype(value)>;
        if constexpr (std::is_same_v<T, std::monostate>) {
          to.setNull();
        } else if constexpr (std::is_same_v<T, bool>) {
          to.setBoolean(value);
        } else if constexpr (std::is_same_v<T, std::int64_t>) {
          to.setInt64(value);
        } else if constexpr (std::is_same_v<T, double>) {
          to.setFloat64(value);
        } else if constexpr (std::is_same_v<T, std::string>) {
          to.setText(text(value));
        } else if constexpr (std::is_same_v<T, Blob>) {
          to.setBytes(as_data(value.bytes));
        } else if constexpr (std::is_same_v<T, Timestamp>) {
          to.setTimestamp(value.ns);
        } else if constexpr (std::is_same_v<T, List>) {
          auto list = to.initList(static_cast<unsigned>(value.size()));
          for (unsigned i = 0; i < value.size(); ++i) write(value[i], list[i]);
        } else {
          auto vector = to.initVector(static_cast<unsigned>(value.size()));
          for (unsigned i = 0; i < value.size(); ++i) vector.set(i, value[i]);
        }
      },
      from.data);
}

void write(const std::vector<Property>& from, capnp::List<schema::Property>::Builder to) {
  for (unsigned i = 0; i < from.size(); ++i) {
    to[i].setName(text(from[i].name));
    write(from[i].value, to[i].initValue());
  }
}

void write(const std::vector<std::string>& from, capnp::List<capnp::Text>::Builder to) {
  for (unsigned i = 0; i < from.size(); ++i) to.set(i, text(from[i]));
}

void write(const VertexRef& from, schema::VertexRef::Builder to) {
  if (const auto* key = std::get_if<std::string>(&from.name))
    to.setKey(text(*key));
  else
    to.setId(std::get<VertexId>(from.name).value);
}

void write(const EdgeKey& from, schema::EdgeKey::Builder to) {
  to.setSource(text(from.source));
  to.setType(text(from.type));
  to.setTarget(text(from.target));
  to.setRank(from.rank);
}

void write(const VertexFilter& from, schema::VertexFilter::Builder to) {
  if (!from.labels.empty()) write(from.labels, to.initLabels(static_cast<unsigned>(from.labels.size())));
  write_list(
      from.properties.size(), [&](unsigned size) { return to.initProperties(size); },
      [&](auto& list, unsigned i) { write(from.properties[i], list[i]); });
}

void write(const EdgeFilter& from, schema::EdgeFilter::Builder to) {
  if (!from.types.empty()) write(from.types, to.initTypes(static_cast<unsigned>(from.types.size())));
  to.setMinWeight(from.min_weight);
  to.setMaxWeight(from.max_weight);
  write_list(
      from.properties.size(), [&](unsigned size) { return to.initProperties(size); },
      [&](auto& list, unsigned i) { write(from.properties[i], list[i]); });
}

void write(const Projection& from, schema::Projection::Builder to) {
  to.setProperties(from.properties);
  if (!from.only.empty()) write(from.only, to.initOnly(static_cast<unsigned>(from.only.size())));
  to.setLabels(from.labels);
  to.setKeys(from.keys);
}

void write(const Hop& from, schema::Hop::Builder to) {
  to.setDirection(static_cast<schema::Direction>(from.direction));
  write(from.edges, to.initEdges());
  write(from.vertices, to.initVertices());
  to.setLimitPerVertex(from.limit_per_vertex);
}

void write(const Quota& from, schema::Quota::Builder to) {
  to.setVertices(from.vertices);
  to.setEdges(from.edges);
  to.setBytes(from.bytes);
}

void write(const Index& from, schema::Index::Builder to) {
  to.setLabel(text(from.label));
  to.setProperty(text(from.property));
}

Status read(schema::Error::Reader from) {
  if (from.getCode() == schema::ErrorCode::NONE) return {};
  return Status(static_cast<Code>(from.getCode()), to_string(from.getMessage()), to_string(from.getField()), from.getLimit())
      .with_partial(from.getPartial());
}

Value read(schema::Value::Reader from) {
  switch (from.which()) {
    case schema::Value::NULL_: return {};
    case schema::Value::BOOLEAN: return from.getBoolean();
    case schema::Value::INT64: return from.getInt64();
    case schema::Value::FLOAT64: return from.getFloat64();
    case schema::Value::TEXT: return to_string(from.getText());
    case schema::Value::BYTES: return Blob{to_string(from.getBytes())};
    case schema::Value::TIMESTAMP: return Timestamp{from.getTimestamp()};
    case schema::Value::LIST: return read_list(from.getList());
    case schema::Value::VECTOR: {
      Vector to;
      to.reserve(from.getVector().size());
      for (float number : from.getVector()) to.push_back(number);
      return to;
    }
  }
  return {};   // of a newer engine
}

std::vector<Property> read(capnp::List<schema::Property>::Reader from) {
  std::vector<Property> to;
  to.reserve(from.size());
  for (auto property : from) to.push_back({to_string(property.getName()), read(property.getValue())});
  return to;
}

std::vector<std::string> read(capnp::List<capnp::Text>::Reader from) {
  std::vector<std::string> to;
  to.reserve(from.size());
  for (auto item : from) to.push_back(to_string(item));
  return to;
}

Vertex read(schema::Vertex::Reader from) {
  return {.id = {from.getId()},
          .found = from.getFound(),
          .key = to_string(from.getKey()),
          .labels = read(from.getLabels()),
          .properties = read(from.getProperties()),
          .created_ns = from.getCreatedNs(),
          .changed_ns = from.getChangedNs(),
          .version = from.getVersion()};
}

std::vector<Vertex> read(capnp::List<schema::Vertex>::Reader from) { return read_list(from); }

Edge read(schema::Edge::Reader from) {
  return {.source = {from.getSource()},
          .target = {from.getTarget()},
          .source_key = to_string(from.getSourceKey()),
          .target_key = to_string(from.getTargetKey()),
          .type = to_string(from.getType()),
          .rank = from.getRank(),
          .weight = from.getWeight(),
          .properties = read(from.getProperties()),
          .created_ns = from.getCreatedNs(),
          .changed_ns = from.getChangedNs(),
          .version = from.getVersion()};
}

std::vector<Edge> read(capnp::List<schema::Edge>::Reader from) { return read_list(from); }

SpaceInfo read(schema::SpaceInfo::Reader from) {
  auto quota = from.getQuota();
  return {.id = {from.getId()},
          .name = to_string(from.getName()),
          .placement = static_cast<Placement>(from.getPlacement()),
          .quota = {quota.getVertices(), quota.getEdges(), quota.getBytes()},
          .created_ns = from.getCreatedNs(),
          .vertices = from.getVertices(),
          .edges = from.getEdges(),
          .bytes = from.getBytes()};
}

ServerInfo read(schema::ServerInfo::Reader from) {
  ServerInfo to{.version = to_string(from.getVersion()),
                .node = from.getNode(),
                .partitions = from.getPartitions(),
                .max_command_bytes = from.getMaxCommandBytes(),
                .max_operations = from.getMaxOperations(),
                .role = static_cast<Role>(from.getRole()),
                .cluster_id = to_string(from.getClusterId())};
  for (auto node : from.getNodes())
    to.nodes.push_back({node.getOrdinal(), to_string(node.getAddress()), node.getConnected()});
  for (auto owner : from.getOwners()) to.owners.push_back(owner);
  return to;
}

Statistics read(schema::StatisticsReply::Reader from) {
  Statistics to{.space = read(from.getSpace()),
                .labels = read_counts(from.getLabels()),
                .types = read_counts(from.getTypes()),
                .indexes = read_indexes(from.getIndexes()),
                .building = read_indexes(from.getBuilding())};
  return to;
}

Outcome read(schema::Outcome::Reader from) {
  Outcome to;
  to.status = read(from.getError());
  to.fate = to.status.ok() ? Fate::committed : Fate::failed;
  to.version = from.getVersion();
  to.partition = {from.getPartition()};
  to.accepted_ns = from.getAcceptedNs();
  to.created = from.getCreated();
  to.updated = from.getUpdated();
  to.deleted = from.getDeleted();
  to.duplicate = from.getDuplicate();
  to.space = {from.getSpace()};
  return to;
}

Recall read(schema::RecallReply::Reader from) {
  Recall to{.exceeded = static_cast<Limit>(from.getExceeded()), .hits = {}, .visited = from.getVisited()};
  for (auto hit : from.getHits())
    to.hits.push_back({read(hit.getVertex()), hit.getActivation(), hit.getActivationFixed(), read_ids(hit.getPath()),
                       read(hit.getPathKeys())});
  return to;
}

Expansion read(schema::ExpandReply::Reader from, std::uint8_t min_depth) {
  Expansion to{.exceeded = static_cast<Limit>(from.getExceeded()),
               .ids = read_ids(from.getIds()),
               .depths = {},
               .keys = read(from.getKeys()),
               .vertices = read(from.getVertices())};
  std::uint8_t depth = min_depth;
  for (auto end : from.getDepthEnds()) {
    to.depths.resize(std::min<std::size_t>(end, to.ids.size()), depth);
    ++depth;
  }
  to.depths.resize(to.ids.size(), depth);
  return to;
}

}  // namespace engram::client
