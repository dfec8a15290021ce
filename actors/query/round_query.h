#pragma once
// What all queries are made of: rounds. In a round a query asks some partitions at once, and goes on when all have
// answered.
//
// Answers are looked at in the order in which they were asked for, not in which they arrive: the same graph gives the
// same reply whatever the timing. The first error that a partition answers ends the query with it. Between two rounds
// the graph may change. A vertex that vanished meanwhile is left out of the reply.

#include <functional>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <capnp/message.h>

#include "actors/partition/core/batch_applier.h"
#include "actors/partition/core/outcome.h"
#include "actors/query/frontier.h"
#include "actors/query/query.h"

namespace engram {

/// A query's own copy of its request. The client's message has a limit on how often it may be read, and filters are
/// copied into every request of every round.
template <typename Request>
class RequestCopy {
 public:
  explicit RequestCopy(typename Request::Reader request) : message_(kj::ArrayPtr<capnp::word>(scratch_)) {
    message_.setRoot(request);
    reader_ = message_.template getRoot<Request>().asReader();
  }
  ~RequestCopy() noexcept {}  // the builder's may throw, in theory

  const typename Request::Reader* operator->() const { return &reader_; }
  const typename Request::Reader& operator*() const { return reader_; }

 private:
  capnp::word scratch_[96] = {};
  capnp::MallocMessageBuilder message_;
  typename Request::Reader reader_;
};

/// One hop, as it is asked of all partitions alike.
struct HopShape {
  schema::Direction direction = schema::Direction::OUT;
  schema::EdgeFilter::Reader edges;
  std::uint32_t limit_per_vertex = 0;
  schema::VertexFilter::Reader admit;
  bool expand = true;
  schema::HopRequest::Payload payload = schema::HopRequest::Payload::NONE;
  capnp::Text::Reader cost_property;
};

class RoundQuery : public Query {
 public:
  explicit RoundQuery(const QueryContext& context) : context_(context), share_(context.all_reads) {}
  void answered(QueryHost& host, std::uint64_t tag, PartitionId from, const Frame& answer) final;
  void give_up(QueryHost& host, const Status& why) final;

 protected:
  using Step = std::function<void(QueryHost&)>;
  /// Places in a list of the client's request: one list of them for each partition, or for each request of a round.
  using Positions = std::vector<std::vector<std::uint32_t>>;

  /// Puts a request into the round; `fill` sets its union member. Returns its number in the round.
  template <typename Fill>
  std::size_t ask(PartitionId partition, Fill&& fill, std::size_t words = 0) {
    auto request = Frame::build<schema::Request>(
        [&](schema::Request::Builder builder) {
          builder.setSpace(context_.space.id.value);
          builder.setDeadlineNs(context_.deadline_ns);
          fill(builder);
        },
        static_cast<unsigned>(words + 48));
    asked_.push_back({partition, std::move(request), {}});
    return asked_.size() - 1;
  }
  /// Asks every partition that has some: `fill(builder, its positions)`. Answers the positions of each request.
  template <typename Fill>
  Positions ask_each(Positions by_partition, const Fill& fill, std::size_t words_each) {
    Positions asked;
    for (std::size_t partition = 0; partition < by_partition.size(); ++partition) {
      std::vector<std::uint32_t>& own = by_partition[partition];
      if (own.empty()) continue;
      ask(
          {static_cast<std::uint16_t>(partition)},
          [&](schema::Request::Builder builder) { fill(builder, std::as_const(own)); }, own.size() * words_each);
      asked.push_back(std::move(own));
    }
    return asked;
  }
  /// Sends the round; `next` runs when all answers are in. Nothing asked: at once. The last that a step does.
  void gather(QueryHost& host, Step next);

  [[nodiscard]] std::size_t answers() const { return answers_.size(); }
  [[nodiscard]] schema::Answer::Reader answer(std::size_t number) const {
    return answers_[number].read<schema::Answer>();
  }
  [[nodiscard]] std::size_t answer_bytes(std::size_t number) const {
    return answers_[number].words() * sizeof(capnp::word);
  }
  /// Keeps the answers alive beyond the round.
  std::vector<Frame> take_answers() { return std::move(answers_); }

  // --- what several queries ask ---
  /// One hop from these vertices of one partition.
  std::size_t ask_hop(std::span<const std::uint64_t> frontier, const HopShape& shape);
  /// One hop from vertices that may be named by keys: one request a partition. `positions[r]`: where request r's seeds
  /// are in `refs`. Error if an id cannot be one of the space's; `field` names the list.
  Status ask_seeds(const std::vector<schema::VertexRef::Reader>& refs, const HopShape& shape, const std::string& field,
                   Positions& positions);

  /// Vertices by id from whatever partitions they live in: asked for in one round, read after it.
  struct VertexFetch {
    Positions positions;  // of each request
    std::size_t first_request = 0;
    std::vector<Frame> kept;
    std::vector<schema::Vertex::Reader> vertices;  // parallel to the ids; not found: vanished
  };
  /// `projection` null: keys alone.
  VertexFetch ask_vertices(std::span<const std::uint64_t> ids, const schema::Projection::Reader* projection);
  void read_vertices(VertexFetch& fetch, std::size_t count);

  /// The partition that a vertex lives in; nothing if no vertex of the space can have this id.
  [[nodiscard]] std::optional<PartitionId> owner_of(schema::VertexRef::Reader ref) const;
  /// Those that hold a part of the space, ascending.
  [[nodiscard]] std::vector<PartitionId> partitions_of_space() const;

  /// What the query has gathered, beside the answers of this round: bytes, and how many vertices it has come upon.
  struct Held {
    std::size_t bytes = 0;
    std::size_t vertices = 0;
  };
  [[nodiscard]] virtual Held held() const { return {}; }

  // --- the end ---
  /// Nothing of the query may be touched afterwards: the host may have deleted it.
  void finish(QueryHost& host, Frame reply);
  void fail(QueryHost& host, const Status& status) { finish(host, failure(status)); }
  [[nodiscard]] virtual Frame failure(const Status& status) const = 0;
  /// The caller went away (`cancelled`), or its time ran out. Overridden by those that have a partial answer to give.
  virtual void stopped(QueryHost& host, const Status& why) { fail(host, why); }

  const QueryContext context_;

 private:
  struct Asked {
    PartitionId partition;
    Frame request;
    std::string seeds_field;  // what the client calls the list that the request's seeds are from
  };
  std::vector<Asked> asked_;
  std::vector<std::string> seeds_fields_;  // of the requests that are under way
  [[nodiscard]] Status check_memory();
  /// What the query may take beside what it holds, at the start of a round; 0: any amount.
  [[nodiscard]] std::size_t memory_left() const;
  /// `bytes`: what it holds, or would with what it came upon.
  [[nodiscard]] Status over_memory(std::size_t bytes, std::uint64_t vertices_beside) const;
  [[nodiscard]] Status over_all_memory() const;

  ReadMemory::Share share_;
  std::vector<Frame> answers_;
  std::size_t answers_bytes_ = 0;
  std::size_t missing_ = 0;
  std::uint64_t first_tag_ = 0;
  Step next_;
  bool finished_ = false;
};

/// A query whose reply is a `Reply` with a field `error`.
template <typename Reply>
class ReplyQuery : public RoundQuery {
 public:
  using RoundQuery::RoundQuery;

 protected:
  [[nodiscard]] Frame failure(const Status& status) const final {
    return Frame::build<Reply>([&](typename Reply::Builder reply) { write_error(status, reply.initError()); });
  }
};

Status unknown_vertex(schema::VertexRef::Reader ref, std::string field);

inline bool is_empty(schema::VertexFilter::Reader filter) {
  return filter.getLabels().size() == 0 && filter.getProperties().size() == 0;
}

/// Reply messages do not grow beyond this: what would is cut (`Limit.bytes`) or refused.
inline constexpr std::size_t max_reply_bytes = std::size_t{32} << 20;

}  // namespace engram
