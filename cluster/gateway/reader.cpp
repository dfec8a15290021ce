// Reads: each call is checked, run as a query over the partitions, and answered.
//
// A read allows its cancellation: once the caller's Finish or the end of the connection is noticed, the promise that the
// method returned is dropped, and with it the query and the CallScope, which then counts the call as cancelled. Whatever
// that promise holds has to be content with being dropped between any two turns of the loop. The parameters, which a query
// reads while it runs, live longer than the promise.

#include "cluster/gateway/capabilities.h"

namespace engram {
namespace {

constexpr std::uint32_t page_vertices = 1000;
constexpr std::uint32_t page_bytes = 512 << 10;

/// What a message has room for beside `words` of content. Without a size it would take and clear eight kilobytes, which costs
/// more than the whole of a small read.
capnp::MessageSize room_for(std::size_t words) { return {words + 64, 0}; }

class ReaderServer final : public schema::Reader::Server {
 public:
  ReaderServer(kj::Own<SessionRights> rights, const SpaceRoute& space) : rights_(kj::mv(rights)), space_(space) {}

  kj::Promise<void> get(GetContext context) override {
    auto refs = context.getParams().getRequest().getVertices();
    if (refs.size() == 1) return get_one(context);
    return run<schema::GetReply>(context, Operation::get, make_get);
  }
  kj::Promise<void> neighbors(NeighborsContext context) override {
    return run<schema::NeighborsReply>(context, Operation::neighbors, make_neighbors);
  }
  kj::Promise<void> expand(ExpandContext context) override {
    return run<schema::ExpandReply>(context, Operation::expand, make_expand);
  }
  kj::Promise<void> path(PathContext context) override {
    return run<schema::PathReply>(context, Operation::path, make_path);
  }
  kj::Promise<void> recall(RecallContext context) override {
    return run<schema::RecallReply>(context, Operation::recall, make_recall);
  }
  kj::Promise<void> lookup(LookupContext context) override {
    return run<schema::LookupReply>(context, Operation::lookup, make_lookup);
  }
  kj::Promise<void> degree(DegreeContext context) override {
    return run<schema::DegreeReply>(context, Operation::degree, make_degree);
  }
  kj::Promise<void> getEdges(GetEdgesContext context) override {
    return run<schema::GetEdgeReply>(context, Operation::get_edges, make_get_edges);
  }
  kj::Promise<void> statistics(StatisticsContext context) override {
    auto scope = kj::heap<CallScope>(kj::addRef(*rights_), Operation::statistics);
    if (!scope->status().ok()) return refuse(context, *scope, scope->status());
    QueryContext query = query_context(context.getParams().getTimeoutMs());
    context.allowCancellation();
    return finish<schema::StatisticsReply>(context, kj::mv(scope), query, make_statistics(query));
  }
  kj::Promise<void> scan(ScanContext context) override;

 private:
  [[nodiscard]] QueryContext query_context(std::uint32_t timeout_ms) {
    GatewayServices& services = rights_->connection().services;
    return {space_, services.engine->partitions(), deadline_of(*services.clock, timeout_ms),
            services.config->limits.query_memory_bytes, &services.read_memory};
  }

  template <typename Context>
  kj::Promise<void> refuse(Context& context, CallScope& scope, const Status& status) {
    write_error(status, context.getResults().initReply().initError());
    scope.ended(status.code());
    return kj::READY_NOW;
  }

  template <typename Reply, typename Context, typename Make>
  kj::Promise<void> run(Context context, Operation operation, Make&& make) {
    auto scope = kj::heap<CallScope>(kj::addRef(*rights_), operation);
    auto params = context.getParams();
    Status status = scope->status();
    if (status.ok()) status = validate(params.getRequest());
    if (!status.ok()) return refuse(context, *scope, status);
    QueryContext query = query_context(params.getTimeoutMs());
    context.allowCancellation();
    return finish<Reply>(context, kj::mv(scope), query, make(query, params.getRequest()));
  }

  template <typename Reply, typename Context>
  kj::Promise<void> finish(Context context, kj::Own<CallScope> scope, const QueryContext& query,
                           std::unique_ptr<Query> machine) {
    ConnectionState& connection = rights_->connection();
    return run_query(connection.loop, *connection.services.clock, std::move(machine), query.deadline_ns, scope->number())
        .then([context, scope = kj::mv(scope)](Frame frame) mutable {
          if (frame.is_deferred()) {  // a whole reply, and no error
            frame.write_to(context.getResults(room_for(frame.words())).initReply());
            return scope->ended(Code::none);
          }
          auto reply = frame.read<Reply>();
          context.getResults(room_for(frame.words())).setReply(reply);
          scope->ended(static_cast<Code>(reply.getError().getCode()));
        });
  }

  kj::Promise<void> get_one(GetContext context);
  kj::Promise<void> scan_pages(std::shared_ptr<struct ScanRun> run);

  kj::Own<SessionRights> rights_;
  SpaceRoute space_;
};

/// The commonest call takes the shortest way: one partition, one message, no coordinator.
kj::Promise<void> ReaderServer::get_one(GetContext context) {
  auto scope = kj::heap<CallScope>(kj::addRef(*rights_), Operation::get);
  auto request = context.getParams().getRequest();
  Status status = scope->status();
  if (status.ok()) status = validate(request);
  if (!status.ok()) return refuse(context, *scope, status);
  ConnectionState& connection = rights_->connection();
  std::uint32_t partitions = connection.services.engine->partitions();
  auto ref = request.getVertices()[0];
  PartitionId owner = ref.isKey() ? owner_of_key(space_, {ref.getKey().begin(), ref.getKey().size()}, partitions)
                                  : VertexId{ref.getId()}.partition();
  bool elsewhere = space_.placement == Placement::together && owner != space_.home;
  if (owner.value >= partitions || elsewhere) {  // an id that nothing of the space can have
    context.getResults().initReply().initVertices(1);
    scope->ended(Code::none);
    return kj::READY_NOW;
  }
  std::int64_t deadline_ns = deadline_of(*connection.services.clock, context.getParams().getTimeoutMs());
  Frame frame = Frame::build<schema::Request>([&](schema::Request::Builder out) {
    out.setSpace(space_.id.value);
    out.setDeadlineNs(deadline_ns);
    out.setGet(request);
  }, 64);
  context.allowCancellation();
  return connection.loop.ask(owner, std::move(frame), deadline_ns, scope->number())
      .then([context, scope = kj::mv(scope)](Frame answer) mutable {
        auto reply = context.getResults(room_for(answer.words())).initReply();
        auto root = answer.read<schema::Answer>();
        if (root.isGet()) {
          reply.setVertices(root.getGet().getVertices());
        } else {
          reply.setError(root.getError());
        }
        scope->ended(static_cast<Code>(root.getError().getCode()));
      });
}

// --- scan -----------------------------------------------------------------------------------------------------------

/// A scan under way: the request is kept (with a cursor that moves on), pages go to the sink as its window allows.
struct ScanRun {
  ScanRun(kj::Own<CallScope> call, schema::ScanSink::Client to) : scope(kj::mv(call)), sink(kj::mv(to)) {}

  kj::Own<CallScope> scope;
  schema::ScanSink::Client sink;
  capnp::MallocMessageBuilder message;
  std::uint64_t left = 0;
  bool limited = false;
  bool edges_go_on = false;  // the last page ended within a vertex
  std::uint32_t timeout_ms = 0;
  Status status;

  schema::ScanRequest::Reader request() { return message.getRoot<schema::ScanRequest>().asReader(); }
};

Status node_stops_status() {
  return {Code::unavailable, "The node is shutting down; go on from the cursor at another one."};
}

kj::Promise<void> ReaderServer::scan(ScanContext context) {
  auto scope = kj::heap<CallScope>(kj::addRef(*rights_), Operation::scan);
  auto params = context.getParams();
  Status status = scope->status();
  if (status.ok()) status = validate(params.getRequest());
  if (status.ok() && !params.hasSink()) status = Status(Code::invalid_argument, "sink is missing.", "sink");
  if (!status.ok()) {
    write_error(status, context.getResults().initError());
    scope->ended(status.code());
    return kj::READY_NOW;
  }
  auto run = std::make_shared<ScanRun>(kj::mv(scope), params.getSink());
  run->message.setRoot(params.getRequest());
  run->left = params.getRequest().getLimit();
  run->limited = run->left != 0;
  run->edges_go_on = goes_on_within_vertex(params.getRequest().getCursor());
  run->timeout_ms = params.getTimeoutMs();
  context.releaseParams();
  context.allowCancellation();
  // A scan is in flight for as long as its client likes, and a node that stops cannot wait for that. It ends between any two
  // steps: a page that the client has not got is not behind the cursor that it goes on with.
  GatewayLoop& loop = rights_->connection().loop;
  auto node_stops = loop.stopping().then([run] { run->status = node_stops_status(); });
  return scan_pages(run).exclusiveJoin(kj::mv(node_stops)).then([context, run, &loop]() mutable {
    if (!run->status.ok()) write_error(run->status, context.getResults().initError());
    auto done = run->sink.doneRequest();
    if (!run->status.ok()) write_error(run->status, done.initError());
    done.setCursor(run->request().getCursor());
    // In flight until the sink has answered: pages wait before it, and who hears of no error has got them all.
    auto answered = done.send().ignoreResult().then([] { return true; });
    return answered.exclusiveJoin(loop.stopping().then([] { return false; })).then([context, run](bool all) mutable {
      if (!all && run->status.ok()) write_error(node_stops_status(), context.getResults().initError());
      run->scope->ended(run->status.code());
    });
  });
}

kj::Promise<void> ReaderServer::scan_pages(std::shared_ptr<ScanRun> run) {
  QueryContext query = query_context(run->timeout_ms);
  auto most = static_cast<std::uint32_t>(run->limited ? std::min<std::uint64_t>(run->left, page_vertices) : page_vertices);
  ConnectionState& connection = rights_->connection();
  auto page = run_query(connection.loop, *connection.services.clock,
                        make_scan_page(query, run->request(), most, page_bytes), query.deadline_ns, run->scope->number());
  return page.then([this, run](Frame frame) -> kj::Promise<void> {
    auto answer = frame.read<schema::Answer>();
    if (answer.getError().getCode() != schema::ErrorCode::NONE) {
      run->status = read_error(answer.getError());
      return kj::READY_NOW;
    }
    auto found = answer.getScan();
    run->message.getRoot<schema::ScanRequest>().setCursor(found.getCursor());
    bool more = found.getCursor().size() > 0;
    // A vertex counts when the last of its edges is sent.
    std::uint64_t done = found.getVertices().size() + (run->edges_go_on ? 1 : 0) - (found.getEdgesGoOn() ? 1 : 0);
    run->edges_go_on = found.getEdgesGoOn();
    if (run->limited) {
      run->left -= std::min(run->left, done);
      more = more && run->left > 0;
    }
    auto request = run->sink.pageRequest();
    request.setPage(found);
    return request.send().then([this, run, more]() -> kj::Promise<void> {
      return more ? scan_pages(run) : kj::Promise<void>(kj::READY_NOW);
    });
  });
}

}  // namespace

schema::Reader::Client make_reader(kj::Own<SessionRights> rights, const SpaceRoute& space) {
  return kj::heap<ReaderServer>(kj::mv(rights), space);
}

}  // namespace engram
