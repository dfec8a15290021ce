#include "actors/query/path.h"

#include <algorithm>

namespace engram {

using Payload = schema::HopRequest::Payload;

void PathQuery::start(QueryHost& host) {
  HopShape resolve;
  resolve.expand = false;
  Positions positions;
  Status status = ask_seeds({request_->getSource()}, resolve, "source", positions);
  if (status.ok()) status = ask_seeds({request_->getTarget()}, resolve, "target", positions);
  if (!status.ok()) return fail(host, status);
  gather(host, [this](QueryHost& to) { ends_answered(to); });
}

void PathQuery::ends_answered(QueryHost& host) {
  source_ = answer(0).getHop().getIds()[0];
  target_ = answer(1).getHop().getIds()[0];
  if (source_ == target_) return found(host, {source_}, 0);
  search(host);
}

Payload PathQuery::payload() const {
  if (request_->getCost().isWeight()) return Payload::WEIGHTS;
  return request_->getCost().isProperty() ? Payload::PROPERTY : Payload::NONE;
}

HopShape PathQuery::shape(bool backward) const {
  HopShape shape;
  shape.direction = request_->getDirection();
  if (backward && shape.direction != schema::Direction::BOTH)
    shape.direction = shape.direction == schema::Direction::OUT ? schema::Direction::IN : schema::Direction::OUT;
  shape.edges = request_->getEdges();
  shape.payload = payload();
  if (request_->getCost().isProperty()) shape.cost_property = request_->getCost().getProperty();
  return shape;
}

void PathQuery::stopped(QueryHost& host, const Status& why) {
  return why.code() == Code::cancelled ? fail(host, why) : not_found(host, schema::Limit::TIME);
}

void PathQuery::not_found(QueryHost& host, schema::Limit exceeded) {
  finish(host, Frame::build<schema::PathReply>([&](schema::PathReply::Builder reply) { reply.setExceeded(exceeded); }));
}

void PathQuery::found(QueryHost& host, std::vector<std::uint64_t> path, double cost) {
  path_ = std::move(path);
  cost_ = cost;
  auto projection = request_->getProjection();
  vertices_ = ask_vertices(path_, &projection);
  ask_edges();
  gather(host, [this](QueryHost& to) { path_answered(to); });
}

void PathQuery::ask_edges() {
  using Pair = std::pair<std::uint64_t, std::uint64_t>;
  std::vector<std::vector<Pair>> pairs(context_.partitions);
  asked_edges_.assign(path_.size() - 1, {});
  auto add = [&](std::size_t step, std::uint64_t source, std::uint64_t target) {
    std::size_t partition = VertexId{source}.partition().value;
    asked_edges_[step].push_back({partition, static_cast<unsigned>(pairs[partition].size())});
    pairs[partition].emplace_back(source, target);
  };
  for (std::size_t step = 0; step + 1 < path_.size(); ++step) {
    if (request_->getDirection() != schema::Direction::IN) add(step, path_[step], path_[step + 1]);
    if (request_->getDirection() != schema::Direction::OUT) add(step, path_[step + 1], path_[step]);
  }
  std::vector<std::size_t> requests(context_.partitions);
  for (std::size_t partition = 0; partition < pairs.size(); ++partition) {
    if (pairs[partition].empty()) continue;
    auto fill = [&](schema::Request::Builder builder) {
      auto edges = builder.initEdges();
      auto list = edges.initPairs(static_cast<unsigned>(pairs[partition].size()));
      for (unsigned i = 0; i < list.size(); ++i) {
        list[i].setSource(pairs[partition][i].first);
        list[i].setTarget(pairs[partition][i].second);
      }
      edges.setFilter(request_->getEdges());
      edges.setProjection(request_->getProjection());
      edges.setPayload(payload());
      if (request_->getCost().isProperty()) edges.setCostProperty(request_->getCost().getProperty());
    };
    requests[partition] = ask({static_cast<std::uint16_t>(partition)}, fill, pairs[partition].size() * 2);
  }
  for (auto& step : asked_edges_)
    for (EdgeAsk& one : step) one.request = requests[one.request];
}

void PathQuery::path_answered(QueryHost& host) {
  read_vertices(vertices_, path_.size());
  bool whole = std::all_of(vertices_.vertices.begin(), vertices_.vertices.end(),
                           [](schema::Vertex::Reader vertex) { return vertex.getFound(); });
  if (!whole || !choose_edges()) {
    constexpr int max_attempts = 3;
    if (source_ != target_ && ++attempts_ < max_attempts) return search(host);
    return fail(host, {Code::conflict, "The graph changes faster than a path through it can be read; ask again."});
  }
  finish(host, Frame::build<schema::PathReply>([&](schema::PathReply::Builder reply) {
           reply.setFound(true);
           reply.setCost(cost_);
           auto vertices = reply.initVertices(static_cast<unsigned>(path_.size()));
           for (unsigned i = 0; i < vertices.size(); ++i) vertices.setWithCaveats(i, vertices_.vertices[i]);
           auto edges = reply.initEdges(static_cast<unsigned>(edges_.size()));
           for (unsigned i = 0; i < edges.size(); ++i) fill_edge(edges[i], i);
         }));
}

bool PathQuery::choose_edges() {
  edges_.clear();
  for (const auto& step : asked_edges_) {
    std::optional<schema::Edge::Reader> best;
    for (const EdgeAsk& one : step) {
      auto edges = answer(one.request).getEdges().getEdges();
      if (one.position >= edges.size() || edges[one.position].getType().size() == 0) continue;
      auto edge = edges[one.position];
      bool better = !best || (payload() == Payload::WEIGHTS && edge.getWeight() < best->getWeight());
      if (better) best = edge;
    }
    if (!best) return false;
    edges_.push_back(*best);
  }
  return true;
}

void PathQuery::fill_edge(schema::Edge::Builder out, std::size_t step) const {
  schema::Edge::Reader edge = edges_[step];
  out.setSource(edge.getSource());
  out.setTarget(edge.getTarget());
  out.setType(edge.getType());
  out.setRank(edge.getRank());
  out.setWeight(edge.getWeight());
  out.setProperties(edge.getProperties());
  out.setCreatedNs(edge.getCreatedNs());
  out.setChangedNs(edge.getChangedNs());
  out.setVersion(edge.getVersion());
  if (!request_->getProjection().getKeys()) return;
  bool ahead = edge.getSource() == path_[step];
  out.setSourceKey(vertices_.vertices[ahead ? step : step + 1].getKey());
  out.setTargetKey(vertices_.vertices[ahead ? step + 1 : step].getKey());
}

std::unique_ptr<Query> make_path(const QueryContext& context, schema::PathRequest::Reader request) {
  return request.getCost().isHops() ? make_fewest_edges(context, request) : make_least_cost(context, request);
}

}  // namespace engram
