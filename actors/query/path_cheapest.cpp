// The path of least cost: Dijkstra's search, with many vertices a round.
//
// A round takes the vertices that are nearest by what is known so far, more of them from round to round. Some may be
// taken before their cost is final; when it improves they are taken again, and the search ends only when nothing that
// is left could improve the target: the answer is exact, whatever the batches were. A vertex is labelled with (cost,
// edges): among equally cheap paths the one of fewest edges wins, then, from the end of the search backward, the
// smaller id. Edges count, so that circles of cost 0 cannot close. A negative edge is an error if it leads away from a
// vertex that is nearer to where the search began than its end is.

#include <algorithm>
#include <cmath>
#include <queue>

#include <absl/container/flat_hash_map.h>

#include "actors/query/path.h"

namespace engram {
namespace {

class LeastCost final : public PathQuery {
 public:
  using PathQuery::PathQuery;

 private:
  static constexpr std::size_t max_batch = 4096;

  struct Rank {
    double cost = 0;
    std::uint32_t edges = 0;
    auto operator<=>(const Rank&) const = default;
  };
  struct Label {
    Rank rank;
    std::uint64_t from = 0;
    bool refused = false;
  };
  struct Queued {
    Rank rank;
    std::uint64_t id = 0;
    auto operator<=>(const Queued&) const = default;
  };

  [[nodiscard]] Held held() const override {
    return {labels_.size() * 2 * (sizeof(std::uint64_t) + sizeof(Label)) + queue_.size() * sizeof(Queued), labels_.size()};
  }

  void search(QueryHost& host) override {
    // A property is known at an edge's source only: against direction `in` the search follows the edges, from the
    // target.
    backward_ = forward_only() && request_->getDirection() == schema::Direction::IN;
    begin_ = backward_ ? target_ : source_;
    end_ = backward_ ? source_ : target_;
    labels_.clear();
    queue_ = {};
    negative_.reset();
    batch_ = 1;
    labels_[begin_] = {{0, 0}, begin_, false};
    queue_.push({{0, 0}, begin_});
    ask_batch(host);
  }

  /// The nearest vertices that are still open and could improve the path to the end.
  std::vector<std::uint64_t> take_batch() {
    std::vector<std::uint64_t> ids;
    while (!queue_.empty() && ids.size() < batch_) {
      Queued next = queue_.top();
      auto end = labels_.find(end_);
      if (end != labels_.end() && next.rank >= end->second.rank) break;
      queue_.pop();
      const Label& label = labels_[next.id];
      if (label.rank == next.rank && !label.refused) ids.push_back(next.id);
    }
    return ids;
  }

  void ask_batch(QueryHost& host) {
    std::vector<std::uint64_t> ids = take_batch();
    if (ids.empty()) return search_over(host);
    batch_ = std::min(batch_ * 2, max_batch);
    HopShape hop = shape(backward_);
    if (ids.front() != begin_) hop.admit = request_->getVertices();  // the first batch is the begin alone
    frontier_ = Frontier(std::move(ids));
    parts_ = frontier_.next_wave();
    for (const Frontier::Part& part : parts_) ask_hop(part.ids, hop);
    gather(host, [this](QueryHost& to) {
      for (std::size_t i = 0; i < parts_.size(); ++i) read_rows(parts_[i], answer(i).getHop());
      if (labels_.size() > request_->getMaxVisited()) return not_found(to, schema::Limit::VISITED);
      ask_batch(to);
    });
  }

  void read_rows(const Frontier::Part& part, schema::HopAnswer::Reader hop) {
    auto ends = hop.getEnds();
    auto neighbours = hop.getNeighbours();
    auto costs = hop.getNumbers();
    auto admitted = hop.getAdmitted();
    unsigned at = 0;
    for (unsigned row = 0; row < part.ids.size(); ++row) {
      std::uint64_t id = part.ids[row];
      if (row < admitted.size() && !admitted[row]) labels_[id].refused = true;
      Rank rank = labels_[id].rank;  // it may have improved since it was asked for: the better
      for (; at < ends[row]; ++at) relax(neighbours[at], id, rank, costs[at]);
    }
  }

  void relax(std::uint64_t id, std::uint64_t from, Rank before, double cost) {
    if (std::isnan(cost)) return;
    if (cost < 0) {
      negative_ = negative_ ? std::min(*negative_, before.cost) : before.cost;
      return;
    }
    Rank rank{before.cost + cost, before.edges + 1};
    auto [found, added] = labels_.try_emplace(id, Label{rank, from, false});
    Label& label = found->second;
    if (!added && rank == label.rank) label.from = std::min(label.from, from);
    if (!added && rank >= label.rank) return;
    label.rank = rank;
    label.from = from;
    if (!label.refused) queue_.push({rank, id});
  }

  void search_over(QueryHost& host) {
    auto end = labels_.find(end_);
    // Edges that are farther than the target are not on the way; every nearer one was seen, so this is no chance.
    if (negative_ && (end == labels_.end() || *negative_ < end->second.rank.cost))
      return fail(host,
                  {Code::invalid_argument,
                   "An edge on the way has a negative cost, and a least sum is defined for costs of 0 and more only; "
                   "filter such edges out.",
                   request_->getCost().isWeight() ? "cost.weight" : "cost.property"});
    if (end == labels_.end()) return not_found(host, schema::Limit::NONE);
    std::vector<std::uint64_t> path{end_};
    while (path.back() != begin_) path.push_back(labels_[path.back()].from);
    if (!backward_) std::reverse(path.begin(), path.end());
    found(host, std::move(path), end->second.rank.cost);
  }

  bool backward_ = false;
  std::uint64_t begin_ = 0;
  std::uint64_t end_ = 0;
  absl::flat_hash_map<std::uint64_t, Label> labels_;
  std::priority_queue<Queued, std::vector<Queued>, std::greater<>> queue_;
  std::optional<double> negative_;  // the least cost of a vertex from which a negative edge leads away
  std::size_t batch_ = 1;
  Frontier frontier_;
  std::vector<Frontier::Part> parts_;
};

}  // namespace

std::unique_ptr<Query> make_least_cost(const QueryContext& context, schema::PathRequest::Reader request) {
  return std::make_unique<LeastCost>(context, request);
}

}  // namespace engram
