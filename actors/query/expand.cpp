// Expand: the distinct vertices within some hops, each at its least depth.
//
// Level d holds the vertices that an edge admitted by hop d leads to from level d-1, that hop d's vertex filter admits,
// and that are in no earlier level. A vertex filter is checked where the vertex lives: along with the next hop, or in a
// round of its own behind the last hop, or if the level is so large that it takes several waves of requests.

#include <algorithm>

#include "actors/query/id_set.h"
#include "actors/query/round_query.h"

namespace engram {
namespace {

class ExpandQuery final : public ReplyQuery<schema::ExpandReply> {
 public:
  ExpandQuery(const QueryContext& context, schema::ExpandRequest::Reader request)
      : ReplyQuery(context), request_(request) {}

  void start(QueryHost& host) override {
    std::vector<schema::VertexRef::Reader> seeds;
    for (auto seed : request_->getSeeds()) seeds.push_back(seed);
    Positions positions;
    if (Status status = ask_seeds(seeds, shape(true, false), "seeds", positions); !status.ok())
      return fail(host, status);
    gather(host, [this](QueryHost& to) { seeds_answered(to); });
  }

 private:
  /// The hop that leads away from the current level.
  [[nodiscard]] HopShape shape(bool expand, bool check) const {
    HopShape shape;
    shape.expand = expand;
    if (check) shape.admit = level_filter();
    if (!expand) return shape;
    auto hop = request_->getHops()[depth_];
    shape.direction = hop.getDirection();
    shape.edges = hop.getEdges();
    shape.limit_per_vertex = hop.getLimitPerVertex();
    return shape;
  }
  /// What the vertices of the current level have to pass: none for the seeds.
  [[nodiscard]] schema::VertexFilter::Reader level_filter() const {
    return depth_ == 0 ? schema::VertexFilter::Reader() : request_->getHops()[depth_ - 1].getVertices();
  }

  void seeds_answered(QueryHost& host) {
    std::vector<std::uint64_t> level;
    for (std::size_t i = 0; i < answers(); ++i)
      for (std::uint64_t id : answer(i).getHop().getIds())
        if (visited_.insert(id)) level.push_back(id);
    looked_at_ = level.size();
    level_ = Frontier(std::move(level));
    accept_level();
    if (exceeded_ != schema::Limit::NONE) return respond(host);
    read_neighbours();
    next_level(host);
  }

  /// The level is found, but what of it is admitted may be open.
  void next_level(QueryHost& host) {
    ++depth_;
    level_ = Frontier(std::exchange(next_, {}));
    bool last = depth_ == request_->getHops().size() || exceeded_ != schema::Limit::NONE;
    bool check = !is_empty(level_filter());
    if (level_.empty()) return respond(host);
    if (!check) {
      accept_level();
      return last || exceeded_ != schema::Limit::NONE ? respond(host) : ask_wave(host, shape(true, false));
    }
    if (!last && level_.fits_one_wave()) {
      for (const Frontier::Part& part : level_.next_wave()) ask_checked(part, shape(true, true));
      return gather(host, [this](QueryHost& to) { checked_and_expanded(to); });
    }
    check_wave(host, last);
  }

  void ask_checked(const Frontier::Part& part, const HopShape& hop) {
    ask_hop(part.ids, hop);
    parts_.push_back(part);
  }

  void ask_wave(QueryHost& host, const HopShape& hop) {
    std::vector<Frontier::Part> wave = level_.next_wave();
    if (wave.empty() || exceeded_ != schema::Limit::NONE) return next_level(host);
    for (const Frontier::Part& part : wave) ask_hop(part.ids, hop);
    gather(host, [this](QueryHost& to) {
      read_neighbours();
      ask_wave(to, shape(true, false));
    });
  }

  void checked_and_expanded(QueryHost& host) {
    read_admitted();  // of all partitions, before any neighbour: who is not admitted here may be reached again deeper
    level_ = Frontier(std::exchange(admitted_, {}));
    accept_level();
    if (exceeded_ != schema::Limit::NONE) return respond(host);
    read_neighbours();
    next_level(host);
  }

  void check_wave(QueryHost& host, bool last) {
    std::vector<Frontier::Part> wave = level_.next_wave();
    if (wave.empty()) {
      level_ = Frontier(std::exchange(admitted_, {}));
      accept_level();
      return last || exceeded_ != schema::Limit::NONE ? respond(host) : ask_wave(host, shape(true, false));
    }
    for (const Frontier::Part& part : wave) ask_checked(part, shape(false, true));
    gather(host, [this, last](QueryHost& to) {
      read_admitted();
      check_wave(to, last);
    });
  }

  /// Sorts the asked parts of the level into admitted ones and others; those may be reached again.
  void read_admitted() {
    for (std::size_t i = 0; i < parts_.size() && i < answers(); ++i) {
      auto admitted = answer(i).getHop().getAdmitted();
      for (unsigned at = 0; at < parts_[i].ids.size(); ++at) {
        std::uint64_t id = parts_[i].ids[at];
        if (at >= admitted.size() || admitted[at]) {
          admitted_.push_back(id);
        } else {
          visited_.erase(id);
        }
      }
    }
    parts_.clear();
  }

  void read_neighbours() {
    for (std::size_t i = 0; i < answers(); ++i) {
      for (std::uint64_t id : answer(i).getHop().getNeighbours()) {
        if (!visited_.insert(id)) continue;
        if (looked_at_ >= request_->getMaxVisited()) {
          exceeded_ = schema::Limit::VISITED;
          return;
        }
        ++looked_at_;
        next_.push_back(id);
      }
    }
  }

  /// Takes the level into the result.
  void accept_level() {
    if (depth_ < request_->getMinDepth()) return;
    results_.insert(results_.end(), level_.ids().begin(), level_.ids().end());
    if (results_.size() > request_->getMaxResults()) {
      results_.resize(request_->getMaxResults());
      exceeded_ = schema::Limit::RESULTS;
    }
    depth_ends_.push_back(static_cast<std::uint32_t>(results_.size()));
  }

  [[nodiscard]] Held held() const override {
    std::size_t ids = next_.size() + admitted_.size() + results_.size() + level_.ids().size();
    return {visited_.bytes() + ids * sizeof(std::uint64_t) + fetched_bytes_, visited_.size()};
  }

  void stopped(QueryHost& host, const Status& why) override {
    // Keys and vertices would have to be asked for: a list that is not parallel to the ids is no answer. And who it waited
    // for in vain tells more than that it has found nothing.
    bool nothing_yet = why.code() == Code::unavailable && results_.empty();
    if (why.code() == Code::cancelled || nothing_yet || request_->getResult() != schema::ResultKind::IDS)
      return fail(host, why);
    exceeded_ = schema::Limit::TIME;
    reply_ids(host);
  }

  void respond(QueryHost& host) {
    if (request_->getResult() == schema::ResultKind::IDS) return reply_ids(host);
    fetch_more(host);
  }

  /// Part by part, until the reply is full: what would not fit is not asked for.
  void fetch_more(QueryHost& host) {
    std::span<const std::uint64_t> rest = std::span(results_).subspan(fetch_.vertices.size());
    if (rest.empty() || fetched_bytes_ > max_reply_bytes) return reply_vertices(host);
    auto projection = request_->getProjection();
    bool keys_alone = request_->getResult() == schema::ResultKind::KEYS;
    auto part = std::make_shared<VertexFetch>();
    std::size_t count = std::min(rest.size(), fetched_at_once);
    *part = ask_vertices(rest.first(count), keys_alone ? nullptr : &projection);
    gather(host, [this, part, count](QueryHost& to) {
      read_vertices(*part, count);
      for (Frame& frame : part->kept) {
        fetched_bytes_ += frame.read<schema::Answer>().totalSize().wordCount * sizeof(capnp::word);
        fetch_.kept.push_back(std::move(frame));
      }
      fetch_.vertices.insert(fetch_.vertices.end(), part->vertices.begin(), part->vertices.end());
      fetch_more(to);
    });
  }

  void reply_ids(QueryHost& host) {
    auto fill = [&](schema::ExpandReply::Builder reply) { fill_ids(reply); };
    finish(host, Frame::build<schema::ExpandReply>(fill, static_cast<unsigned>(results_.size() + 64)));
  }

  void fill_ids(schema::ExpandReply::Builder reply) {
    reply.setExceeded(exceeded_);
    reply.setIds({results_.data(), results_.size()});
    // One entry for every depth that was asked for, also behind the last one that was reached.
    unsigned depths = request_->getHops().size() - request_->getMinDepth() + 1;
    depth_ends_.resize(depths, static_cast<std::uint32_t>(results_.size()));
    reply.setDepthEnds({depth_ends_.data(), depth_ends_.size()});
  }

  /// Leaves out what vanished meanwhile, and what does not fit into one reply.
  void drop_unusable() {
    bool vertices = request_->getResult() == schema::ResultKind::VERTICES;
    std::size_t kept = 0, bytes = 0, from = 0;
    for (std::uint32_t& end : depth_ends_) {
      for (; from < end; ++from) {
        if (from >= fetch_.vertices.size()) {
          exceeded_ = schema::Limit::BYTES;
          continue;
        }
        schema::Vertex::Reader vertex = fetch_.vertices[from];
        bytes += vertices ? vertex.totalSize().wordCount * sizeof(capnp::word) : vertex.getKey().size();
        if (bytes > max_reply_bytes) exceeded_ = schema::Limit::BYTES;
        if (bytes > max_reply_bytes || !vertex.getFound()) continue;
        results_[kept] = results_[from];
        fetch_.vertices[kept++] = vertex;
      }
      end = static_cast<std::uint32_t>(kept);
    }
    results_.resize(kept);
  }

  void reply_vertices(QueryHost& host) {
    drop_unusable();
    finish(host, Frame::build<schema::ExpandReply>([&](schema::ExpandReply::Builder reply) {
             fill_ids(reply);
             auto count = static_cast<unsigned>(results_.size());
             if (request_->getResult() == schema::ResultKind::KEYS) {
               auto keys = reply.initKeys(count);
               for (unsigned i = 0; i < count; ++i) keys.set(i, fetch_.vertices[i].getKey());
             } else {
               auto vertices = reply.initVertices(count);
               for (unsigned i = 0; i < count; ++i) vertices.setWithCaveats(i, fetch_.vertices[i]);
             }
           }));
  }

  RequestCopy<schema::ExpandRequest> request_;
  IdSet visited_{1024};
  std::size_t looked_at_ = 0;  // what `maxVisited` bounds: also vertices that a filter did not admit
  std::uint32_t depth_ = 0;    // of the current level
  Frontier level_;
  std::vector<std::uint64_t> next_;
  std::vector<Frontier::Part> parts_;  // of level_, that the round checks
  std::vector<std::uint64_t> admitted_;
  std::vector<std::uint64_t> results_;
  std::vector<std::uint32_t> depth_ends_;
  schema::Limit exceeded_ = schema::Limit::NONE;
  VertexFetch fetch_;
  std::size_t fetched_bytes_ = 0;
  static constexpr std::size_t fetched_at_once = 2048;
};

}  // namespace

std::unique_ptr<Query> make_expand(const QueryContext& context, schema::ExpandRequest::Reader request) {
  return std::make_unique<ExpandQuery>(context, request);
}

}  // namespace engram
