// Recall: runs the rounds of spreading activation over the partitions, then finds the top vertices and their paths.
// activation.h has the arithmetic; docs/recall.md states the rule.

#include <algorithm>

#include "actors/query/activation.h"
#include "actors/query/recall_paths.h"
#include "actors/query/round_query.h"

namespace engram {
namespace {

class RecallQuery final : public ReplyQuery<schema::RecallReply> {
 public:
  RecallQuery(const QueryContext& context, schema::RecallRequest::Reader request)
      : ReplyQuery(context),
        request_(request),
        filtered_(!is_empty(request_->getVertices())),
        activation_(request_->getDecay(), request_->getThreshold(), request_->getNormalise(),
                    request_->getMaxVisited()) {}

  void start(QueryHost& host) override {
    std::vector<schema::VertexRef::Reader> seeds;
    for (auto seed : request_->getSeeds()) seeds.push_back(seed.getVertex());
    if (Status status = ask_seeds(seeds, shape(true, false), "seeds", seeds_asked_); !status.ok())
      return fail(host, status);
    gather(host, [this](QueryHost& to) { seeds_answered(to); });
  }

 private:
  using Slot = Activation::Slot;

  [[nodiscard]] HopShape shape(bool expand, bool check) const {
    HopShape shape;
    shape.direction = request_->getDirection();
    shape.edges = request_->getEdges();
    shape.expand = expand;
    shape.payload = schema::HopRequest::Payload::WEIGHTS;
    if (check) shape.admit = request_->getVertices();
    return shape;
  }

  // --- rounds ---

  void seeds_answered(QueryHost& host) {
    // All seeds first: one that is named twice passes on its whole activation, once.
    for (std::size_t i = 0; i < answers(); ++i) {
      auto ids = answer(i).getHop().getIds();
      for (unsigned at = 0; at < ids.size(); ++at)
        activation_.add_seed(ids[at], to_fixed(request_->getSeeds()[seeds_asked_[i][at]].getActivation()));
    }
    std::vector<bool> done(activation_.vertices().size());
    for (std::size_t i = 0; i < answers(); ++i) {
      auto ids = answer(i).getHop().getIds();
      for (unsigned at = 0; at < ids.size(); ++at) {
        Slot slot = activation_.slot_of(ids[at]);
        if (!done[slot]) pass_on(slot, answer(i).getHop(), at);
        done[slot] = true;
      }
    }
    round_over(host);
  }

  void pass_on(Slot slot, schema::HopAnswer::Reader hop, unsigned row) {
    auto ends = hop.getEnds();
    auto neighbours = hop.getNeighbours();
    auto weights = hop.getNumbers();
    targets_.clear();
    weights_.clear();
    for (unsigned at = row == 0 ? 0 : ends[row - 1]; at < ends[row]; ++at) {
      targets_.push_back(neighbours[at]);
      weights_.push_back(weights[at]);
    }
    activation_.pass_on(slot, targets_, weights_);
  }

  void round_over(QueryHost& host) {
    bool whole = activation_.end_round();
    if (!whole) exceeded_ = schema::Limit::VISITED;
    frontier_ = Frontier();
    if (whole && activation_.rounds() < request_->getMaxHops()) frontier_ = Frontier(activation_.frontier());
    if (!frontier_.empty()) return ask_wave(host);
    if (!filtered_) return select(host);
    frontier_ = Frontier(activation_.unchecked());
    check_wave(host);
  }

  void ask_wave(QueryHost& host) {
    parts_ = frontier_.next_wave();
    if (parts_.empty()) return round_over(host);
    for (const Frontier::Part& part : parts_) ask_hop(part.ids, shape(true, filtered_));
    gather(host, [this](QueryHost& to) {
      read_admitted();  // before anything is passed on to a vertex that is not admitted
      for (std::size_t i = 0; i < parts_.size(); ++i)
        for (unsigned row = 0; row < parts_[i].ids.size(); ++row)
          pass_on(activation_.slot_of(parts_[i].ids[row]), answer(i).getHop(), row);
      ask_wave(to);
    });
  }

  /// What was received last, or not enough to be passed on, was not checked along with a hop.
  void check_wave(QueryHost& host) {
    parts_ = frontier_.next_wave();
    if (parts_.empty()) return select(host);
    for (const Frontier::Part& part : parts_) ask_hop(part.ids, shape(false, true));
    gather(host, [this](QueryHost& to) {
      read_admitted();
      check_wave(to);
    });
  }

  void read_admitted() {
    for (std::size_t i = 0; i < parts_.size(); ++i) {
      auto admitted = answer(i).getHop().getAdmitted();
      for (unsigned row = 0; row < admitted.size() && row < parts_[i].ids.size(); ++row) {
        Slot slot = activation_.slot_of(parts_[i].ids[row]);
        if (activation_.vertices()[slot].checked) continue;
        admitted[row] ? activation_.admit(slot) : activation_.refuse(slot);
      }
    }
  }

  [[nodiscard]] Held held() const override { return {activation_.bytes(), activation_.vertices().size()}; }

  // --- the top ---

  void select(QueryHost& host) {
    std::vector<Slot> candidates;
    for (Slot slot = 0; slot < activation_.vertices().size(); ++slot) {
      const Activation::Vertex& vertex = activation_.vertices()[slot];
      if (vertex.activation == 0) continue;
      ++visited_;
      if (!vertex.seed || request_->getIncludeSeeds()) candidates.push_back(slot);
    }
    std::size_t top = request_->getTop();
    if (candidates.size() <= top) {
      chosen_ = std::move(candidates);
      return fetch(host);
    }
    auto more = [&](Slot left, Slot right) { return activation_of(left) > activation_of(right); };
    std::nth_element(candidates.begin(), candidates.begin() + static_cast<std::ptrdiff_t>(top - 1), candidates.end(),
                     more);
    std::uint64_t least = activation_of(candidates[top - 1]);
    for (Slot slot : candidates) {
      if (activation_of(slot) > least) chosen_.push_back(slot);
      if (activation_of(slot) == least) tied_.push_back(slot);
    }
    if (chosen_.size() + tied_.size() == top) {
      chosen_.insert(chosen_.end(), tied_.begin(), tied_.end());
      return fetch(host);
    }
    // More vertices are level than there are places left: their keys decide.
    tie_fetch_ = ask_vertices(ids_of(tied_), nullptr);
    gather(host, [this](QueryHost& to) {
      read_vertices(tie_fetch_, tied_.size());
      break_tie();
      fetch(to);
    });
  }

  void break_tie() {
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < tied_.size(); ++i)
      if (tie_fetch_.vertices[i].getFound()) order.push_back(i);
    std::size_t places = std::min(request_->getTop() - chosen_.size(), order.size());
    std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(places), order.end(),
                      [&](std::size_t left, std::size_t right) {
                        return text_of(tie_fetch_.vertices[left].getKey()) <
                               text_of(tie_fetch_.vertices[right].getKey());
                      });
    for (std::size_t i = 0; i < places; ++i) chosen_.push_back(tied_[order[i]]);
    tie_fetch_ = {};
  }

  /// The hits as they are asked for, and the keys of everything that may be on their paths, in one round.
  void fetch(QueryHost& host) {
    on_paths_ = vertices_on_paths(activation_, chosen_);
    auto projection = request_->getProjection();
    hit_fetch_ = ask_vertices(ids_of(chosen_), &projection);
    path_fetch_ = ask_vertices(ids_of(on_paths_), nullptr);
    gather(host, [this](QueryHost& to) {
      read_vertices(hit_fetch_, chosen_.size());
      read_vertices(path_fetch_, on_paths_.size());
      reply(to);
    });
  }

  void reply(QueryHost& host) {
    KeysOfSlots keys;
    for (std::size_t i = 0; i < on_paths_.size(); ++i) keys[on_paths_[i]] = text_of(path_fetch_.vertices[i].getKey());
    std::vector<std::size_t> order;
    for (std::size_t i = 0; i < chosen_.size(); ++i)
      if (hit_fetch_.vertices[i].getFound()) order.push_back(i);
    std::sort(order.begin(), order.end(), [&](std::size_t left, std::size_t right) {
      std::uint64_t left_activation = activation_of(chosen_[left]), right_activation = activation_of(chosen_[right]);
      if (left_activation != right_activation) return left_activation > right_activation;
      return text_of(hit_fetch_.vertices[left].getKey()) < text_of(hit_fetch_.vertices[right].getKey());
    });
    finish(host, Frame::build<schema::RecallReply>([&](schema::RecallReply::Builder builder) {
             builder.setExceeded(exceeded_);
             builder.setVisited(visited_);
             auto hits = builder.initHits(static_cast<unsigned>(order.size()));
             for (unsigned i = 0; i < hits.size(); ++i) fill_hit(hits[i], order[i], keys);
           }));
  }

  void fill_hit(schema::RecallHit::Builder hit, std::size_t number, const KeysOfSlots& keys) {
    hit.setVertex(hit_fetch_.vertices[number]);
    hit.setActivationFixed(activation_of(chosen_[number]));
    hit.setActivation(from_fixed(activation_of(chosen_[number])));
    std::vector<Slot> path = path_to(activation_, chosen_[number], keys);
    auto ids = hit.initPath(static_cast<unsigned>(path.size()));
    for (unsigned i = 0; i < ids.size(); ++i) ids.set(i, activation_.vertices()[path[i]].id);
    if (!request_->getProjection().getKeys()) return;
    auto names = hit.initPathKeys(static_cast<unsigned>(path.size()));
    for (unsigned i = 0; i < names.size(); ++i) {
      std::string_view key = keys.at(path[i]);
      names.set(i, {key.data(), key.size()});
    }
  }

  [[nodiscard]] std::uint64_t activation_of(Slot slot) const { return activation_.vertices()[slot].activation; }
  [[nodiscard]] std::vector<std::uint64_t> ids_of(const std::vector<Slot>& slots) const {
    std::vector<std::uint64_t> ids;
    ids.reserve(slots.size());
    for (Slot slot : slots) ids.push_back(activation_.vertices()[slot].id);
    return ids;
  }

  RequestCopy<schema::RecallRequest> request_;
  const bool filtered_;
  Activation activation_;
  Positions seeds_asked_;  // of each request: which seeds
  Frontier frontier_;
  std::vector<Frontier::Part> parts_;   // of frontier_, asked in this round
  std::vector<std::uint64_t> targets_;  // of the row that is passed along
  std::vector<double> weights_;
  schema::Limit exceeded_ = schema::Limit::NONE;
  std::uint32_t visited_ = 0;
  std::vector<Slot> chosen_, tied_, on_paths_;
  VertexFetch tie_fetch_, hit_fetch_, path_fetch_;
};

}  // namespace

std::unique_ptr<Query> make_recall(const QueryContext& context, schema::RecallRequest::Reader request) {
  return std::make_unique<RecallQuery>(context, request);
}

}  // namespace engram
