// One page of a vertex's edges. The vertex's partition filters edges and knows the order; what has to be known of the
// other ends - whether they pass the filter, their keys - their own partitions are asked, both in one round.

#include "actors/query/far_keys.h"

namespace engram {
namespace {

class NeighborsQuery final : public ReplyQuery<schema::NeighborsReply> {
 public:
  NeighborsQuery(const QueryContext& context, schema::NeighborsRequest::Reader request)
      : ReplyQuery(context),
        request_(request),
        filtered_(!is_empty(request_->getTarget())),
        keys_(request_->getProjection().getKeys()),
        cursor_(bytes_of(request_->getCursor())) {}

  void start(QueryHost& host) override {
    auto owner = owner_of(request_->getVertex());
    if (!owner) return fail(host, unknown_vertex(request_->getVertex(), "vertex"));
    owner_ = *owner;
    ask_page(host);
  }

 private:
  // A filter that hardly anything passes must not cost a round for every few edges.
  static constexpr std::uint32_t min_filtered_page = 1024;

  static std::string bytes_of(capnp::Data::Reader data) {
    return {reinterpret_cast<const char*>(data.begin()), data.size()};
  }
  static capnp::Data::Reader data_of(const std::string& bytes) {
    return {reinterpret_cast<const kj::byte*>(bytes.data()), bytes.size()};
  }
  [[nodiscard]] std::uint32_t missing() const {
    return request_->getLimit() - static_cast<std::uint32_t>(edges_.size());
  }

  void ask_edges(std::uint32_t limit, bool properties) {
    ask(owner_, [&](schema::Request::Builder builder) {
      auto request = builder.initNeighbors();
      request.setVertex(request_->getVertex());
      request.setDirection(request_->getDirection());
      request.setFilter(request_->getFilter());
      request.setLimit(limit);
      request.setCursor(data_of(cursor_));
      request.setProjection(request_->getProjection());
      if (!properties) request.getProjection().setProperties(false);
    });
  }

  void ask_page(QueryHost& host) {
    bool long_page = filtered_ && !exact_;
    ask_edges(long_page ? std::max(missing(), min_filtered_page) : missing(), true);
    gather(host, [this](QueryHost& to) { page_answered(to); });
  }

  void page_answered(QueryHost& host) {
    page_ = take_answers();
    auto page = page_[0].read<schema::Answer>().getNeighbors();
    if (!filtered_ && !keys_) return pass_on(host, page);
    ends_ = FarEnds();
    for (auto edge : page.getEdges()) ends_.add(edge);
    Frontier frontier(ends_.ids());
    checked_.clear();
    if (filtered_) {
      HopShape check;
      check.expand = false;
      check.admit = request_->getTarget();
      for (auto wave = frontier.next_wave(); !wave.empty(); wave = frontier.next_wave())
        for (const Frontier::Part& part : wave) {
          ask_hop(part.ids, check);
          checked_.push_back(part.first);
        }
    }
    fetch_ = VertexFetch();
    if (keys_) fetch_ = ask_vertices(ends_.ids(), nullptr);
    gather(host, [this](QueryHost& to) { ends_answered(to); });
  }

  void ends_answered(QueryHost& host) {
    std::vector<bool> passes(ends_.ids().size(), !filtered_);
    for (std::size_t request = 0; request < checked_.size(); ++request) {
      auto admitted = answer(request).getHop().getAdmitted();
      for (unsigned i = 0; i < admitted.size(); ++i) passes[checked_[request] + i] = admitted[i];
    }
    if (keys_) read_vertices(fetch_, passes.size());
    for (std::size_t i = 0; keys_ && i < passes.size(); ++i) passes[i] = passes[i] && fetch_.vertices[i].getFound();
    auto page = page_[0].read<schema::Answer>().getNeighbors();
    std::vector<schema::Edge::Reader> chosen;
    unsigned looked_at = 0;
    for (auto edge : page.getEdges()) {
      if (chosen.size() == missing()) break;
      ++looked_at;
      auto end = far_end(edge);
      if (!end || passes[ends_.position(*end)]) chosen.push_back(edge);
    }
    if (looked_at < page.getEdges().size()) return find_cursor(host, std::move(chosen), looked_at);
    take(chosen);
    cursor_ = bytes_of(page.getCursor());
    if (cursor_.empty() || missing() == 0) return reply(host);
    ask_page(host);
  }

  /// The page reaches beyond the last edge of the reply: asks for the cursor behind that edge.
  void find_cursor(QueryHost& host, std::vector<schema::Edge::Reader> chosen, unsigned looked_at) {
    ask_edges(looked_at, false);
    gather(host, [this, chosen = std::move(chosen), looked_at](QueryHost& to) {
      auto again = answer(0).getNeighbors();
      unsigned count = again.getEdges().size();
      auto page = page_[0].read<schema::Answer>().getNeighbors();
      if (count != looked_at || !same(again.getEdges()[count - 1], page.getEdges()[looked_at - 1])) {
        // The vertex's edges changed in between. Pages that end with the reply's last edge need no second look.
        exact_ = true;
        return ask_page(to);
      }
      take(chosen);
      cursor_ = bytes_of(again.getCursor());
      reply(to);
    });
  }

  static bool same(schema::Edge::Reader left, schema::Edge::Reader right) {
    return left.getSource() == right.getSource() && left.getTarget() == right.getTarget() &&
           left.getRank() == right.getRank() && left.getType() == right.getType();
  }

  /// Makes these edges of the page part of the reply.
  void take(const std::vector<schema::Edge::Reader>& chosen) {
    auto list = Frame::build<schema::NeighborsReply>([&](schema::NeighborsReply::Builder builder) {
      auto edges = builder.initEdges(static_cast<unsigned>(chosen.size()));
      for (unsigned i = 0; i < edges.size(); ++i) {
        edges.setWithCaveats(i, chosen[i]);
        if (keys_) (void)ends_.fill(edges[i], fetch_.vertices);  // those that vanished were not chosen
      }
    });
    taken_.push_back(list);
    for (auto edge : list.read<schema::NeighborsReply>().getEdges()) edges_.push_back(edge);
  }

  void reply(QueryHost& host) {
    if (taken_.size() == 1 && cursor_.empty()) return finish(host, taken_[0]);
    finish(host, Frame::build<schema::NeighborsReply>([&](schema::NeighborsReply::Builder builder) {
             auto edges = builder.initEdges(static_cast<unsigned>(edges_.size()));
             for (unsigned i = 0; i < edges.size(); ++i) edges.setWithCaveats(i, edges_[i]);
             if (!cursor_.empty()) builder.setCursor(data_of(cursor_));
           }));
  }

  void pass_on(QueryHost& host, schema::NeighborsReply::Reader page) {
    auto words = static_cast<unsigned>(page.totalSize().wordCount + 8);
    finish(host, Frame::build<schema::NeighborsReply>(
                     [&](schema::NeighborsReply::Builder builder) {
                       builder.setEdges(page.getEdges());
                       if (page.getCursor().size() > 0) builder.setCursor(page.getCursor());
                     },
                     words));
  }

  RequestCopy<schema::NeighborsRequest> request_;
  const bool filtered_;
  const bool keys_;
  PartitionId owner_;
  std::string cursor_;  // the partition's: where the next page starts
  bool exact_ = false;  // never ask for more edges than are missing
  std::vector<Frame> page_;
  FarEnds ends_;                      // of the page
  std::vector<std::size_t> checked_;  // of each check of the round: where its vertices start in ends_
  VertexFetch fetch_;
  std::vector<Frame> taken_;  // hold the edges of the reply
  std::vector<schema::Edge::Reader> edges_;
};

}  // namespace

std::unique_ptr<Query> make_neighbors(const QueryContext& context, schema::NeighborsRequest::Reader request) {
  return std::make_unique<NeighborsQuery>(context, request);
}

}  // namespace engram
