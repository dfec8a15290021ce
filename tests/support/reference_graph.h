#pragma once
// A graph and its algorithms, as plainly as they can be written: what the engine's answers are compared with.
// Vertices are named by their keys, and everything is looked for by walking over all edges.

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

namespace engram::test {

enum class Way { out, in, both };
enum class Share { none, weight_sum, fan_out };

using Numbers = std::map<std::string, std::int64_t>;  // properties

struct ReferenceVertex {
  std::set<std::string> labels;
  Numbers properties;
};

struct ReferenceEdge {
  std::string source, type, target;
  std::int64_t rank = 0;
  double weight = 1.0;
  Numbers properties;
};

struct AtLeast {  // a condition on a property
  std::string name;
  std::int64_t least = 0;
  [[nodiscard]] bool admits(const Numbers& properties) const {
    auto found = properties.find(name);
    return found != properties.end() && found->second >= least;
  }
};

struct VertexCondition {
  std::set<std::string> labels;
  std::optional<AtLeast> property;
  [[nodiscard]] bool empty() const { return labels.empty() && !property; }
  [[nodiscard]] bool admits(const ReferenceVertex& vertex) const {
    return std::includes(vertex.labels.begin(), vertex.labels.end(), labels.begin(), labels.end()) &&
           (!property || property->admits(vertex.properties));
  }
};

struct EdgeCondition {
  std::set<std::string> types;
  double min_weight = -std::numeric_limits<double>::infinity();
  std::optional<AtLeast> property;
  [[nodiscard]] bool admits(const ReferenceEdge& edge) const {
    return (types.empty() || types.contains(edge.type)) && edge.weight >= min_weight &&
           (!property || property->admits(edge.properties));
  }
};

struct ReferenceHop {
  Way way = Way::out;
  EdgeCondition edges;
  VertexCondition vertices;
};

struct ReferenceRecall {
  std::vector<std::pair<std::string, double>> seeds;
  double decay = 0.5;
  double threshold = 0.001;
  std::uint32_t max_hops = 3;
  std::size_t top = 20;
  Share share = Share::none;
  bool include_seeds = false;
  std::size_t max_visited = 1'000'000;
  ReferenceHop hop;
};

struct ReferenceHit {
  std::string key;
  std::uint64_t activation = 0;
  std::vector<std::string> path;
  bool operator==(const ReferenceHit&) const = default;
};

class ReferenceGraph {
 public:
  std::map<std::string, ReferenceVertex> vertices;
  std::map<std::tuple<std::string, std::string, std::string, std::int64_t>, ReferenceEdge> edges;

  void put(const ReferenceEdge& edge) { edges[{edge.source, edge.type, edge.target, edge.rank}] = edge; }

  struct Step {
    std::string to;
    const ReferenceEdge* edge;
  };
  [[nodiscard]] std::vector<Step> steps(const std::string& from, Way way, const EdgeCondition& condition) const {
    std::vector<Step> steps;
    auto look_at = [&](const ReferenceEdge& edge) {
      if (!condition.admits(edge)) return;
      if (way != Way::in && edge.source == from) steps.push_back({edge.target, &edge});
      if (way != Way::out && edge.target == from) steps.push_back({edge.source, &edge});
    };
    if (edges_at_.empty()) {
      for (const auto& [slot, edge] : edges) look_at(edge);
    } else if (auto found = edges_at_.find(from); found != edges_at_.end()) {
      for (const ReferenceEdge* edge : found->second) look_at(*edge);
    }
    return steps;
  }
  /// For large graphs: from now on `steps` looks at the vertex's own edges alone. The graph may not be changed or copied
  /// any more.
  void index_edges() {
    for (const auto& [slot, edge] : edges) {
      edges_at_[edge.source].push_back(&edge);
      if (edge.target != edge.source) edges_at_[edge.target].push_back(&edge);
    }
  }

  /// levels[d]: the distinct vertices whose least depth is d.
  [[nodiscard]] std::vector<std::set<std::string>> expand(const std::vector<std::string>& seeds,
                                                          const std::vector<ReferenceHop>& hops) const {
    std::vector<std::set<std::string>> levels{{seeds.begin(), seeds.end()}};
    std::set<std::string> seen = levels[0];
    for (const ReferenceHop& hop : hops) {
      std::set<std::string> next;
      for (const std::string& from : levels.back())
        for (const Step& step : steps(from, hop.way, hop.edges))
          if (!seen.contains(step.to) && hop.vertices.admits(vertices.at(step.to))) next.insert(step.to);
      seen.insert(next.begin(), next.end());
      levels.push_back(std::move(next));
    }
    return levels;
  }

  /// The least sum of costs; vertices between have to pass. `cost_of` gives NaN for an edge that is not to be used.
  /// `negative`: whether a negative edge leads away from a vertex that is nearer than the target.
  template <typename CostOf>
  [[nodiscard]] std::optional<double> cheapest(const std::string& source, const std::string& target,
                                               const ReferenceHop& hop, const CostOf& cost_of, bool& negative) const {
    std::map<std::string, double> cost{{source, 0.0}};
    auto may_pass = [&](const std::string& key) { return key == source || hop.vertices.admits(vertices.at(key)); };
    for (bool changed = true; changed;) {  // Bellman and Ford: until nothing improves
      changed = false;
      for (const auto& [key, vertex] : vertices) {
        if (!cost.contains(key) || key == target || !may_pass(key)) continue;
        for (const Step& step : steps(key, hop.way, hop.edges)) {
          double sum = cost[key] + cost_of(*step.edge);
          if (std::isnan(sum) || cost_of(*step.edge) < 0) continue;
          if (cost.contains(step.to) && cost[step.to] <= sum) continue;
          cost[step.to] = sum;
          changed = true;
        }
      }
    }
    negative = false;
    for (const auto& [key, sum] : cost) {
      if (key == target || !may_pass(key) || (cost.contains(target) && sum >= cost[target])) continue;
      for (const Step& step : steps(key, hop.way, hop.edges)) negative = negative || cost_of(*step.edge) < 0;
    }
    if (!cost.contains(target)) return std::nullopt;
    return cost[target];
  }

  /// The least sums of costs of all that can be reached, by Dijkstra, for large graphs: no cost may be negative. `cost_of`
  /// as above.
  template <typename CostOf>
  [[nodiscard]] std::map<std::string, double> cheapest_from(const std::string& source, const ReferenceHop& hop,
                                                            const CostOf& cost_of) const {
    std::map<std::string, double> cost{{source, 0.0}};
    std::set<std::pair<double, std::string>> open{{0.0, source}};
    while (!open.empty()) {
      auto [sum, from] = *open.begin();
      open.erase(open.begin());
      if (from != source && !hop.vertices.admits(vertices.at(from))) continue;
      for (const Step& step : steps(from, hop.way, hop.edges)) {
        double further = sum + cost_of(*step.edge);
        auto known = cost.find(step.to);
        if (std::isnan(further) || (known != cost.end() && known->second <= further)) continue;
        if (known != cost.end()) open.erase({known->second, step.to});
        cost[step.to] = further;
        open.insert({further, step.to});
      }
    }
    return cost;
  }

  struct Recalled {
    std::vector<ReferenceHit> hits;
    std::size_t visited = 0;
    bool exceeded = false;
  };
  [[nodiscard]] Recalled recall(const ReferenceRecall& request) const;

 private:
  static constexpr std::uint64_t one = std::uint64_t{1} << 62;
  __extension__ using Wide = unsigned __int128;  // no sum here is cut off before its end
  struct Received {
    Wide sum = 0;
    std::map<std::string, std::uint64_t> best_from;  // the greatest single contribution of each source
  };
  using Round = std::map<std::string, Received>;
  struct Spread {
    std::map<std::string, std::uint64_t> seeds, activation;
    std::vector<Round> rounds;  // only what made a vertex grow
  };
  [[nodiscard]] Round pass_on(const std::map<std::string, std::uint64_t>& fresh, const ReferenceRecall& request) const;
  static std::pair<std::string, std::uint64_t> greatest(const Received& received);
  static std::vector<std::string> path_to(const Spread& spread, const std::string& key);

  std::map<std::string, std::vector<const ReferenceEdge*>> edges_at_;  // by either end, in the order of `edges`
};

inline ReferenceGraph::Round ReferenceGraph::pass_on(const std::map<std::string, std::uint64_t>& fresh,
                                                     const ReferenceRecall& request) const {
  Round round;
  auto threshold = static_cast<std::uint64_t>(std::nearbyint(request.threshold * 0x1p62));
  for (const auto& [source, amount] : fresh) {
    if (amount == 0 || amount < threshold) continue;
    std::vector<double> weights;
    for (const Step& step : steps(source, request.hop.way, request.hop.edges))
      if (step.edge->weight >= 0) weights.push_back(step.edge->weight);
    std::sort(weights.begin(), weights.end());
    double divisor = 0;
    for (double weight : weights) divisor += weight;
    if (request.share == Share::none) divisor = 1;
    if (request.share == Share::fan_out) divisor = static_cast<double>(weights.size());
    for (const Step& step : steps(source, request.hop.way, request.hop.edges)) {
      if (step.edge->weight <= 0 || !request.hop.vertices.admits(vertices.at(step.to))) continue;
      double product = static_cast<double>(amount) * (step.edge->weight / divisor) * request.decay;
      auto part = product >= 0x1p62 ? one : static_cast<std::uint64_t>(std::nearbyint(product));
      if (part == 0) continue;
      Received& received = round[step.to];
      received.sum += part;
      received.best_from[source] = std::max(received.best_from[source], part);
    }
  }
  return round;
}

inline std::pair<std::string, std::uint64_t> ReferenceGraph::greatest(const Received& received) {
  std::pair<std::string, std::uint64_t> best;
  for (const auto& [source, part] : received.best_from)
    if (part > best.second) best = {source, part};  // the smallest key of equals: the map is sorted
  return best;
}

inline std::vector<std::string> ReferenceGraph::path_to(const Spread& spread, const std::string& key) {
  std::vector<std::string> path{key};
  std::size_t round = 0;
  std::uint64_t most = spread.seeds.contains(key) ? spread.seeds.at(key) : 0;
  for (std::size_t i = 1; i < spread.rounds.size(); ++i) {
    auto found = spread.rounds[i].find(key);
    if (found == spread.rounds[i].end() || greatest(found->second).second <= most) continue;
    most = greatest(found->second).second;
    round = i;
  }
  for (; round > 0; --round) path.push_back(greatest(spread.rounds[round].at(path.back())).first);
  std::reverse(path.begin(), path.end());
  return path;
}

inline ReferenceGraph::Recalled ReferenceGraph::recall(const ReferenceRecall& request) const {
  Recalled result;
  Spread spread;
  for (const auto& [key, activation] : request.seeds)
    spread.seeds[key] =
        std::min(one, spread.seeds[key] + static_cast<std::uint64_t>(std::nearbyint(activation * 0x1p62)));
  spread.activation = spread.seeds;
  spread.rounds.emplace_back();
  std::map<std::string, std::uint64_t> fresh = spread.seeds;
  for (std::uint32_t hop = 0; hop < request.max_hops; ++hop) {
    Round round = pass_on(fresh, request);
    std::size_t known = spread.activation.size();
    std::set<std::string> all;
    for (const auto& [key, received] : round) all.insert(key);
    for (const auto& [key, activation] : spread.activation) all.insert(key);
    if (all.size() > known && all.size() > request.max_visited) {
      result.exceeded = true;
      break;
    }
    fresh.clear();
    for (auto received = round.begin(); received != round.end();) {
      std::uint64_t& activation = spread.activation[received->first];
      auto more = static_cast<std::uint64_t>(std::min<Wide>(received->second.sum, one - activation));
      activation += more;
      fresh[received->first] = more;
      received = more == 0 ? round.erase(received) : std::next(received);
    }
    spread.rounds.push_back(std::move(round));
  }
  for (const auto& [key, activation] : spread.activation) {
    if (activation == 0) continue;
    ++result.visited;
    if (request.include_seeds || !spread.seeds.contains(key))
      result.hits.push_back({key, activation, path_to(spread, key)});
  }
  std::stable_sort(result.hits.begin(), result.hits.end(),
                   [](const auto& left, const auto& right) { return left.activation > right.activation; });
  if (result.hits.size() > request.top) result.hits.resize(request.top);
  return result;
}

}  // namespace engram::test
