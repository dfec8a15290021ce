#pragma once
// What both searches for a path share: finding the ends, and reading the vertices and edges of the path that was found.

#include "actors/query/round_query.h"

namespace engram {

class PathQuery : public ReplyQuery<schema::PathReply> {
 public:
  PathQuery(const QueryContext& context, schema::PathRequest::Reader request)
      : ReplyQuery(context), request_(request) {}
  void start(QueryHost& host) final;

 protected:
  /// Starts to search from source_ to target_, which differ. May run again, from nothing, if the graph changed under a
  /// path.
  virtual void search(QueryHost& host) = 0;

  /// Ends the search: `path` from source to target.
  void found(QueryHost& host, std::vector<std::uint64_t> path, double cost);
  void not_found(QueryHost& host, schema::Limit exceeded);

  [[nodiscard]] schema::HopRequest::Payload payload() const;
  /// Properties of edges can be asked for at their sources only: a search that looks at them follows edges forward.
  [[nodiscard]] bool forward_only() const {
    return request_->getEdges().getProperties().size() > 0 || request_->getCost().isProperty();
  }
  /// A hop of the search. `backward`: from the target.
  [[nodiscard]] HopShape shape(bool backward) const;
  [[nodiscard]] bool filtered() const { return !is_empty(request_->getVertices()); }
  [[nodiscard]] bool is_end(std::uint64_t id) const { return id == source_ || id == target_; }

  RequestCopy<schema::PathRequest> request_;
  std::uint64_t source_ = 0;
  std::uint64_t target_ = 0;

 private:
  void stopped(QueryHost& host, const Status& why) final;
  void ends_answered(QueryHost& host);
  /// For the step from path_[i] to path_[i + 1]: asks for the edge in its own direction, or for both.
  void ask_edges();
  void path_answered(QueryHost& host);
  bool choose_edges();
  void fill_edge(schema::Edge::Builder out, std::size_t step) const;

  struct EdgeAsk {  // where the edge of a step is in the answers
    std::size_t request = 0;
    unsigned position = 0;
  };
  int attempts_ = 0;
  std::vector<std::uint64_t> path_;
  double cost_ = 0;
  VertexFetch vertices_;
  std::vector<std::vector<EdgeAsk>> asked_edges_;  // of each step: one or, with direction `both`, two
  std::vector<schema::Edge::Reader> edges_;
};

std::unique_ptr<Query> make_fewest_edges(const QueryContext& context, schema::PathRequest::Reader request);
std::unique_ptr<Query> make_least_cost(const QueryContext& context, schema::PathRequest::Reader request);

}  // namespace engram
