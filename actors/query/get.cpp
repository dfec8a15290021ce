// Vertices by key or id, from all partitions at once, in the order of the request.

#include "actors/query/round_query.h"

namespace engram {
namespace {

class GetQuery final : public ReplyQuery<schema::GetReply> {
 public:
  GetQuery(const QueryContext& context, schema::GetRequest::Reader request) : ReplyQuery(context), request_(request) {}

  void start(QueryHost& host) override {
    auto refs = request_.getVertices();
    Positions by_partition(context_.partitions);
    for (unsigned i = 0; i < refs.size(); ++i)
      if (auto owner = owner_of(refs[i])) by_partition[owner->value].push_back(i);
    auto fill = [&](schema::Request::Builder builder, const std::vector<std::uint32_t>& own) {
      auto get = builder.initGet();
      get.setProjection(request_.getProjection());
      auto list = get.initVertices(static_cast<unsigned>(own.size()));
      for (unsigned i = 0; i < list.size(); ++i) list.setWithCaveats(i, refs[own[i]]);
    };
    positions_ = ask_each(std::move(by_partition), fill, 6);
    gather(host, [this](QueryHost& to) { reply(to); });
  }

 private:
  void reply(QueryHost& host) {
    std::size_t bytes = 0;
    for (std::size_t i = 0; i < answers(); ++i) bytes += answer_bytes(i);
    if (bytes > max_reply_bytes)
      return fail(host, {Code::limit_exceeded, "The vertices are too large for one reply; ask for fewer at a time.",
                         "vertices", max_reply_bytes});
    auto fill = [count = request_.getVertices().size(), positions = std::move(positions_),
                 answers = take_answers()](schema::GetReply::Builder builder) {
      auto vertices_of = [&](std::size_t request) {
        return answers[request].read<schema::Answer>().getGet().getVertices();
      };
      if (positions.size() == 1 && positions[0].size() == count) return builder.setVertices(vertices_of(0));
      auto list = builder.initVertices(count);
      for (std::size_t request = 0; request < positions.size(); ++request) {
        auto vertices = vertices_of(request);
        for (unsigned i = 0; i < positions[request].size() && i < vertices.size(); ++i)
          list.setWithCaveats(positions[request][i], vertices[i]);
      }
    };
    auto words = static_cast<unsigned>(bytes / sizeof(capnp::word) + 16);
    finish(host, Frame::deferred<schema::GetReply>(std::move(fill), words));
  }

  schema::GetRequest::Reader request_;
  Positions positions_;  // of each request
};

}  // namespace

std::unique_ptr<Query> make_get(const QueryContext& context, schema::GetRequest::Reader request) {
  return std::make_unique<GetQuery>(context, request);
}

}  // namespace engram
