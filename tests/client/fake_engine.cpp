#include "tests/client/fake_engine.h"

#include <algorithm>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <capnp/rpc-twoparty.h>
#include <capnp/serialize.h>

#include "tests/client/fake_stream.h"
#include "tests/support/cluster_flags.h"

namespace engram::client {

namespace {

Mishap next(std::deque<Mishap>& mishaps) {
  if (mishaps.empty()) return {};
  auto mishap = mishaps.front();
  mishaps.pop_front();
  return mishap;
}

struct FakeWriter final : schema::Writer::Server {
  explicit FakeWriter(FakeEngine& fake) : engine(fake) {}
  FakeEngine& engine;

  kj::Promise<void> submit(SubmitContext context) override {
    auto bytes = context.getParams().getCommand();
    // Data is word-aligned in a message that was received.
    kj::Array<capnp::word> words = kj::heapArray<capnp::word>(bytes.size() / sizeof(capnp::word));
    memcpy(words.begin(), bytes.begin(), bytes.size());
    capnp::FlatArrayMessageReader message(words);
    auto command = message.getRoot<schema::Command>();
    auto segments = static_cast<std::size_t>(*reinterpret_cast<const std::uint32_t*>(bytes.begin())) + 1;
    engine.submitted.push_back(
        {command.getSession(), command.getSequence(), command.getFirstIncomplete(), bytes.size(), segments});
    auto mishap = next(engine.submit_mishaps);
    auto outcome = context.getResults().initOutcome();
    switch (mishap.kind) {
      case Mishap::none: engine.apply(command, outcome); return kj::READY_NOW;
      case Mishap::drop_before: engine.cut_connections(); return kj::NEVER_DONE;
      case Mishap::drop_after:
        engine.apply(command, outcome);
        engine.cut_connections();
        return kj::NEVER_DONE;
      case Mishap::answer:
        outcome.initError().setCode(mishap.code);
        outcome.getError().setMessage("as the test wants it");
        return kj::READY_NOW;
      case Mishap::freeze: engine.freeze_connections(); return kj::NEVER_DONE;
      case Mishap::silence: return kj::NEVER_DONE;
      case Mishap::late: engine.apply(command, outcome); return engine.after_ms(engine.late_ms);
      case Mishap::pings: engine.apply(command, outcome); return engine.after_pings(engine.pings + 3);
    }
    return kj::READY_NOW;
  }
};

struct FakeReader final : schema::Reader::Server {
  explicit FakeReader(FakeEngine& fake) : engine(fake) {}
  FakeEngine& engine;

  kj::Promise<void> get(GetContext context) override {
    ++engine.gets;
    auto mishap = next(engine.read_mishaps);
    auto reply = context.getResults().initReply();
    if (mishap.kind == Mishap::silence) return kj::NEVER_DONE;
    if (mishap.kind == Mishap::freeze) return engine.freeze_connections(), kj::NEVER_DONE;
    if (mishap.kind == Mishap::pings) return engine.after_pings(engine.pings + 3);
    if (mishap.kind == Mishap::answer) {
      reply.initError().setCode(mishap.code);
      reply.getError().setField(mishap.field);
      return kj::READY_NOW;
    }
    if (mishap.kind != Mishap::none) {
      engine.cut_connections();
      return kj::NEVER_DONE;
    }
    auto wanted = context.getParams().getRequest().getVertices();
    auto list = reply.initVertices(wanted.size());
    for (unsigned i = 0; i < wanted.size(); ++i) {
      auto found = engine.vertices.find(wanted[i].getKey().cStr());
      if (found == engine.vertices.end()) continue;
      list[i].setFound(true);
      list[i].setKey(found->first.c_str());
      auto labels = list[i].initLabels(static_cast<unsigned>(found->second.size()));
      for (unsigned l = 0; l < labels.size(); ++l) labels.set(l, found->second[l].c_str());
    }
    return kj::READY_NOW;
  }

  kj::Promise<void> neighbors(NeighborsContext context) override {
    std::string key = context.getParams().getRequest().getVertex().getKey().cStr();
    std::vector<std::tuple<std::string, std::string, std::string>> found;
    for (const auto& edge : engine.edges)
      if (std::get<0>(edge) == key) found.push_back(edge);
    auto list = context.getResults().initReply().initEdges(static_cast<unsigned>(found.size()));
    for (unsigned i = 0; i < found.size(); ++i) {
      list[i].setSourceKey(std::get<0>(found[i]).c_str());
      list[i].setType(std::get<1>(found[i]).c_str());
      list[i].setTargetKey(std::get<2>(found[i]).c_str());
      list[i].setWeight(1.0);
    }
    return kj::READY_NOW;
  }

  /// Ten vertices a page; the cursor is the last key, and empty if there are no more.
  kj::Promise<void> scan(ScanContext context) override {
    auto request = context.getParams().getRequest();
    auto cursor = request.getCursor();
    std::string from(reinterpret_cast<const char*>(cursor.begin()), cursor.size());
    auto mishap = next(engine.read_mishaps);
    if (mishap.kind == Mishap::answer) {
      context.getResults().initError().setCode(mishap.code);
      return kj::READY_NOW;
    }
    if (mishap.kind == Mishap::freeze) return engine.freeze_connections(), kj::NEVER_DONE;
    return send_pages(context.getParams().getSink(), from, 0);
  }

  kj::Promise<void> send_pages(schema::ScanSink::Client sink, std::string from, int sent) {
    if (engine.scan_cut_after_pages != 0 && sent == engine.scan_cut_after_pages) {
      engine.scan_cut_after_pages = 0;
      engine.cut_connections();
      return kj::NEVER_DONE;
    }
    if (engine.scan_return_after_pages != 0 && sent == engine.scan_return_after_pages) {
      engine.scan_return_after_pages = 0;
      return kj::READY_NOW;
    }
    auto begin = engine.vertices.upper_bound(from);
    if (begin == engine.vertices.end() || (sent > 0 && from.empty())) return sink.doneRequest().send().ignoreResult();
    auto call = sink.pageRequest();
    auto page = call.initPage();
    unsigned size = 0;
    for (auto at = begin; at != engine.vertices.end() && size < 10; ++at) ++size;
    auto list = page.initVertices(size);
    auto at = begin;
    for (unsigned i = 0; i < size; ++i, ++at) {
      list[i].setFound(true);
      list[i].setKey(at->first.c_str());
      from = at->first;
    }
    if (at == engine.vertices.end()) from.clear();
    page.setCursor({reinterpret_cast<const kj::byte*>(from.data()), from.size()});
    return call.send().then([this, sink, from, sent]() mutable { return send_pages(sink, from, sent + 1); });
  }
};

struct FakeAdmin final : schema::Admin::Server {
  explicit FakeAdmin(FakeEngine& fake) : engine(fake) {}
  FakeEngine& engine;

  kj::Promise<void> submit(SubmitContext context) override {
    auto outcome = context.getResults().initOutcome();
    ++engine.applied;
    outcome.setSpace(7);
    return kj::READY_NOW;
  }
  kj::Promise<void> statistics(StatisticsContext context) override {
    context.getResults().setJson(R"({"state":"ready"})");
    return kj::READY_NOW;
  }
};

struct FakeSession final : schema::Session::Server {
  explicit FakeSession(FakeEngine& fake) : engine(fake) {}
  FakeEngine& engine;

  kj::Promise<void> info(InfoContext context) override {
    auto info = context.getResults().initInfo();
    info.setVersion("fake");
    info.setPartitions(2);
    info.setMaxCommandBytes(engine.max_command_bytes);
    const ServerInfo& map = engine.map;
    info.setNode(map.node);
    info.setClusterId({reinterpret_cast<const kj::byte*>(map.cluster_id.data()), map.cluster_id.size()});
    auto nodes = info.initNodes(static_cast<unsigned>(map.nodes.size()));
    for (unsigned i = 0; i < nodes.size(); ++i) {
      nodes[i].setOrdinal(map.nodes[i].ordinal);
      nodes[i].setAddress(map.nodes[i].address.c_str());
    }
    auto owners = info.initOwners(static_cast<unsigned>(map.owners.size()));
    for (unsigned i = 0; i < owners.size(); ++i) owners.set(i, map.owners[i]);
    return kj::READY_NOW;
  }
  kj::Promise<void> openSpace(OpenSpaceContext context) override {
    auto name = context.getParams().getName();
    auto results = context.getResults();
    if (name == "nowhere"_kj) {
      results.initError().setCode(schema::ErrorCode::UNKNOWN_SPACE);
      results.getError().setMessage("there is no space 'nowhere'");
      return kj::READY_NOW;
    }
    results.initSpace().setName(name);
    results.getSpace().setId(name == "default"_kj ? engine.default_space : 42);
    results.setReader(kj::heap<FakeReader>(engine));
    if (!engine.read_only) results.setWriter(kj::heap<FakeWriter>(engine));
    return kj::READY_NOW;
  }
  kj::Promise<void> admin(AdminContext context) override {
    context.getResults().setAdmin(kj::heap<FakeAdmin>(engine));
    return kj::READY_NOW;
  }
};

struct FakeBootstrap final : schema::Engram::Server {
  explicit FakeBootstrap(FakeEngine& fake) : engine(fake) {}
  FakeEngine& engine;

  kj::Promise<void> authenticate(AuthenticateContext context) override {
    auto token = context.getParams().getToken();
    auto results = context.getResults();
    if (std::string(reinterpret_cast<const char*>(token.begin()), token.size()) != engine.token) {
      results.initError().setCode(schema::ErrorCode::UNAUTHENTICATED);
      results.getError().setMessage("wrong token");
      return kj::READY_NOW;
    }
    results.setSession(kj::heap<FakeSession>(engine));
    results.setRole(schema::Role::ADMIN);
    return kj::READY_NOW;
  }
  kj::Promise<void> ping(PingContext context) override {
    ++engine.pings;
    context.getResults().setPayload(context.getParams().getPayload());
    return kj::READY_NOW;
  }
};

struct Accepted {
  Accepted(FakeEngine& engine, kj::Own<kj::AsyncIoStream> from, kj::Timer& timer)
      : stream(kj::heap<FakeStream>(kj::mv(from), timer)),
        network(*stream, capnp::rpc::twoparty::Side::SERVER),
        rpc(capnp::makeRpcServer(network, kj::heap<FakeBootstrap>(engine))) {}
  kj::Own<FakeStream> stream;
  capnp::TwoPartyVatNetwork network;
  capnp::RpcSystem<capnp::rpc::twoparty::VatId> rpc;
};

/// Each has an address of its own, where nobody else takes the port while it does not listen.
constexpr unsigned port = 9470;
std::string own_host() {
  static unsigned made = 0;
  return test::loopback_address(made++ % 200);
}

}  // namespace

struct FakeEngine::Impl {
  explicit Impl(kj::AsyncIoContext& context) : io(context), cutting(kj::READY_NOW), accepting(kj::READY_NOW) {}
  kj::AsyncIoContext& io;
  const std::string host = own_host();
  kj::Own<kj::ConnectionReceiver> receiver;
  std::vector<kj::Own<Accepted>> accepted;
  std::vector<kj::Own<Accepted>> dying;
  kj::Promise<void> cutting;
  kj::Promise<void> accepting;
  bool frozen = false;
  bool slow = false;

  kj::Promise<void> accept_loop(FakeEngine& engine) {
    return receiver->accept().then([this, &engine](kj::Own<kj::AsyncIoStream>&& stream) {
      ++engine.connections;
      accepted.push_back(kj::heap<Accepted>(engine, kj::mv(stream), io.provider->getTimer()));
      if (frozen) accepted.back()->stream->freeze();
      if (slow) accepted.back()->stream->slow_down(std::size_t{32} << 10);
      return accept_loop(engine);
    });
  }
};

FakeEngine::FakeEngine(kj::AsyncIoContext& io, std::string wanted_token)
    : impl(kj::heap<Impl>(io)), token(std::move(wanted_token)) {
  listen();
}
FakeEngine::~FakeEngine() = default;

std::string FakeEngine::address() const { return impl->host + ":" + std::to_string(port); }

void FakeEngine::listen() {
  sockaddr_in loopback{};
  loopback.sin_family = AF_INET;
  loopback.sin_port = htons(port);
  loopback.sin_addr.s_addr = ::inet_addr(impl->host.c_str());
  impl->receiver = impl->io.provider->getNetwork().getSockaddr(&loopback, sizeof loopback)->listen();
  impl->accepting = impl->accept_loop(*this).eagerlyEvaluate([](kj::Exception&&) {});
}

void FakeEngine::stop() {
  impl->accepting = kj::READY_NOW;
  impl->receiver = nullptr;
  impl->accepted.clear();
}

void FakeEngine::cut_connections() {
  // Called from within a call on such a connection: it may only be destroyed on a later turn.
  for (auto& connection : impl->accepted) {
    connection->stream->shutdownWrite();
    connection->stream->abortRead();
    impl->dying.push_back(kj::mv(connection));
  }
  impl->accepted.clear();
  impl->cutting = kj::evalLater([this] { impl->dying.clear(); }).eagerlyEvaluate([](kj::Exception&&) {});
}

void FakeEngine::freeze_connections() {
  for (auto& connection : impl->accepted) connection->stream->freeze();
}

void FakeEngine::freeze() {
  impl->frozen = true;
  freeze_connections();
}

void FakeEngine::slow_down() {
  impl->slow = true;
  int buffer_bytes = 64 << 10;  // what the kernel took in would not be seen to move
  impl->receiver->setsockopt(SOL_SOCKET, SO_RCVBUF, &buffer_bytes, sizeof buffer_bytes);
}

kj::Promise<void> FakeEngine::after_pings(int until) {
  if (pings >= until) return kj::READY_NOW;
  return after_ms(1).then([this, until] { return after_pings(until); });
}

kj::Promise<void> FakeEngine::after_ms(int milliseconds) {
  return impl->io.provider->getTimer().afterDelay(milliseconds * kj::MILLISECONDS);
}

void FakeEngine::apply(schema::Command::Reader command, schema::Outcome::Builder outcome) {
  auto session = command.getSession();
  auto& floor = session_floors[session];
  if (command.getSequence() < floor) {
    outcome.initError().setCode(schema::ErrorCode::SESSION_EXPIRED);
    return;
  }
  floor = std::max(floor, std::min(command.getFirstIncomplete(), command.getSequence()));
  session_table.erase(session_table.lower_bound({session, 0}), session_table.lower_bound({session, floor}));
  auto& done = session_table[{session, command.getSequence()}];
  outcome.setDuplicate(done);
  outcome.setVersion(static_cast<std::uint64_t>(applied + 1));
  if (done) return;
  done = true;
  ++applied;
  unsigned created = 0;
  for (auto operation : command.getBatch().getOperations()) {
    ++created;
    if (operation.isPutVertex()) {
      auto put = operation.getPutVertex();
      auto& labels = vertices[put.getKey().cStr()];
      for (auto label : put.getLabels()) labels.emplace_back(label.cStr());
    } else if (operation.isPutEdge()) {
      auto edge = operation.getPutEdge().getEdge();
      edges.emplace_back(edge.getSource().cStr(), edge.getType().cStr(), edge.getTarget().cStr());
    }
  }
  outcome.setCreated(created);
}

}  // namespace engram::client
