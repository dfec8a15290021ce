#pragma once
// An engine that keeps what it is told in a map, and refuses edges between vertices that it does not have.

#include <deque>
#include <functional>
#include <map>
#include <set>
#include <tuple>

#include <capnp/serialize.h>

#include "client/batch_impl.h"
#include "tools/import/batch_feeder.h"

namespace engram::import::test {

/// Batches are applied in the reverse of the order in which they were sent, as far as the window allows: the worst that
/// an engine may do with batches that are in flight together.
class FakeTarget final : public BatchTarget {
 public:
  using EdgeName = std::tuple<std::string, std::string, std::string, std::int64_t>;

  explicit FakeTarget(std::size_t window = 4) : window_(window) {}
  std::uint16_t partitions = 1;
  std::function<bool(client::Batch&, const client::Outcome&)> on_failure;

  Status add(client::Batch batch) override {
    ++sent;
    waiting_.push_back(std::move(batch));
    return waiting_.size() >= window_ ? flush() : stopped_;
  }

  Status flush() override {
    std::vector<client::Outcome> outcomes(waiting_.size());
    for (std::size_t i = waiting_.size(); i > 0; --i) outcomes[i - 1] = apply(waiting_[i - 1]);
    for (std::size_t i = 0; i < outcomes.size() && stopped_.ok(); ++i) settle(waiting_[i], outcomes[i]);
    waiting_.clear();
    return stopped_;
  }
  [[nodiscard]] const client::LoadTotals& totals() const override { return totals_; }
  CommandBounds command_bounds;
  [[nodiscard]] CommandBounds bounds() const override { return command_bounds; }
  [[nodiscard]] PartitionId owner_of(std::string_view key) const override {
    return {static_cast<std::uint16_t>(checksum64(as_bytes(key)) % partitions)};
  }
  /// Of every batch: the pairs of partitions that its edges lead from and to.
  std::vector<std::set<std::pair<std::uint16_t, std::uint16_t>>> routes;

  std::map<std::string, std::string> vertices;   // key to property "p"
  std::map<EdgeName, double> edges;              // to weight
  std::map<std::string, std::set<std::string>> names;   // of labels and properties, of vertices and of edges by their target
  std::size_t sent = 0;
  Status refuse_all;

 private:
  void settle(client::Batch& batch, const client::Outcome& outcome) {
    if (outcome.committed()) {
      ++totals_.batches;
      totals_.operations += batch.operations();
    } else if (on_failure(batch, outcome)) {
      ++totals_.failed;
    } else {
      stopped_ = outcome.status;
    }
  }

  client::Outcome apply(client::Batch& batch) {
    client::Outcome outcome;
    outcome.fate = client::Fate::failed;
    outcome.status = refuse_all;
    if (!refuse_all.ok()) return outcome;
    auto words = batch.impl().encode({});
    if (words.asBytes().size() > command_bounds.bytes) {
      outcome.status = Status(Code::too_large, "too large", "command");
      return outcome;
    }
    capnp::FlatArrayMessageReader message(words);
    auto operations = message.getRoot<schema::Command>().getBatch().getOperations();
    auto known = vertices;
    for (unsigned i = 0; i < operations.size(); ++i) {
      if (operations[i].isPutVertex()) {
        known[operations[i].getPutVertex().getKey().cStr()] = "";
        continue;
      }
      auto key = operations[i].getPutEdge().getEdge();
      if (operations[i].getPutEdge().getCreateMissing()) continue;
      bool has_source = known.count(key.getSource().cStr()) != 0;
      if (has_source && known.count(key.getTarget().cStr()) != 0) continue;
      outcome.status = Status(Code::unknown_vertex, "There is no vertex with this key.",
                              "operations[" + std::to_string(i) + "].putEdge.edge." + (has_source ? "target" : "source"));
      return outcome;
    }
    routes.emplace_back();
    for (auto operation : operations) put(operation);
    outcome.fate = client::Fate::committed;
    return outcome;
  }

  void put(schema::Operation::Reader operation) {
    if (operation.isPutVertex()) {
      auto& held = vertices[operation.getPutVertex().getKey().cStr()];
      auto& known = names[operation.getPutVertex().getKey().cStr()];
      if (operation.getPutVertex().getReplace()) known.clear();
      for (auto label : operation.getPutVertex().getLabels()) known.insert(label.cStr());
      add_names(operation.getPutVertex().getProperties(), known);
      for (auto property : operation.getPutVertex().getProperties())
        if (property.getValue().isText()) held = property.getValue().getText().cStr();
      return;
    }
    auto put = operation.getPutEdge();
    auto key = put.getEdge();
    routes.back().insert({owner_of(key.getSource().cStr()).value, owner_of(key.getTarget().cStr()).value});
    EdgeName name{key.getSource().cStr(), key.getType().cStr(), key.getTarget().cStr(), key.getRank()};
    if (!put.getKeepWeight() || edges.count(name) == 0) edges[name] = put.getWeight();
    add_names(put.getProperties(), names[key.getTarget().cStr()]);
  }

  static void add_names(capnp::List<schema::Property>::Reader properties, std::set<std::string>& known) {
    for (auto property : properties) known.insert(property.getName().cStr());
  }

  std::size_t window_;
  std::deque<client::Batch> waiting_;
  client::LoadTotals totals_;
  Status stopped_;
};

}  // namespace engram::import::test
