#pragma once
// What tests of partitions say: clients that submit commands to a simulated node, and what its graph has to be.

#include <catch2/catch.hpp>

#include "actors/partition/command_check.h"
#include "storage/hot/properties.h"
#include "tests/support/command_model.h"
#include "tests/support/simulated_cluster.h"

namespace engram::test {

class Answered final : public ReplyPort {
 public:
  void reply(Frame answer) override {
    if (frame) throw std::runtime_error("a request is answered twice");
    frame = std::move(answer);
  }
  [[nodiscard]] Outcome outcome() const {
    auto answer = frame.read<schema::Answer>();
    Outcome outcome;
    if (answer.getError().getCode() != schema::ErrorCode::NONE) {
      outcome.status = read_error(answer.getError());
      return outcome;
    }
    auto out = answer.getOutcome();
    outcome.status = read_error(out.getError());
    outcome.created = out.getCreated();
    outcome.updated = out.getUpdated();
    outcome.deleted = out.getDeleted();
    outcome.duplicate = out.getDuplicate();
    outcome.space = {out.getSpace()};
    return outcome;
  }
  Frame frame;
};

/// A command that can be sent again as it is.
struct Submission {
  CommandBytes command;
  PartitionId to;
};

inline SpaceRoute default_space(std::uint32_t partitions) {
  return {SpaceId{0}, Placement::spread, home_of_space("default", partitions)};
}

/// Numbers the commands of one session.
class Session {
 public:
  Session(std::uint64_t id, std::uint32_t partitions) : id_(id), partitions_(partitions) {}

  template <typename Fill>
  Submission command(const SpaceRoute& space, const Fill& fill) {
    capnp::MallocMessageBuilder message;
    auto command = message.initRoot<schema::Command>();
    command.setSession(id_);
    command.setSequence(++sequence_);
    command.setFirstIncomplete(sequence_);
    command.setSpace(space.id.value);
    fill(command);
    CommandBytes bytes = CommandBytes::of(message);
    CommandKind kind = command.isBatch() ? CommandKind::batch : CommandKind::administration;
    auto checked = check_command(bytes.bytes(), kind, CommandLimits());
    INFO(checked.status().message() << " " << checked.status().field());
    REQUIRE(checked.ok());
    return {*checked, coordinator_of(command.asReader(), space, partitions_)};
  }
  Submission batch(const ModelBatch& batch, const SpaceRoute& space) {
    return command(space, [&](schema::Command::Builder command) { write(batch, command.initBatch()); });
  }
  Submission batch(const ModelBatch& batch) { return this->batch(batch, default_space(partitions_)); }

  [[nodiscard]] std::uint64_t id() const { return id_; }
  [[nodiscard]] std::uint64_t next_sequence() const { return sequence_ + 1; }

 private:
  std::uint64_t id_;
  std::uint32_t partitions_;
  std::uint64_t sequence_ = 0;
};

/// Submits and lets the node work until there is an answer.
inline Outcome run(SimulatedCluster& node, const Submission& submission, std::int64_t timeout_ms = 60'000) {
  auto port = std::make_shared<Answered>();
  node.submit(0, submission.to, submission.command, port, timeout_ms);
  for (int ticks = 0; !port->frame && ticks < 200;)
    if (!node.step()) node.tick(100), ++ticks;
  if (!port->frame) FAIL("a command is never answered");
  return port->outcome();
}

/// Nothing of the command happened, and the next time may go better.
inline bool may_be_asked_again(Code code) {
  return code == Code::conflict || code == Code::disk_full || code == Code::overloaded ||
         code == Code::deadline_exceeded;
}

inline Frame run_read(SimulatedCluster& node, PartitionId to, const std::function<void(schema::Request::Builder)>& fill) {
  auto port = std::make_shared<Answered>();
  node.request(0, to, Frame::build<schema::Request>(fill), port);
  for (int ticks = 0; !port->frame && ticks < 200;)
    if (!node.step()) node.tick(100), ++ticks;
  if (!port->frame) FAIL("a read is never answered");
  return port->frame;
}

inline std::vector<PartitionCore*> cores_of(SimulatedCluster& node) {
  std::vector<PartitionCore*> cores;
  for (std::uint16_t i = 0; i < node.partitions(); ++i) cores.push_back(&node.core({i}));
  return cores;
}

/// Stops cleanly and starts: nothing is replayed, and nothing was left to be decided.
inline void stop_and_start(SimulatedCluster& node) {
  node.stop();
  node.restart();
  CHECK(node.replayed() == 0);
  for (PartitionCore* core : cores_of(node)) {
    CHECK(!core->undecided());
    CHECK(core->decisions().empty());
  }
}

inline CommandModel::OwnerOf owner_in(const SpaceRoute& space, std::uint32_t partitions) {
  return [=](const std::string& key) { return owner_of_key(space, key, partitions); };
}
inline CommandModel::OwnerOf owner_in_default(std::uint32_t partitions) {
  return owner_in(default_space(partitions), partitions);
}

inline void check_outcome(const Outcome& outcome, const ModelOutcome& wanted, bool one_partition) {
  INFO(outcome.status.message() << " at " << outcome.status.field());
  if (wanted.code != Code::none && !one_partition) {
    CHECK(!outcome.status.ok());  // each partition names the first error of its share
    return;
  }
  CHECK(std::string(code_name(outcome.status.code())) == code_name(wanted.code));
  CHECK(outcome.created == wanted.created);
  CHECK(outcome.updated == wanted.updated);
  CHECK(outcome.deleted == wanted.deleted);
}

// --- the graph as it is ---------------------------------------------------------------------------------------------

inline Numbers numbers_of(Bytes packed, const Dictionary& dictionary) {
  Numbers numbers;
  NameId name;
  Bytes value;
  for (PropertyCursor cursor(packed); cursor.next(name, value);) {
    capnp::MallocMessageBuilder message;
    auto out = message.initRoot<schema::Value>();
    REQUIRE(unpack_value(value, out).ok());
    numbers[std::string(dictionary.name(name))] = out.asReader().getInt64();
  }
  return numbers;
}

/// Collects one space from all partitions, and holds its two sides and its counts against each other.
class GraphReader {
 public:
  GraphReader(SimulatedCluster& node, SpaceId space) : node_(node), space_(space) {}

  ReferenceGraph read() {
    for_each_vertex([&](PartitionCore& core, VertexId id, const VertexHead& head) {
      keys_[id.value] = std::string(head.key);
      ReferenceVertex vertex;
      for (NameId label : head.labels()) vertex.labels.insert(std::string(core.graph().dictionary().name(label)));
      vertex.properties = numbers_of(head.properties, core.graph().dictionary());
      bool first = graph_.vertices.emplace(keys_[id.value], vertex).second;
      INFO("vertex " << keys_[id.value]);
      CHECK(first);
    });
    for_each_vertex([&](PartitionCore& core, VertexId id, const VertexHead&) {
      for (Side side : {Side::out, Side::in}) read_edges(core, id, side);
    });
    check_both_ends();
    for (std::uint16_t i = 0; i < node_.partitions(); ++i) check_counts(node_.core({i}));
    return graph_;
  }

 private:
  using End = std::pair<std::tuple<std::string, std::string, std::string, std::int64_t>, double>;

  template <typename Visit>
  void for_each_vertex(const Visit& visit) {
    for (std::uint16_t i = 0; i < node_.partitions(); ++i) {
      PartitionCore& core = node_.core({i});
      std::vector<LocalId> ids;
      core.graph().postings().for_each_from(space_, Postings::all, LocalId{0}, [&](LocalId id) {
        ids.push_back(id);
        return true;
      });
      for (LocalId id : ids) {
        HotVertex* hot = core.graph().vertex(id);
        INFO("partition " << i << ", id " << id.value);
        REQUIRE(hot != nullptr);
        BlobRef head = hot->head;
        visit(core, VertexId::of({i}, id), parse_head(head.bytes()).value());
      }
    }
  }

  void read_edges(PartitionCore& core, VertexId id, Side side) {
    HotVertex* hot = core.graph().vertex_with(id.local(), side);
    REQUIRE(hot != nullptr);
    EdgeEntry entry;
    for (auto cursor = hot->edges(side).begin(); cursor.next(entry);) {
      std::string type(core.graph().dictionary().name(entry.slot.type));
      auto other = keys_.find(entry.slot.neighbour.value);
      INFO("an edge of " << keys_[id.value] << " to the id " << entry.slot.neighbour.value);
      CHECK(other != keys_.end());
      if (other == keys_.end()) continue;
      if (side == Side::in) {
        incoming_.insert({{other->second, type, keys_[id.value], entry.slot.rank}, entry.weight});
        continue;
      }
      ++edges_at_[id.partition().value];
      graph_.put({keys_[id.value], type, other->second, entry.slot.rank, entry.weight,
                  numbers_of(entry.properties, core.graph().dictionary())});
    }
  }

  void check_both_ends() {
    std::set<End> outgoing;
    for (const auto& [slot, edge] : graph_.edges) outgoing.insert({slot, edge.weight});
    for (const auto& [slot, weight] : outgoing) {
      INFO(std::get<0>(slot) << " -" << std::get<1>(slot) << "-> " << std::get<2>(slot) << " of weight " << weight);
      CHECK(incoming_.contains({slot, weight}));
    }
    CHECK(incoming_.size() == outgoing.size());
  }

  void check_counts(PartitionCore& core) {
    const Space* space = core.graph().spaces().find(space_);
    if (space == nullptr) return;
    PartitionId self = core.graph().self();
    std::uint64_t vertices = 0;
    std::map<std::string, std::uint64_t> labels, types, counted_labels, counted_types;
    for (const auto& [id, key] : keys_) {
      if (VertexId{id}.partition() != self) continue;
      ++vertices;
      for (const std::string& label : graph_.vertices.at(key).labels) ++labels[label];
      for (const auto& [slot, edge] : graph_.edges)
        if (edge.source == key) ++types[edge.type];
    }
    for (auto [type, count] : space->counts.types)
      counted_types[std::string(core.graph().dictionary().name(type))] = count;
    for (auto [label, count] : core.graph().postings().labels(space_))
      if (label != Postings::all) counted_labels[std::string(core.graph().dictionary().name(label))] = count;
    CHECK(space->counts.vertices == vertices);
    CHECK(space->counts.edges == edges_at_[self.value]);
    CHECK(counted_types == types);
    CHECK(counted_labels == labels);
    if (vertices == 0) CHECK(space->counts.bytes == 0);
  }

  SimulatedCluster& node_;
  SpaceId space_;
  ReferenceGraph graph_;
  std::map<std::uint64_t, std::string> keys_;
  std::map<std::uint16_t, std::uint64_t> edges_at_;
  std::set<End> incoming_;
};

inline void check_graph(const ReferenceGraph& is, const ReferenceGraph& wanted) {
  std::string difference;
  for (const auto& [key, vertex] : wanted.vertices) {
    auto found = is.vertices.find(key);
    if (found == is.vertices.end()) {
      difference += "no vertex " + key + "; ";
    } else if (found->second.labels != vertex.labels || found->second.properties != vertex.properties) {
      difference += "vertex " + key + " differs; ";
    }
  }
  for (const auto& [key, vertex] : is.vertices)
    if (!wanted.vertices.contains(key)) difference += "a vertex " + key + "; ";
  auto name = [](const ReferenceEdge& edge) {
    return edge.source + " -" + edge.type + "-> " + edge.target + " rank " + std::to_string(edge.rank);
  };
  for (const auto& [slot, edge] : wanted.edges) {
    auto found = is.edges.find(slot);
    if (found == is.edges.end()) {
      difference += "no edge " + name(edge) + "; ";
    } else if (found->second.weight != edge.weight || found->second.properties != edge.properties) {
      difference += "edge " + name(edge) + " differs; ";
    }
  }
  for (const auto& [slot, edge] : is.edges)
    if (!wanted.edges.contains(slot)) difference += "an edge " + name(edge) + "; ";
  CHECK(difference == "");
}

inline bool equal(const ReferenceGraph& one, const ReferenceGraph& other) {
  auto vertices = [](const ReferenceGraph& graph) {
    std::map<std::string, std::pair<std::set<std::string>, Numbers>> all;
    for (const auto& [key, vertex] : graph.vertices) all[key] = {vertex.labels, vertex.properties};
    return all;
  };
  auto edges = [](const ReferenceGraph& graph) {
    std::map<std::tuple<std::string, std::string, std::string, std::int64_t>, std::pair<double, Numbers>> all;
    for (const auto& [slot, edge] : graph.edges) all[slot] = {edge.weight, edge.properties};
    return all;
  };
  return vertices(one) == vertices(other) && edges(one) == edges(other);
}

}  // namespace engram::test
