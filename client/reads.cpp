// Every read: the query into a request, the reply into plain structs.

#include "client/convert.h"
#include "client/engram/connection.h"

namespace engram::client {

namespace {

/// Sends `request`, and turns its reply into a Result: the error in it, or what `convert` makes of it.
template <typename Value, typename Request, typename Convert>
kj::Promise<Result<Value>> finish(Request request, std::uint32_t timeout_ms, Convert convert) {
  request.setTimeoutMs(timeout_ms);
  return request.send().then([convert = kj::mv(convert)](auto&& response) mutable -> Result<Value> {
    auto reply = response.getReply();
    if (auto status = read(reply.getError()); !status.ok()) return status;
    return convert(reply);
  });
}

/// The size of a request with `items` vertices or edges in it: without one, every message begins as eight kilobytes of zeros.
capnp::MessageSize room_for(std::size_t items) { return {64 + 8 * std::uint64_t{items}, 0}; }

void write_seed(const Seed& from, schema::Seed::Builder to) {
  write(from.vertex, to.initVertex());
  to.setActivation(from.activation);
}

}  // namespace

kj::Promise<Result<std::vector<Vertex>>> get(schema::Reader::Client reader, std::span<const VertexRef> vertices,
                                             const Projection& projection, std::uint32_t timeout_ms) {
  auto call = reader.getRequest(room_for(vertices.size()));
  auto request = call.initRequest();
  auto list = request.initVertices(static_cast<unsigned>(vertices.size()));
  for (unsigned i = 0; i < vertices.size(); ++i) write(vertices[i], list[i]);
  write(projection, request.initProjection());
  return finish<std::vector<Vertex>>(kj::mv(call), timeout_ms, [](auto reply) { return read(reply.getVertices()); });
}

kj::Promise<Result<std::vector<Edge>>> get_edges(schema::Reader::Client reader, std::span<const EdgeKey> edges,
                                                 const Projection& projection, std::uint32_t timeout_ms) {
  auto call = reader.getEdgesRequest(room_for(edges.size()));
  auto request = call.initRequest();
  auto list = request.initEdges(static_cast<unsigned>(edges.size()));
  for (unsigned i = 0; i < edges.size(); ++i) write(edges[i], list[i]);
  write(projection, request.initProjection());
  return finish<std::vector<Edge>>(kj::mv(call), timeout_ms, [](auto reply) { return read(reply.getEdges()); });
}

kj::Promise<Result<NeighborsPage>> neighbors(schema::Reader::Client reader, const VertexRef& vertex,
                                             const NeighborsQuery& query, std::uint32_t timeout_ms) {
  auto call = reader.neighborsRequest(room_for(1));
  auto request = call.initRequest();
  write(vertex, request.initVertex());
  request.setDirection(static_cast<schema::Direction>(query.direction));
  write(query.edges, request.initFilter());
  write(query.target, request.initTarget());
  request.setLimit(query.limit);
  request.setCursor(as_data(query.cursor));
  write(query.projection, request.initProjection());
  return finish<NeighborsPage>(kj::mv(call), timeout_ms, [](auto reply) {
    return NeighborsPage{read(reply.getEdges()), to_string(reply.getCursor())};
  });
}

kj::Promise<Result<Degree>> degree(schema::Reader::Client reader, const VertexRef& vertex,
                                   std::span<const std::string> types, std::uint32_t timeout_ms) {
  auto call = reader.degreeRequest(room_for(1));
  auto request = call.initRequest();
  write(vertex, request.initVertex());
  auto list = request.initTypes(static_cast<unsigned>(types.size()));
  for (unsigned i = 0; i < types.size(); ++i) list.set(i, text(types[i]));
  return finish<Degree>(kj::mv(call), timeout_ms, [](auto reply) { return Degree{reply.getOut(), reply.getIn()}; });
}

kj::Promise<Result<Expansion>> expand(schema::Reader::Client reader, const ExpandQuery& query,
                                      std::uint32_t timeout_ms) {
  auto call = reader.expandRequest(room_for(1));
  auto request = call.initRequest();
  auto seeds = request.initSeeds(static_cast<unsigned>(query.seeds.size()));
  for (unsigned i = 0; i < query.seeds.size(); ++i) write(query.seeds[i], seeds[i]);
  auto hops = request.initHops(static_cast<unsigned>(query.hops.size()));
  for (unsigned i = 0; i < query.hops.size(); ++i) write(query.hops[i], hops[i]);
  request.setMaxVisited(query.max_visited);
  request.setMaxResults(query.max_results);
  request.setResult(static_cast<schema::ResultKind>(query.result));
  write(query.projection, request.initProjection());
  request.setMinDepth(query.min_depth);
  return finish<Expansion>(kj::mv(call), timeout_ms,
                           [min_depth = query.min_depth](auto reply) { return read(reply, min_depth); });
}

kj::Promise<Result<Path>> path(schema::Reader::Client reader, const VertexRef& source, const VertexRef& target,
                               const PathQuery& query, std::uint32_t timeout_ms) {
  auto call = reader.pathRequest(room_for(1));
  auto request = call.initRequest();
  write(source, request.initSource());
  write(target, request.initTarget());
  request.setDirection(static_cast<schema::Direction>(query.direction));
  write(query.edges, request.initEdges());
  write(query.vertices, request.initVertices());
  switch (query.cost) {
    case PathQuery::Cost::hops: request.getCost().setHops(); break;
    case PathQuery::Cost::weight: request.getCost().setWeight(); break;
    case PathQuery::Cost::property: request.getCost().setProperty(text(query.cost_property)); break;
  }
  request.setMaxHops(query.max_hops);
  request.setMaxVisited(query.max_visited);
  write(query.projection, request.initProjection());
  return finish<Path>(kj::mv(call), timeout_ms, [](auto reply) {
    return Path{static_cast<Limit>(reply.getExceeded()), reply.getFound(), reply.getCost(), read(reply.getVertices()),
                read(reply.getEdges())};
  });
}

kj::Promise<Result<Recall>> recall(schema::Reader::Client reader, const RecallQuery& query, std::uint32_t timeout_ms) {
  auto call = reader.recallRequest(room_for(1));
  auto request = call.initRequest();
  auto seeds = request.initSeeds(static_cast<unsigned>(query.seeds.size()));
  for (unsigned i = 0; i < query.seeds.size(); ++i) write_seed(query.seeds[i], seeds[i]);
  request.setDecay(query.decay);
  request.setThreshold(query.threshold);
  request.setMaxHops(query.max_hops);
  request.setTop(query.top);
  request.setNormalise(static_cast<schema::Normalise>(query.normalise));
  request.setDirection(static_cast<schema::Direction>(query.direction));
  write(query.edges, request.initEdges());
  write(query.vertices, request.initVertices());
  request.setIncludeSeeds(query.include_seeds);
  request.setMaxVisited(query.max_visited);
  write(query.projection, request.initProjection());
  return finish<Recall>(kj::mv(call), timeout_ms, [](auto reply) { return read(reply); });
}

kj::Promise<Result<Lookup>> lookup(schema::Reader::Client reader, const LookupQuery& query, std::uint32_t timeout_ms) {
  auto call = reader.lookupRequest(room_for(1));
  auto request = call.initRequest();
  write(query.index, request.initIndex());
  if (query.equal) {
    write(*query.equal, request.initEqual());
  } else {
    auto range = request.initRange();
    write(query.min, range.initMin());
    write(query.max, range.initMax());
    range.setMinExclusive(query.min_exclusive);
    range.setMaxExclusive(query.max_exclusive);
  }
  request.setLimit(query.limit);
  write(query.projection, request.initProjection());
  request.setCursor(as_data(query.cursor));
  return finish<Lookup>(kj::mv(call), timeout_ms, [goes_on = !query.cursor.empty()](auto reply) -> Result<Lookup> {
    if (goes_on && !reply.getPaged())
      return Status(Code::unsupported, "This engine is of the version before, and does not go on with look-ups.", "cursor");
    auto cursor = reply.getCursor();
    return Lookup{static_cast<Limit>(reply.getExceeded()), read(reply.getVertices()),
                  std::string(reinterpret_cast<const char*>(cursor.begin()), cursor.size())};
  });
}

kj::Promise<Result<Statistics>> statistics(schema::Reader::Client reader, std::uint32_t timeout_ms) {
  return finish<Statistics>(reader.statisticsRequest(), timeout_ms, [](auto reply) { return read(reply); });
}

}  // namespace engram::client
