#include "tests/history/cycles.h"

#include <algorithm>
#include <deque>
#include <limits>

namespace engram::history {
namespace {

constexpr auto none = std::numeric_limits<std::size_t>::max();
constexpr std::size_t max_starts = 200;  // of a large knot, from how many of its nodes a short cycle is looked for

}  // namespace

void OrderGraph::add(std::size_t before, std::size_t after, Why why) {
  if (before == after) return;
  if (after_.size() <= std::max(before, after)) after_.resize(std::max(before, after) + 1);
  after_[before].push_back({after, why});
}

/// Tarjan's strongly connected components, with a stack of its own: histories are longer than a thread's stack is deep.
std::vector<std::uint32_t> OrderGraph::components() const {
  constexpr std::uint32_t unseen = 0;
  std::size_t count = after_.size();
  std::vector<std::uint32_t> index(count, unseen), low(count, 0), component(count, 0);
  std::vector<std::size_t> open;  // Tarjan's stack
  std::vector<bool> is_open(count, false);
  struct Visit {
    std::size_t node;
    std::size_t next_edge;
  };
  std::vector<Visit> visits;
  std::uint32_t last_index = unseen, last_component = 0;
  auto enter = [&](std::size_t node) {
    index[node] = low[node] = ++last_index;
    open.push_back(node);
    is_open[node] = true;
    visits.push_back({node, 0});
  };
  for (std::size_t root = 0; root < count; ++root) {
    if (index[root] != unseen) continue;
    enter(root);
    while (!visits.empty()) {
      auto& [node, next_edge] = visits.back();
      if (next_edge < after_[node].size()) {
        std::size_t to = after_[node][next_edge++].to;
        if (index[to] == unseen)
          enter(to);
        else if (is_open[to])
          low[node] = std::min(low[node], index[to]);
        continue;
      }
      std::size_t left = node;
      visits.pop_back();
      if (!visits.empty()) low[visits.back().node] = std::min(low[visits.back().node], low[left]);
      if (low[left] != index[left]) continue;
      ++last_component;
      for (std::size_t member = none; member != left;) {
        member = open.back();
        open.pop_back();
        is_open[member] = false;
        component[member] = last_component;
      }
    }
  }
  return component;
}

/// Breadth-first within the component.
std::vector<OrderGraph::Step> OrderGraph::shortest_cycle(std::size_t through,
                                                         const std::vector<std::uint32_t>& components) const {
  std::vector<std::size_t> from(after_.size(), none);
  std::vector<Why> why(after_.size(), Why::ww);
  std::deque<std::size_t> ahead{through};
  while (!ahead.empty()) {
    std::size_t node = ahead.front();
    ahead.pop_front();
    for (const Edge& edge : after_[node]) {
      if (components[edge.to] != components[through] || from[edge.to] != none) continue;
      from[edge.to] = node;
      why[edge.to] = edge.why;
      if (edge.to != through) {
        ahead.push_back(edge.to);
        continue;
      }
      std::vector<Step> cycle;
      std::size_t at = through;
      do {
        cycle.push_back({from[at], why[at]});
        at = from[at];
      } while (at != through);
      std::reverse(cycle.begin(), cycle.end());
      return cycle;
    }
  }
  return {};
}

std::vector<std::vector<OrderGraph::Step>> OrderGraph::cycles() const {
  std::vector<std::uint32_t> component = components();
  std::vector<std::vector<std::size_t>> members(after_.size() + 1);
  for (std::size_t node = 0; node < after_.size(); ++node) members[component[node]].push_back(node);
  std::vector<std::vector<Step>> found;
  for (const std::vector<std::size_t>& knot : members) {
    if (knot.size() < 2) continue;
    std::vector<Step> best;
    for (std::size_t i = 0; i < std::min(knot.size(), max_starts); ++i) {
      std::vector<Step> cycle = shortest_cycle(knot[i], component);
      if (!cycle.empty() && (best.empty() || cycle.size() < best.size())) best = std::move(cycle);
    }
    found.push_back(std::move(best));
  }
  return found;
}

std::string name_of(const std::vector<OrderGraph::Step>& cycle) {
  std::size_t counts[4] = {};
  for (const OrderGraph::Step& step : cycle) ++counts[static_cast<std::size_t>(step.why)];
  auto has = [&](Why why) { return counts[static_cast<std::size_t>(why)]; };
  std::string name = has(Why::rw) > 1 ? "G2" : has(Why::rw) == 1 ? "G-single" : has(Why::wr) > 0 ? "G1c" : "G0";
  return has(Why::time) > 0 ? name + "-time" : name;
}

}  // namespace engram::history
