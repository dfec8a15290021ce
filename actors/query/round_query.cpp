#include "actors/query/round_query.h"

#include <algorithm>
#include <utility>

namespace engram {

void RoundQuery::answered(QueryHost& host, std::uint64_t tag, PartitionId, const Frame& answer) {
  if (finished_ || tag < first_tag_ || tag - first_tag_ >= answers_.size()) return;
  Frame& place = answers_[tag - first_tag_];
  if (place) return;
  auto error = answer.read<schema::Answer>().getError();
  if (error.getCode() != schema::ErrorCode::NONE) {
    Status status = read_error(error);
    if (const std::string& name = seeds_fields_[tag - first_tag_]; status.field() == "seeds" && !name.empty())
      status = {status.code(), status.message(), name, status.limit()};
    if (status.code() == Code::limit_exceeded && status.field() == "memory") {  // what a partition may gather in a hop
      bool own = context_.all_reads == nullptr || held().bytes + status.limit() >= context_.memory_bytes;
      status = own ? over_memory(held().bytes + answers_bytes_ + status.limit(), status.partial()) : over_all_memory();
    }
    return status.code() == Code::deadline_exceeded ? stopped(host, status) : fail(host, status);
  }
  place = answer;
  answers_bytes_ += answer.words() * sizeof(capnp::word);
  if (Status status = check_memory(); !status.ok()) return fail(host, status);
  if (--missing_ > 0) return;
  Step next = std::exchange(next_, nullptr);  // the step may be the last of this object
  next(host);
}

void RoundQuery::give_up(QueryHost& host, const Status& why) {
  if (!finished_) stopped(host, why);
}

void RoundQuery::gather(QueryHost& host, Step next) {
  first_tag_ += answers_.size();
  answers_.clear();
  answers_bytes_ = 0;
  if (Status status = check_memory(); !status.ok()) return fail(host, status);
  if (asked_.empty()) return next(host);
  if (Status status = host.interrupted(); !status.ok()) return stopped(host, status);
  std::vector<Asked> asked = std::exchange(asked_, {});
  answers_.resize(asked.size());
  missing_ = asked.size();
  next_ = std::move(next);
  seeds_fields_.clear();
  for (Asked& one : asked) seeds_fields_.push_back(std::move(one.seeds_field));
  std::uint64_t tag = first_tag_;
  for (Asked& one : asked) host.ask(one.partition, std::move(one.request), tag++);
}

/// With every answer, and so in the middle of a hop: one that comes upon a million neighbours is not gathered to its end. And
/// no partition answers with more than there is room for.
Status RoundQuery::check_memory() {
  std::size_t bytes = held().bytes + answers_bytes_;
  if (context_.memory_bytes != 0 && bytes > context_.memory_bytes) return over_memory(bytes, 0);
  return share_.hold(bytes) ? Status() : over_all_memory();
}

std::size_t RoundQuery::memory_left() const {
  if (context_.memory_bytes == 0) return 0;
  std::size_t bytes = held().bytes;
  std::size_t own = bytes < context_.memory_bytes ? context_.memory_bytes - bytes : 1;
  bool counted = context_.all_reads != nullptr && context_.all_reads->limit() != 0;
  return counted ? std::min(own, context_.all_reads->left()) : own;
}

Status RoundQuery::over_all_memory() const {
  const ReadMemory& all = *context_.all_reads;
  return {Code::overloaded,
          "The reads of this node hold " + std::to_string(all.held()) + " bytes, and this one would take them beyond the " +
              std::to_string(all.limit()) + " that they may. Retry; or raise limits.reads_memory_bytes.",
          "memory", all.limit()};
}

Status RoundQuery::over_memory(std::size_t bytes, std::uint64_t vertices_beside) const {
  std::uint64_t vertices = held().vertices + vertices_beside;
  for (const Frame& answer : answers_) {
    if (!answer || !answer.read<schema::Answer>().isHop()) continue;
    auto hop = answer.read<schema::Answer>().getHop();
    vertices += hop.getIds().size() + hop.getNeighbours().size();
  }
  return Status(Code::limit_exceeded,
                "The query holds " + std::to_string(bytes) + " bytes after it came upon " + std::to_string(vertices) +
                    " vertices, and may hold " + std::to_string(context_.memory_bytes) +
                    ". Ask for fewer hops, or for less with filters and limits; or raise limits.query_memory_bytes.",
                "memory", context_.memory_bytes)
      .with_partial(vertices);
}

void RoundQuery::finish(QueryHost& host, Frame reply) {
  finished_ = true;
  host.finish(std::move(reply));
}

namespace {

void fill_hop(schema::HopRequest::Builder request, const HopShape& shape, std::size_t max_bytes) {
  request.setMaxBytes(max_bytes);
  if (!is_empty(shape.admit)) request.setAdmit(shape.admit);
  request.setExpand(shape.expand);
  if (!shape.expand) return;
  auto hop = request.initHop();
  hop.setDirection(shape.direction);
  hop.setEdges(shape.edges);
  hop.setLimitPerVertex(shape.limit_per_vertex);
  request.setPayload(shape.payload);
  if (shape.payload == schema::HopRequest::Payload::PROPERTY) request.setCostProperty(shape.cost_property);
}

}  // namespace

std::size_t RoundQuery::ask_hop(std::span<const std::uint64_t> frontier, const HopShape& shape) {
  auto fill = [&](schema::Request::Builder builder) {
    auto request = builder.initHop();
    auto list = request.initFrontier(static_cast<unsigned>(frontier.size()));
    for (unsigned i = 0; i < list.size(); ++i) list.set(i, frontier[i]);
    fill_hop(request, shape, memory_left());
  };
  return ask(VertexId{frontier.front()}.partition(), fill, frontier.size());
}

Status RoundQuery::ask_seeds(const std::vector<schema::VertexRef::Reader>& refs, const HopShape& shape,
                             const std::string& field, Positions& positions) {
  Positions by_partition(context_.partitions);
  for (std::uint32_t i = 0; i < refs.size(); ++i) {
    auto owner = owner_of(refs[i]);
    if (!owner) return unknown_vertex(refs[i], field);
    by_partition[owner->value].push_back(i);
  }
  auto fill = [&](schema::Request::Builder builder, const std::vector<std::uint32_t>& own) {
    auto request = builder.initHop();
    auto list = request.initSeeds(static_cast<unsigned>(own.size()));
    for (unsigned i = 0; i < list.size(); ++i) list.setWithCaveats(i, refs[own[i]]);
    fill_hop(request, shape, memory_left());
  };
  std::size_t first = asked_.size();
  positions = ask_each(std::move(by_partition), fill, 6);
  for (std::size_t i = first; i < asked_.size(); ++i) asked_[i].seeds_field = field;
  return {};
}

RoundQuery::VertexFetch RoundQuery::ask_vertices(std::span<const std::uint64_t> ids,
                                                 const schema::Projection::Reader* projection) {
  VertexFetch fetch;
  fetch.first_request = asked_.size();
  Positions by_partition(context_.partitions);
  for (std::uint32_t i = 0; i < ids.size(); ++i) by_partition[VertexId{ids[i]}.partition().value].push_back(i);
  for (std::uint32_t partition = 0; partition < context_.partitions; ++partition) {
    std::span<const std::uint32_t> own = by_partition[partition];
    while (!own.empty()) {
      auto part = own.first(std::min(own.size(), Frontier::max_request_vertices));
      own = own.subspan(part.size());
      auto fill = [&](schema::Request::Builder builder) {
        auto get = builder.initGet();
        auto refs = get.initVertices(static_cast<unsigned>(part.size()));
        for (unsigned i = 0; i < refs.size(); ++i) refs[i].setId(ids[part[i]]);
        if (projection != nullptr) {
          get.setProjection(*projection);
        } else {
          get.initProjection().setProperties(false);
          get.getProjection().setLabels(false);
        }
      };
      ask({static_cast<std::uint16_t>(partition)}, fill, part.size() * 3);
      fetch.positions.emplace_back(part.begin(), part.end());
    }
  }
  return fetch;
}

void RoundQuery::read_vertices(VertexFetch& fetch, std::size_t count) {
  fetch.vertices.assign(count, schema::Vertex::Reader());
  for (std::size_t request = 0; request < fetch.positions.size(); ++request) {
    fetch.kept.push_back(answers_[fetch.first_request + request]);
    auto vertices = fetch.kept.back().read<schema::Answer>().getGet().getVertices();
    const std::vector<std::uint32_t>& positions = fetch.positions[request];
    for (unsigned i = 0; i < positions.size() && i < vertices.size(); ++i) fetch.vertices[positions[i]] = vertices[i];
  }
}

std::optional<PartitionId> RoundQuery::owner_of(schema::VertexRef::Reader ref) const {
  if (ref.isKey()) return owner_of_key(context_.space, text_of(ref.getKey()), context_.partitions);
  PartitionId partition = VertexId{ref.getId()}.partition();
  if (partition.value >= context_.partitions) return std::nullopt;
  if (context_.space.placement == Placement::together && partition != context_.space.home) return std::nullopt;
  return partition;
}

std::vector<PartitionId> RoundQuery::partitions_of_space() const {
  if (context_.space.placement == Placement::together) return {context_.space.home};
  std::vector<PartitionId> all;
  for (std::uint32_t i = 0; i < context_.partitions; ++i) all.push_back({static_cast<std::uint16_t>(i)});
  return all;
}

Status unknown_vertex(schema::VertexRef::Reader ref, std::string field) {
  std::string name =
      ref.isKey() ? "key \"" + std::string(text_of(ref.getKey())) + "\"" : "id " + std::to_string(ref.getId());
  return {Code::unknown_vertex, "There is no vertex with the " + name + " in this space.", std::move(field)};
}

}  // namespace engram
