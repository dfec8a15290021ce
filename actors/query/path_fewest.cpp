// The path of fewest edges: breadth-first from both ends, level by level, always on the side with the smaller frontier.
//
// When a level meets the other side, all vertices where it does lie on paths of the same, least length. Among equal
// paths the one is taken whose meeting vertex, and from there whose next vertex towards either end, has the smallest
// id.

#include <algorithm>

#include <absl/container/flat_hash_map.h>

#include "actors/query/path.h"

namespace engram {
namespace {

class FewestEdges final : public PathQuery {
 public:
  using PathQuery::PathQuery;

 private:
  struct Reached {
    std::uint64_t from = 0;  // the vertex before it, on the way to this side's end
    std::uint32_t depth = 0;
  };
  struct Side {
    bool backward = false;
    bool usable = true;
    std::uint32_t depth = 0;
    Frontier frontier;
    std::vector<std::uint64_t> next;
    absl::flat_hash_map<std::uint64_t, Reached> reached;

    void begin(std::uint64_t end) {
      depth = 0;
      frontier = Frontier({end});
      next.clear();
      reached.clear();
      reached[end] = {end, 0};
    }
  };

  [[nodiscard]] Held held() const override {
    std::size_t reached = forward_.reached.size() + backward_.reached.size();
    std::size_t next = forward_.next.size() + backward_.next.size();
    return {reached * 2 * (sizeof(std::uint64_t) + sizeof(Reached)) + next * sizeof(std::uint64_t), reached};
  }

  void search(QueryHost& host) override {
    forward_.backward = false;
    backward_.backward = true;
    forward_.begin(source_);
    backward_.begin(target_);
    if (forward_only()) {
      forward_.usable = request_->getDirection() == schema::Direction::OUT;
      backward_.usable = !forward_.usable;
    }
    next_level(host);
  }

  void next_level(QueryHost& host) {
    bool nowhere = (forward_.usable && forward_.frontier.empty()) || (backward_.usable && backward_.frontier.empty());
    if (nowhere || forward_.depth + backward_.depth >= request_->getMaxHops())
      return not_found(host, schema::Limit::NONE);
    bool back =
        backward_.usable && (!forward_.usable || backward_.frontier.ids().size() < forward_.frontier.ids().size());
    side_ = back ? &backward_ : &forward_;
    other_ = back ? &forward_ : &backward_;
    meetings_.clear();
    ask_wave(host);
  }

  void ask_wave(QueryHost& host) {
    parts_ = side_->frontier.next_wave();
    if (parts_.empty()) return level_over(host);
    HopShape hop = shape(side_->backward);
    if (side_->depth > 0) hop.admit = request_->getVertices();  // the ends themselves need not pass
    for (const Frontier::Part& part : parts_) ask_hop(part.ids, hop);
    gather(host, [this](QueryHost& to) {
      for (std::size_t i = 0; i < parts_.size(); ++i) read_rows(parts_[i], answer(i).getHop());
      if (forward_.reached.size() + backward_.reached.size() > request_->getMaxVisited())
        return not_found(to, schema::Limit::VISITED);
      ask_wave(to);
    });
  }

  void read_rows(const Frontier::Part& part, schema::HopAnswer::Reader hop) {
    auto ends = hop.getEnds();
    auto neighbours = hop.getNeighbours();
    unsigned at = 0;
    for (unsigned row = 0; row < part.ids.size(); ++row)
      for (; at < ends[row]; ++at) reach(neighbours[at], part.ids[row]);
  }

  void reach(std::uint64_t id, std::uint64_t from) {
    auto [found, added] = side_->reached.try_emplace(id, Reached{from, side_->depth + 1});
    if (added) {
      side_->next.push_back(id);
      if (other_->reached.contains(id)) meetings_.push_back(id);
    } else if (found->second.depth == side_->depth + 1) {
      found->second.from = std::min(found->second.from, from);
    }
  }

  void level_over(QueryHost& host) {
    ++side_->depth;
    side_->frontier = Frontier(std::exchange(side_->next, {}));
    sort_ids(meetings_);
    if (meetings_.empty()) return next_level(host);
    if (!filtered() || is_end(meetings_.front())) return meet(host, meetings_.front());
    // The meeting vertices are at the edge of what both sides know: no one has checked them yet.
    HopShape check;
    check.expand = false;
    check.admit = request_->getVertices();
    meeting_frontier_ = Frontier(meetings_);
    parts_.clear();
    for (auto wave = meeting_frontier_.next_wave(); !wave.empty(); wave = meeting_frontier_.next_wave())
      for (const Frontier::Part& part : wave) {
        ask_hop(part.ids, check);
        parts_.push_back(part);
      }
    gather(host, [this](QueryHost& to) { meetings_checked(to); });
  }

  void meetings_checked(QueryHost& host) {
    std::uint64_t least = ~std::uint64_t{0};
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      auto admitted = answer(i).getHop().getAdmitted();
      for (unsigned at = 0; at < admitted.size(); ++at)
        if (admitted[at] || is_end(parts_[i].ids[at])) least = std::min(least, parts_[i].ids[at]);
    }
    return least == ~std::uint64_t{0} ? next_level(host) : meet(host, least);
  }

  void meet(QueryHost& host, std::uint64_t at) {
    std::vector<std::uint64_t> path;
    for (std::uint64_t id = at; id != source_; id = forward_.reached[id].from) path.push_back(id);
    path.push_back(source_);
    std::reverse(path.begin(), path.end());
    for (std::uint64_t id = at; id != target_;) path.push_back(id = backward_.reached[id].from);
    auto edges = static_cast<double>(path.size() - 1);
    found(host, std::move(path), edges);
  }

  Side forward_, backward_;
  Side* side_ = nullptr;  // whose level is being found
  Side* other_ = nullptr;
  std::vector<Frontier::Part> parts_;    // asked in this round
  std::vector<std::uint64_t> meetings_;  // of this level
  Frontier meeting_frontier_;
};

}  // namespace

std::unique_ptr<Query> make_fewest_edges(const QueryContext& context, schema::PathRequest::Reader request) {
  return std::make_unique<FewestEdges>(context, request);
}

}  // namespace engram
