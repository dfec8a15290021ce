#pragma once
// Spaces, their quotas and their indexes as plain values beside the graphs in them (command_model.h): what all partitions
// together have to agree with.

#include <map>
#include <set>
#include <string>
#include <utility>

#include "actors/partition/core/space_table.h"
#include "tests/support/command_model.h"

namespace engram::test {

using ModelIndex = std::pair<std::string, std::string>;  // label (empty: every vertex) and property

struct ModelSpace {
  std::string name;
  SpaceRoute route;
  SpaceQuota quota;
  std::set<ModelIndex> indexes;
  CommandModel commands;
};

struct SpaceCommand {
  enum class Kind { batch, create, drop, set_quota, declare_index, drop_index };
  Kind kind = Kind::batch;
  SpaceRoute space;  // of one that is created: the one that it will be
  ModelBatch batch;
  std::string name;
  SpaceQuota quota;
  ModelIndex index;
};

class SpaceModel {
 public:
  explicit SpaceModel(std::uint32_t partitions) : partitions_(partitions) {
    add("default", {SpaceId{0}, Placement::spread, home_of_space("default", partitions)}, {});
  }

  std::map<SpaceId, ModelSpace> spaces;

  ModelOutcome apply(const SpaceCommand& command) {
    if (command.kind == SpaceCommand::Kind::create) {
      for (const auto& [id, space] : spaces)
        if (space.name == command.name) return {Code::space_exists};
      add(command.name, command.space, command.quota);
      return {};
    }
    auto found = spaces.find(command.space.id);
    if (found == spaces.end()) return {Code::unknown_space};
    ModelSpace& space = found->second;
    switch (command.kind) {
      case SpaceCommand::Kind::batch: return space.commands.apply(command.batch);
      case SpaceCommand::Kind::create: break;
      case SpaceCommand::Kind::drop:
        if (command.space.id.value == 0) return {Code::invalid_argument};
        spaces.erase(found);
        break;
      case SpaceCommand::Kind::set_quota: set_quota(space, command.quota); break;
      case SpaceCommand::Kind::declare_index:
        if (!space.indexes.insert(command.index).second) return {Code::index_exists};
        break;
      case SpaceCommand::Kind::drop_index:
        if (space.indexes.erase(command.index) == 0) return {Code::unknown_index};
    }
    return {};
  }

  /// The keys that a look-up of the values from `least` to `most` has to find.
  static std::set<std::string> look_up(const ModelSpace& space, const ModelIndex& index, std::int64_t least,
                                       std::int64_t most) {
    std::set<std::string> keys;
    for (const auto& [key, vertex] : space.commands.graph.vertices) {
      if (!index.first.empty() && !vertex.labels.contains(index.first)) continue;
      auto value = vertex.properties.find(index.second);
      if (value != vertex.properties.end() && value->second >= least && value->second <= most) keys.insert(key);
    }
    return keys;
  }

 private:
  void add(const std::string& name, const SpaceRoute& route, const SpaceQuota& quota) {
    auto owner_of = [route, partitions = partitions_](const std::string& key) {
      return owner_of_key(route, key, partitions);
    };
    ModelSpace space{name, route, {}, {}, CommandModel(owner_of)};
    set_quota(space, quota);
    spaces.emplace(route.id, std::move(space));
  }

  void set_quota(ModelSpace& space, const SpaceQuota& quota) {
    std::uint64_t shares = space.route.placement == Placement::spread ? partitions_ : 1;
    auto share = [&](std::uint64_t whole) { return (whole + shares - 1) / shares; };
    space.quota = quota;
    space.commands.quota = {share(quota.vertices), share(quota.edges)};
  }

  std::uint32_t partitions_;
};

inline void write(const SpaceQuota& quota, schema::Quota::Builder out) {
  out.setVertices(quota.vertices);
  out.setEdges(quota.edges);
  out.setBytes(quota.bytes);
}

inline void write(const ModelIndex& index, schema::Index::Builder out) {
  out.setLabel(index.first.c_str());
  out.setProperty(index.second.c_str());
}

inline void write(const SpaceCommand& command, schema::Command::Builder out) {
  switch (command.kind) {
    case SpaceCommand::Kind::batch: return write(command.batch, out.initBatch());
    case SpaceCommand::Kind::create: {
      auto create = out.initCreateSpace();
      create.setName(command.name.c_str());
      create.setPlacement(static_cast<schema::Placement>(command.space.placement));
      return write(command.quota, create.initQuota());
    }
    case SpaceCommand::Kind::drop: return out.setDropSpace();
    case SpaceCommand::Kind::set_quota: return write(command.quota, out.initSetQuota());
    case SpaceCommand::Kind::declare_index: return write(command.index, out.initDeclareIndex());
    case SpaceCommand::Kind::drop_index: return write(command.index, out.initDropIndex());
  }
}

/// Makes commands about a few spaces, now and then also about one that is dropped.
class RandomSpaceCommands {
 public:
  RandomSpaceCommands(std::mt19937_64& random, std::uint32_t partitions)
      : random_(random), partitions_(partitions), batches_(random, "v", 3 + random() % 8) {}

  /// `session`, `sequence`: who will send it, since they name a new space.
  SpaceCommand next(const SpaceModel& model, std::uint64_t session, std::uint64_t sequence) {
    SpaceCommand command;
    command.space = some_space(model);
    std::uint64_t kind = below(20);
    if (kind < 10) {
      command.batch = batches_.next(6);
      for (ModelCondition& condition : command.batch.conditions)
        if (condition.kind == ModelCondition::Kind::version_equals) condition.kind = ModelCondition::Kind::exists;
    } else if (kind < 13) {
      command.kind = SpaceCommand::Kind::create;
      command.name = "space" + std::to_string(below(4));
      command.space = {new_space_id(command.name, session, sequence), one_in(2) ? Placement::spread : Placement::together,
                       home_of_space(command.name, partitions_)};
      command.quota = quota();
    } else if (kind < 14) {
      command.kind = SpaceCommand::Kind::drop;
    } else if (kind < 16) {
      command.kind = SpaceCommand::Kind::set_quota;
      command.quota = quota();
    } else {
      command.kind = kind < 19 ? SpaceCommand::Kind::declare_index : SpaceCommand::Kind::drop_index;
      command.index = index();
    }
    return command;
  }

  ModelIndex index() {
    std::string label = one_in(2) ? "" : one_in(2) ? "person" : "robot";
    return {label, one_in(2) ? "age" : one_in(2) ? "cost" : "rank"};
  }
  /// Forgets nothing: also those that are gone.
  SpaceRoute some_space(const SpaceModel& model) {
    for (const auto& [id, space] : model.spaces)
      if (known_.emplace(id, space.route).second) order_.push_back(id);
    auto at = model.spaces.begin();
    std::advance(at, static_cast<std::ptrdiff_t>(below(model.spaces.size())));
    return one_in(12) ? known_.at(order_[below(order_.size())]) : at->second.route;
  }
  RandomBatches& batches() { return batches_; }
  std::uint64_t below(std::uint64_t bound) { return random_() % bound; }
  bool one_in(std::uint64_t chances) { return below(chances) == 0; }

 private:
  SpaceQuota quota() {
    SpaceQuota quota;
    if (one_in(3)) quota.vertices = 1 + below(12);
    if (one_in(3)) quota.edges = 1 + below(12);
    if (one_in(3)) quota.bytes = std::uint64_t{1} << 40;
    return quota;
  }

  std::mt19937_64& random_;
  std::uint32_t partitions_;
  RandomBatches batches_;
  std::map<SpaceId, SpaceRoute> known_;
  std::vector<SpaceId> order_;
};

}  // namespace engram::test
