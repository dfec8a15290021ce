#pragma once
// Several partition cores without actors, logs and disks: commands are applied at once, transactions over partitions
// are driven through their protocol, and queries run in a loop.

#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <random>
#include <set>
#include <stdexcept>
#include <string>
#include <vector>

#include "actors/partition/core/partition_core.h"
#include "actors/partition/core/reads.h"
#include "actors/query/query.h"

namespace engram::test {

class CoreCluster {
 public:
  /// `stores`: what is behind each partition; empty: nothing.
  explicit CoreCluster(std::uint32_t partitions, std::vector<const WarmStore*> stores = {}) {
    for (std::uint32_t i = 0; i < partitions; ++i) {
      CoreOptions options;
      options.self = {static_cast<std::uint16_t>(i)};
      options.partitions = partitions;
      cores_.push_back(std::make_unique<PartitionCore>(options));
      if (Status status = cores_.back()->open(stores.empty() ? nullptr : stores[i]); !status.ok())
        throw std::runtime_error("a core does not open: " + status.message());
    }
    space_.home = home_of_space("default", partitions);
  }

  [[nodiscard]] std::uint32_t partitions() const { return static_cast<std::uint32_t>(cores_.size()); }
  PartitionCore& core(PartitionId partition) { return *cores_.at(partition.value); }
  /// The space that commands and queries work on; at first `default`.
  [[nodiscard]] const SpaceRoute& space() const { return space_; }
  void use(const SpaceRoute& space) { space_ = space; }
  /// Sees every command first: for a log.
  std::function<void(PartitionId, const LoggedCommand&)> before_apply;
  [[nodiscard]] QueryContext context() const { return {space_, partitions(), 0}; }

  /// Applies one command, as it is, to one partition.
  template <typename Fill>
  Effects apply(PartitionId partition, const Fill& fill) {
    capnp::MallocMessageBuilder message;
    auto command = message.initRoot<schema::Command>();
    command.setSpace(space_.id.value);
    fill(command);
    Effects effects;
    PartitionCore& to = core(partition);
    LoggedCommand record{{to.applied().value + 1}, ++now_ns_, CommandBytes::of(message)};
    if (before_apply) before_apply(partition, record);
    to.apply(record, effects);
    return effects;
  }

  /// Runs a batch that may touch several partitions, as a transaction.
  template <typename Fill>
  Outcome batch(const Fill& fill) {
    capnp::MallocMessageBuilder message;
    fill(message.initRoot<schema::Batch>());
    auto batch = message.getRoot<schema::Batch>().asReader();
    std::set<PartitionId> touched = owners_of(batch);
    PartitionId coordinator = *touched.begin();
    if (touched.size() > 1) return transact(batch, touched);
    Effects effects = apply(coordinator, [&](auto command) { command.setBatch(batch); });
    for (const Effect& effect : effects)
      if (effect.kind == Effect::Kind::delete_edges) return delete_vertex(coordinator, effect, batch);
    return reply_of(effects);
  }

  [[nodiscard]] std::optional<VertexId> find(std::string_view key) {
    PartitionId owner = owner_of_key(space_, key, partitions());
    LocalId id;
    if (core(owner).graph().find_key(space_.id, key, id) != Presence::present) return std::nullopt;
    return VertexId::of(owner, id);
  }

 private:
  static Outcome reply_of(const Effects& effects) {
    for (const Effect& effect : effects)
      if (effect.kind == Effect::Kind::reply) return effect.outcome;
    throw std::runtime_error("a command has no reply: it waits for a lock");
  }

  static std::set<std::string> keys_of(schema::Batch::Reader batch) {
    std::set<std::string> keys;
    auto add = [&](capnp::Text::Reader key) { keys.emplace(text_of(key)); };
    auto add_edge = [&](schema::EdgeKey::Reader edge) { add(edge.getSource()), add(edge.getTarget()); };
    for (auto operation : batch.getOperations()) {
      if (operation.isPutVertex()) add(operation.getPutVertex().getKey());
      if (operation.isDeleteVertex()) add(operation.getDeleteVertex().getKey());
      if (operation.isPutEdge()) add_edge(operation.getPutEdge().getEdge());
      if (operation.isDeleteEdge()) add_edge(operation.getDeleteEdge());
    }
    for (auto condition : batch.getPreconditions()) {
      if (condition.getSubject().isVertex()) add(condition.getSubject().getVertex());
      if (condition.getSubject().isEdge()) add_edge(condition.getSubject().getEdge());
    }
    return keys;
  }
  [[nodiscard]] std::set<PartitionId> owners_of(schema::Batch::Reader batch) const {
    std::set<PartitionId> owners;
    for (const std::string& key : keys_of(batch)) owners.insert(owner_of_key(space_, key, partitions()));
    return owners;
  }

  template <typename List>
  static void write_resolved(const ResolvedKeys& resolved, const List& init) {
    resolved.pack(init(static_cast<unsigned>(resolved.size() * ResolvedKeys::entry_bytes)));
  }

  Outcome transact(schema::Batch::Reader batch, const std::set<PartitionId>& touched) {
    PartitionId coordinator = *touched.begin();
    TransactionKey transaction{coordinator, ++transactions_, now_ns_};
    ResolvedKeys resolved;
    for (const std::string& key : keys_of(batch))
      if (auto id = find(key)) resolved.set(ResolvedKeys::name(space_.id, key), *id);
    BatchCounts counts;
    std::vector<PartitionId> prepared;
    for (PartitionId participant : touched) {
      if (participant == coordinator) continue;
      Effects effects = apply(participant, [&](schema::Command::Builder command) {
        auto prepare = command.initPrepare();
        transaction.write(prepare.initTransaction());
        prepare.setBatch(batch);
        write_resolved(resolved, [&](unsigned size) { return prepare.initResolved(size); });
      });
      const Effect& vote = effects.at(0);
      if (!vote.outcome.status.ok()) {
        decide(transaction, prepared, false, {});
        return vote.outcome;
      }
      prepared.push_back(participant);
      resolved.merge(vote.resolved);
      counts.created += vote.counts.created;
      counts.updated += vote.counts.updated;
      counts.deleted += vote.counts.deleted;
    }
    return commit(transaction, prepared, [&](schema::Commit::Builder commit) {
      commit.setBatch(batch);
      write_resolved(resolved, [&](unsigned size) { return commit.initResolved(size); });
      commit.setCreated(counts.created);
      commit.setUpdated(counts.updated);
      commit.setDeleted(counts.deleted);
    });
  }

  template <typename Fill>
  Outcome commit(const TransactionKey& transaction, const std::vector<PartitionId>& participants, const Fill& fill) {
    Effects effects = apply(transaction.coordinator, [&](schema::Command::Builder command) {
      auto commit = command.initCommit();
      transaction.write(commit.initTransaction());
      auto list = commit.initParticipants(static_cast<unsigned>(participants.size()));
      for (unsigned i = 0; i < list.size(); ++i) list.set(i, participants[i].value);
      fill(commit);
    });
    const Effect& decided = effects.at(0);
    decide(transaction, participants, decided.committed, decided.resolved);
    apply(transaction.coordinator,
          [&](schema::Command::Builder command) { transaction.write(command.initForget(1)[0]); });
    return reply_of(effects);
  }

  void decide(const TransactionKey& transaction, const std::vector<PartitionId>& participants, bool committed,
              const ResolvedKeys& resolved) {
    for (PartitionId participant : participants)
      apply(participant, [&](schema::Command::Builder command) {
        auto decide = command.initDecide();
        transaction.write(decide.initTransaction());
        decide.setCommitted(committed);
        write_resolved(resolved, [&](unsigned size) { return decide.initResolved(size); });
      });
  }

  struct FarEntry {
    Side side;
    EdgeSlot slot;
    std::string type;
  };
  /// The vertex is locked: unlinks it in the other partitions, then commits.
  Outcome delete_vertex(PartitionId owner, const Effect& effect, schema::Batch::Reader batch) {
    VertexId vertex = *find(text_of(batch.getOperations()[0].getDeleteVertex().getKey()));
    std::map<PartitionId, std::vector<FarEntry>> far;
    Graph& graph = core(owner).graph();
    for (Side side : {Side::out, Side::in}) {
      EdgeEntry entry;
      for (auto cursor = graph.vertex_with(vertex.local(), side)->edges(side).begin(); cursor.next(entry);)
        if (entry.slot.neighbour.partition() != owner)
          far[entry.slot.neighbour.partition()].push_back(
              {side, entry.slot, std::string(graph.dictionary().name(entry.slot.type))});
    }
    std::vector<PartitionId> participants;
    for (const auto& [participant, entries] : far) {
      participants.push_back(participant);
      apply(participant, [&, list = &entries](schema::Command::Builder command) {
        effect.transaction.write(command.initPrepare().initTransaction());
        auto unlink = command.getPrepare().initUnlink(static_cast<unsigned>(list->size()));
        for (unsigned i = 0; i < unlink.size(); ++i) {
          const FarEntry& entry = (*list)[i];
          unlink[i].setVertex(entry.slot.neighbour.value);
          unlink[i].setNeighbour(vertex.value);
          unlink[i].setType(whole_text(entry.type));
          unlink[i].setRank(entry.slot.rank);
          unlink[i].setIncoming(entry.side == Side::out);
        }
      });
    }
    return commit(effect.transaction, participants,
                  [&](schema::Commit::Builder commit) { commit.setDeleteVertex(effect.lsn.value); });
  }

  std::vector<std::unique_ptr<PartitionCore>> cores_;
  SpaceRoute space_;
  std::int64_t now_ns_ = 1'700'000'000'000'000'000;
  std::uint64_t transactions_ = 0;
};

/// Runs queries over a cluster's cores in a loop. Answers come in a random order, if there is a seed.
class QueryLoop final : public QueryHost {
 public:
  explicit QueryLoop(CoreCluster& cluster, std::uint64_t seed = 0)
      : cluster_(cluster), random_(seed), shuffle_(seed != 0) {}

  Frame run(std::unique_ptr<Query> query) {
    requests = 0;
    reply_ = Frame();
    mail_.clear();
    query->start(*this);
    while (!reply_ && !mail_.empty()) {
      auto next = mail_.begin() + static_cast<std::ptrdiff_t>(shuffle_ ? random_() % mail_.size() : 0);
      Mail mail = std::move(*next);
      mail_.erase(next);
      if (before_answer) before_answer(mail.request.read<schema::Request>());
      ReadOutcome outcome = read(cluster_.core(mail.to), mail.request.read<schema::Request>(), false);
      if (outcome.kind != ReadOutcome::Kind::answered) throw std::runtime_error("a read has to wait");
      query->answered(*this, mail.tag, mail.to, outcome.answer);
    }
    if (!reply_) throw std::runtime_error("the query ended without a reply");
    return reply_;
  }

  void ask(PartitionId partition, Frame request, std::uint64_t tag) override {
    ++requests;
    mail_.push_back({partition, std::move(request), tag});
  }
  void finish(Frame reply) override {
    if (reply_) throw std::runtime_error("a query finished twice");
    reply_ = std::move(reply);
  }
  [[nodiscard]] Status interrupted() const override { return requests >= interrupt_at ? why : Status(); }

  std::size_t requests = 0;                    // of the last query
  std::size_t interrupt_at = ~std::size_t{0};  // from so many requests on the query is interrupted
  Status why{Code::deadline_exceeded, "The time ran out."};
  std::function<void(schema::Request::Reader)> before_answer;  // may change the graph

 private:
  struct Mail {
    PartitionId to;
    Frame request;
    std::uint64_t tag;
  };
  CoreCluster& cluster_;
  std::mt19937_64 random_;
  bool shuffle_;
  Frame reply_;
  std::deque<Mail> mail_;
};

}  // namespace engram::test
