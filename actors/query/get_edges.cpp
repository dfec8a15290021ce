// Edges by their keys: the targets' owners say which ids they have, then the sources' owners read the edges.

#include "actors/query/round_query.h"

namespace engram {
namespace {

constexpr std::uint64_t no_vertex = ResolvedKeys::absent.value;

class GetEdgesQuery final : public ReplyQuery<schema::GetEdgeReply> {
 public:
  GetEdgesQuery(const QueryContext& context, schema::GetEdgeRequest::Reader request)
      : ReplyQuery(context), request_(request), targets_(request.getEdges().size(), no_vertex) {}

  void start(QueryHost& host) override {
    auto fill = [&](schema::Request::Builder builder, const std::vector<std::uint32_t>& own) {
      auto keys = builder.initResolve(static_cast<unsigned>(own.size()));
      for (unsigned i = 0; i < keys.size(); ++i) keys.set(i, request_.getEdges()[own[i]].getTarget());
    };
    auto owner = [&](schema::EdgeKey::Reader edge) {
      return owner_of_key(context_.space, text_of(edge.getTarget()), context_.partitions);
    };
    ask_by_owner(owner, fill, [](std::uint32_t) { return true; });
    gather(host, [this](QueryHost& to) { resolved(to); });
  }

 private:
  /// One request for each partition that owns (an end of) some of the edges that are `wanted`; notes which in
  /// positions_.
  template <typename Owner, typename Fill, typename Wanted>
  void ask_by_owner(const Owner& owner, const Fill& fill, const Wanted& wanted) {
    Positions by_partition(context_.partitions);
    std::uint32_t number = 0;
    for (auto edge : request_.getEdges()) {
      if (wanted(number)) by_partition[owner(edge).value].push_back(number);
      ++number;
    }
    positions_ = ask_each(std::move(by_partition), fill, 16);
  }

  void resolved(QueryHost& host) {
    for (std::size_t request = 0; request < positions_.size(); ++request) {
      auto ids = answer(request).getResolve();
      for (unsigned i = 0; i < positions_[request].size() && i < ids.size(); ++i)
        targets_[positions_[request][i]] = ids[i];
    }
    auto fill = [&](schema::Request::Builder builder, const std::vector<std::uint32_t>& own) {
      auto edges = builder.initEdges();
      auto keys = edges.initKeys(static_cast<unsigned>(own.size()));
      auto targets = edges.initTargets(static_cast<unsigned>(own.size()));
      for (unsigned i = 0; i < keys.size(); ++i) {
        keys.setWithCaveats(i, request_.getEdges()[own[i]]);
        targets.set(i, targets_[own[i]]);
      }
      edges.setProjection(request_.getProjection());
    };
    auto owner = [&](schema::EdgeKey::Reader edge) {
      return owner_of_key(context_.space, text_of(edge.getSource()), context_.partitions);
    };
    ask_by_owner(owner, fill, [&](std::uint32_t number) { return targets_[number] != no_vertex; });
    gather(host, [this](QueryHost& to) { reply(to); });
  }

  void reply(QueryHost& host) {
    // A partition answers the edges that exist, in the order in which they were asked for; one that does not may have
    // an entry without a type.
    std::vector<std::optional<schema::Edge::Reader>> found(targets_.size());
    unsigned count = 0;
    for (std::size_t request = 0; request < positions_.size(); ++request) {
      auto edges = answer(request).getEdges().getEdges();
      unsigned next = 0;
      for (std::uint32_t position : positions_[request]) {
        while (next < edges.size() && edges[next].getType().size() == 0) ++next;
        if (next == edges.size()) break;
        if (!is(edges[next], position)) continue;
        found[position] = edges[next++];
        ++count;
      }
    }
    bool keys = request_.getProjection().getKeys();
    finish(host, Frame::build<schema::GetEdgeReply>([&](schema::GetEdgeReply::Builder builder) {
             auto list = builder.initEdges(count);
             unsigned next = 0;
             for (unsigned i = 0; i < found.size(); ++i) {
               if (!found[i]) continue;
               list.setWithCaveats(next, *found[i]);
               if (keys) list[next].setSourceKey(request_.getEdges()[i].getSource());
               if (keys) list[next].setTargetKey(request_.getEdges()[i].getTarget());
               ++next;
             }
           }));
  }

  [[nodiscard]] bool is(schema::Edge::Reader edge, std::uint32_t position) const {
    auto asked = request_.getEdges()[position];
    return edge.getTarget() == targets_[position] && edge.getRank() == asked.getRank() &&
           edge.getType() == asked.getType() && edge.getSourceKey() == asked.getSource();
  }

  schema::GetEdgeRequest::Reader request_;
  std::vector<std::uint64_t> targets_;                 // parallel to the request
  Positions positions_;  // of each request of the round
};

}  // namespace

std::unique_ptr<Query> make_get_edges(const QueryContext& context, schema::GetEdgeRequest::Reader request) {
  return std::make_unique<GetEdgesQuery>(context, request);
}

}  // namespace engram
