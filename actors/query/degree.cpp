// The degrees of one vertex: its partition knows both.

#include "actors/query/round_query.h"

namespace engram {
namespace {

class DegreeQuery final : public ReplyQuery<schema::DegreeReply> {
 public:
  DegreeQuery(const QueryContext& context, schema::DegreeRequest::Reader request)
      : ReplyQuery(context), request_(request) {}

  void start(QueryHost& host) override {
    auto owner = owner_of(request_.getVertex());
    if (!owner) return fail(host, unknown_vertex(request_.getVertex(), "vertex"));
    ask(*owner, [&](schema::Request::Builder builder) { builder.setDegree(request_); });
    gather(host, [this](QueryHost& to) {
      auto degree = answer(0).getDegree();
      finish(to, Frame::build<schema::DegreeReply>(
                     [&](schema::DegreeReply::Builder reply) {
                       reply.setOut(degree.getOut());
                       reply.setIn(degree.getIn());
                     },
                     16));
    });
  }

 private:
  schema::DegreeRequest::Reader request_;
};

}  // namespace

std::unique_ptr<Query> make_degree(const QueryContext& context, schema::DegreeRequest::Reader request) {
  return std::make_unique<DegreeQuery>(context, request);
}

}  // namespace engram
