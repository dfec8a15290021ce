#pragma once
// Commands as plain values, and what they do to a graph as plainly as it can be written: the outcomes and the graph that
// partitions have to agree with, however many they are.

#include <functional>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "actors/messages/frame.h"
#include "actors/partition/core/batch_applier.h"
#include "storage/base/placement.h"
#include "schema/command.capnp.h"
#include "storage/base/result.h"
#include "tests/support/reference_graph.h"

namespace engram::test {

/// Nothing: the property is removed.
using PropertyChanges = std::map<std::string, std::optional<std::int64_t>>;

struct EdgeName {
  std::string source, type, target;
  std::int64_t rank = 0;
};

struct ModelOperation {
  enum class Kind { put_vertex, delete_vertex, put_edge, delete_edge };
  Kind kind = Kind::put_vertex;
  schema::PutMode mode = schema::PutMode::UPSERT;
  bool replace = false;
  bool if_exists = false;
  PropertyChanges properties;
  std::string key;  // of a vertex
  std::set<std::string> labels, remove_labels;
  EdgeName edge;
  double weight = 1.0;
  bool keep_weight = false;
  bool create_missing = false;
};

struct ModelCondition {
  enum class Kind { exists, absent, property_equals, version_equals };
  Kind kind = Kind::exists;
  std::string key;              // of a vertex; empty: the edge is meant
  EdgeName edge;
  std::string property;
  std::optional<std::int64_t> value;
  std::uint64_t version = 0;
  bool version_is_current = false;  // as far as the subject exists
};

struct ModelBatch {
  std::vector<ModelOperation> operations;
  std::vector<ModelCondition> conditions;
};

struct ModelOutcome {
  Code code = Code::none;
  std::uint32_t created = 0, updated = 0;
  std::uint64_t deleted = 0;
};

/// What each partition may hold of the space; 0: unlimited.
struct ModelQuota {
  std::uint64_t vertices = 0, edges = 0;
};

/// Applies a batch to the graph, whole or not at all. `owner_of`: the partition of a key, since a space's quota is divided
/// over them.
class CommandModel {
 public:
  using OwnerOf = std::function<PartitionId(const std::string&)>;
  explicit CommandModel(OwnerOf owner_of) : owner_of_(std::move(owner_of)) {}

  ReferenceGraph graph;
  ModelQuota quota;

  ModelOutcome apply(const ModelBatch& batch) {
    ReferenceGraph before = graph;
    ModelOutcome outcome;
    for (const ModelCondition& condition : batch.conditions)
      if (!holds(condition)) outcome.code = Code::precondition_failed;
    for (const ModelOperation& operation : batch.operations) {
      if (outcome.code != Code::none) break;
      outcome.code = apply(operation, outcome);
    }
    if (outcome.code == Code::none) return outcome;
    graph = std::move(before);
    return {outcome.code};
  }

 private:
  [[nodiscard]] bool holds(const ModelCondition& condition) const {
    const Numbers* properties = nullptr;
    if (!condition.key.empty()) {
      auto found = graph.vertices.find(condition.key);
      if (found != graph.vertices.end()) properties = &found->second.properties;
    } else if (auto found = graph.edges.find(slot(condition.edge)); found != graph.edges.end()) {
      properties = &found->second.properties;
    }
    switch (condition.kind) {
      case ModelCondition::Kind::exists: return properties != nullptr;
      case ModelCondition::Kind::absent: return properties == nullptr;
      case ModelCondition::Kind::version_equals: return properties != nullptr && condition.version_is_current;
      case ModelCondition::Kind::property_equals: break;
    }
    if (properties == nullptr) return false;
    auto found = properties->find(condition.property);
    return condition.value ? found != properties->end() && found->second == *condition.value
                           : found == properties->end();
  }

  Code apply(const ModelOperation& operation, ModelOutcome& outcome) {
    switch (operation.kind) {
      case ModelOperation::Kind::put_vertex: return put_vertex(operation, outcome);
      case ModelOperation::Kind::delete_vertex: return delete_vertex(operation, outcome);
      case ModelOperation::Kind::put_edge: return put_edge(operation, outcome);
      case ModelOperation::Kind::delete_edge: break;
    }
    if (graph.edges.erase(slot(operation.edge)) > 0) {
      ++outcome.deleted;
    } else if (!operation.if_exists) {
      return Code::unknown_edge;
    }
    return Code::none;
  }

  Code put_vertex(const ModelOperation& put, ModelOutcome& outcome) {
    bool exists = graph.vertices.contains(put.key);
    if (exists && put.mode == schema::PutMode::CREATE) return Code::vertex_exists;
    if (!exists && put.mode == schema::PutMode::UPDATE) return Code::unknown_vertex;
    if (!exists && !has_room_for_vertex(put.key)) return Code::quota_exceeded;
    ReferenceVertex& vertex = graph.vertices[put.key];
    if (put.replace) vertex.labels.clear();
    vertex.labels.insert(put.labels.begin(), put.labels.end());
    if (exists)  // what is made has nothing to remove
      for (const std::string& label : put.remove_labels) vertex.labels.erase(label);
    change(vertex.properties, put);
    ++(exists ? outcome.updated : outcome.created);
    return Code::none;
  }

  Code delete_vertex(const ModelOperation& command, ModelOutcome& outcome) {
    if (!graph.vertices.contains(command.key)) return command.if_exists ? Code::none : Code::unknown_vertex;
    auto touches = [&](const ReferenceEdge& edge) { return edge.source == command.key || edge.target == command.key; };
    outcome.deleted += 1 + std::erase_if(graph.edges, [&](const auto& entry) { return touches(entry.second); });
    graph.vertices.erase(command.key);
    return Code::none;
  }

  Code put_edge(const ModelOperation& put, ModelOutcome& outcome) {
    for (const std::string& end : {put.edge.source, put.edge.target}) {
      if (graph.vertices.contains(end)) continue;
      if (!put.create_missing) return Code::unknown_vertex;
      if (!has_room_for_vertex(end)) return Code::quota_exceeded;
      graph.vertices[end] = {};
      ++outcome.created;
    }
    auto found = graph.edges.find(slot(put.edge));
    bool exists = found != graph.edges.end();
    if (exists && put.mode == schema::PutMode::CREATE) return Code::edge_exists;
    if (!exists && put.mode == schema::PutMode::UPDATE) return Code::unknown_edge;
    if (!exists && !has_room_for_edge(put.edge.source)) return Code::quota_exceeded;
    ReferenceEdge edge{put.edge.source, put.edge.type, put.edge.target, put.edge.rank, put.weight, {}};
    if (exists) edge.properties = found->second.properties;
    if (exists && put.keep_weight) edge.weight = found->second.weight;
    change(edge.properties, put);
    graph.put(edge);
    ++(exists ? outcome.updated : outcome.created);
    return Code::none;
  }

  [[nodiscard]] bool has_room_for_vertex(const std::string& key) const {
    if (quota.vertices == 0) return true;
    PartitionId owner = owner_of_(key);
    return quota.vertices > static_cast<std::uint64_t>(std::count_if(
                                graph.vertices.begin(), graph.vertices.end(),
                                [&](const auto& entry) { return owner_of_(entry.first) == owner; }));
  }
  [[nodiscard]] bool has_room_for_edge(const std::string& source) const {
    if (quota.edges == 0) return true;
    PartitionId owner = owner_of_(source);
    return quota.edges > static_cast<std::uint64_t>(std::count_if(
                             graph.edges.begin(), graph.edges.end(),
                             [&](const auto& entry) { return owner_of_(entry.second.source) == owner; }));
  }

  static void change(Numbers& properties, const ModelOperation& put) {
    if (put.replace) properties.clear();
    for (const auto& [name, value] : put.properties) {
      if (value) {
        properties[name] = *value;
      } else {
        properties.erase(name);
      }
    }
  }

  static std::tuple<std::string, std::string, std::string, std::int64_t> slot(const EdgeName& edge) {
    return {edge.source, edge.type, edge.target, edge.rank};
  }

  OwnerOf owner_of_;
};

// --- as messages ----------------------------------------------------------------------------------------------------

inline void write(const EdgeName& edge, schema::EdgeKey::Builder out) {
  out.setSource(whole_text(edge.source));
  out.setType(whole_text(edge.type));
  out.setTarget(whole_text(edge.target));
  out.setRank(edge.rank);
}

template <typename Init>
void write(const PropertyChanges& changes, const Init& init) {
  auto list = init(static_cast<unsigned>(changes.size()));
  unsigned at = 0;
  for (const auto& [name, value] : changes) {
    list[at].setName(whole_text(name));
    auto out = list[at++].initValue();
    if (value) out.setInt64(*value);
  }
}

template <typename Init>
void write(const std::set<std::string>& names, const Init& init) {
  auto list = init(static_cast<unsigned>(names.size()));
  unsigned at = 0;
  for (const std::string& name : names) list.set(at++, whole_text(name));
}

inline void write(const ModelOperation& operation, schema::Operation::Builder out) {
  switch (operation.kind) {
    case ModelOperation::Kind::put_vertex: {
      auto put = out.initPutVertex();
      put.setKey(whole_text(operation.key));
      put.setMode(operation.mode);
      put.setReplace(operation.replace);
      write(operation.labels, [&](unsigned size) { return put.initLabels(size); });
      write(operation.remove_labels, [&](unsigned size) { return put.initRemoveLabels(size); });
      write(operation.properties, [&](unsigned size) { return put.initProperties(size); });
      return;
    }
    case ModelOperation::Kind::delete_vertex:
      out.initDeleteVertex().setKey(whole_text(operation.key));
      out.getDeleteVertex().setIfExists(operation.if_exists);
      return;
    case ModelOperation::Kind::put_edge: {
      auto put = out.initPutEdge();
      write(operation.edge, put.getEdge());
      put.setMode(operation.mode);
      put.setWeight(operation.weight);
      put.setKeepWeight(operation.keep_weight);
      put.setReplace(operation.replace);
      put.setCreateMissing(operation.create_missing);
      write(operation.properties, [&](unsigned size) { return put.initProperties(size); });
      return;
    }
    case ModelOperation::Kind::delete_edge:
      write(operation.edge, out.initDeleteEdge());
      out.getDeleteEdge().setIfExists(operation.if_exists);
  }
}

inline void write(const ModelCondition& condition, schema::Precondition::Builder out) {
  if (condition.key.empty()) {
    write(condition.edge, out.getSubject().initEdge());
  } else {
    out.getSubject().setVertex(whole_text(condition.key));
  }
  switch (condition.kind) {
    case ModelCondition::Kind::exists: return out.setExists();
    case ModelCondition::Kind::absent: return out.setAbsent();
    case ModelCondition::Kind::version_equals: return out.setVersionEquals(condition.version);
    case ModelCondition::Kind::property_equals: break;
  }
  auto property = out.initPropertyEquals();
  property.setName(whole_text(condition.property));
  if (condition.value) property.initValue().setInt64(*condition.value);
}

inline void write(const ModelBatch& batch, schema::Batch::Builder out) {
  auto operations = out.initOperations(static_cast<unsigned>(batch.operations.size()));
  for (unsigned i = 0; i < operations.size(); ++i) write(batch.operations[i], operations[i]);
  auto conditions = out.initPreconditions(static_cast<unsigned>(batch.conditions.size()));
  for (unsigned i = 0; i < conditions.size(); ++i) write(batch.conditions[i], conditions[i]);
}

// --- at random ------------------------------------------------------------------------------------------------------

/// Makes batches over a few keys, so that they meet each other, with a few that have to fail.
class RandomBatches {
 public:
  RandomBatches(std::mt19937_64& random, std::string prefix, std::uint64_t keys)
      : random_(random), prefix_(std::move(prefix)), keys_(keys) {}

  ModelBatch next(std::uint64_t max_operations) {
    ModelBatch batch;
    std::uint64_t operations = one_in(3) ? 1 + below(max_operations) : 1;
    for (std::uint64_t i = 0; i < operations; ++i) batch.operations.push_back(operation(operations));
    if (one_in(4))
      for (std::uint64_t i = below(3); i > 0; --i) batch.conditions.push_back(condition());
    return batch;
  }

  /// Some with a NUL, in front of which they are all alike.
  std::string key() {
    std::uint64_t number = below(keys_);
    return prefix_ + (number % 4 == 3 ? std::string(1, '\0') : std::string()) + std::to_string(number);
  }
  EdgeName edge() {
    using namespace std::string_literals;
    return {key(), one_in(3) ? "knows\0well"s : "knows"s, key(), one_in(5) ? 1 : 0};
  }
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  bool one_in(std::uint64_t chances) { return below(chances) == 0; }

 private:
  ModelOperation operation(std::uint64_t of) {
    ModelOperation operation;
    std::uint64_t kind = below(20);
    operation.if_exists = one_in(2) || of > 3;
    operation.replace = one_in(6);
    if (one_in(of > 3 ? 12 : 4)) operation.mode = one_in(2) ? schema::PutMode::CREATE : schema::PutMode::UPDATE;
    for (const char* name : {"age", "cost", "rank"})
      if (one_in(4)) operation.properties[name] = one_in(4) ? std::nullopt : std::optional<std::int64_t>(below(5));
    if (kind < 6) {
      operation.key = key();
      for (const char* label : {"person", "robot"}) {
        if (one_in(3)) operation.labels.insert(label);
        if (one_in(6)) operation.remove_labels.insert(label);
      }
      return operation;
    }
    if (kind < 8) {
      operation.kind = ModelOperation::Kind::delete_vertex;
      operation.key = key();
      return operation;
    }
    operation.edge = edge();
    operation.kind = kind < 17 ? ModelOperation::Kind::put_edge : ModelOperation::Kind::delete_edge;
    operation.weight = static_cast<double>(below(9)) / 4;
    operation.keep_weight = one_in(4);
    operation.create_missing = one_in(2) || of > 3;
    return operation;
  }

  ModelCondition condition() {
    ModelCondition condition;
    condition.kind = static_cast<ModelCondition::Kind>(below(3));
    if (one_in(2)) {
      condition.key = key();
    } else {
      condition.edge = edge();
    }
    condition.property = one_in(2) ? "age" : "cost";
    if (!one_in(3)) condition.value = below(5);
    return condition;
  }

  std::mt19937_64& random_;
  std::string prefix_;
  std::uint64_t keys_;
};

}  // namespace engram::test
