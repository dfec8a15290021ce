#include "tests/tools/loadgen/fake_engine.h"

#include <charconv>
#include <chrono>
#include <future>

#include <capnp/rpc-twoparty.h>
#include <capnp/serialize.h>
#include <kj/async-io.h>

#include "schema/client.capnp.h"

namespace engram::loadgen::test {

namespace {

class FakeReader final : public schema::Reader::Server {
 public:
  explicit FakeReader(FakeBehaviour& behaviour) : behaviour_(behaviour) {}

 protected:
  kj::Promise<void> get(GetContext context) override {
    auto number = ++behaviour_.gets;
    if (number == behaviour_.stall_at_get) std::this_thread::sleep_for(std::chrono::milliseconds(behaviour_.stall_ms));
    auto reply = context.getResults().initReply();
    auto refuse_every = behaviour_.refuse_every.load();
    if (refuse_every != 0 && number % refuse_every == 0) {
      reply.initError().setCode(schema::ErrorCode::OVERLOADED);
      return kj::READY_NOW;
    }
    auto asked = context.getParams().getRequest().getVertices();
    behaviour_.keys += asked.size();
    auto vertices = reply.initVertices(asked.size());
    for (kj::uint i = 0; i < asked.size(); ++i) answer(asked[i].getKey(), vertices[i]);
    return kj::READY_NOW;
  }

  kj::Promise<void> getEdges(GetEdgesContext context) override {
    std::lock_guard lock(behaviour_.mutex);
    auto asked = context.getParams().getRequest().getEdges();
    auto edges = context.getResults().initReply().initEdges(asked.size());
    for (kj::uint i = 0; i < asked.size(); ++i) {
      auto found = behaviour_.edges.find({std::string(asked[i].getSource()), std::string(asked[i].getTarget())});
      if (found == behaviour_.edges.end()) continue;   // an edge with other ends than those asked for
      edges[i].setSourceKey(asked[i].getSource());
      edges[i].setCreatedNs(found->second.created_ns);
      edges[i].setChangedNs(found->second.changed_ns);
    }
    return kj::READY_NOW;
  }

 private:
  void answer(capnp::Text::Reader text, schema::Vertex::Builder vertex) {
    std::uint64_t key = 0;
    auto end = std::from_chars(text.begin(), text.end(), key).ptr;
    if (end == text.end() && key < behaviour_.vertices) {
      vertex.setFound(true);
      vertex.setId((key % 2) << 48 | key);
      return;
    }
    std::lock_guard lock(behaviour_.mutex);
    auto found = behaviour_.stored.find(std::string(text));
    if (found == behaviour_.stored.end()) return;
    vertex.setFound(true);
    vertex.setVersion(found->second.version);
    vertex.setCreatedNs(found->second.created_ns);
    vertex.setChangedNs(found->second.changed_ns);
    auto property = vertex.initProperties(1)[0];
    property.setName("number");
    property.initValue().setInt64(found->second.number);
  }

  FakeBehaviour& behaviour_;
};

class FakeWriter final : public schema::Writer::Server {
 public:
  explicit FakeWriter(FakeBehaviour& behaviour) : behaviour_(behaviour) {}

 protected:
  kj::Promise<void> submit(SubmitContext context) override {
    auto bytes = context.getParams().getCommand();
    auto words = kj::heapArray<capnp::word>(bytes.size() / sizeof(capnp::word));
    memcpy(words.begin(), bytes.begin(), bytes.size());
    capnp::FlatArrayMessageReader message(words);
    auto command = message.getRoot<schema::Command>();
    FakeBehaviour::Submitted seen{command.getSession(), command.getSequence(), command.getFirstIncomplete(),
                                  command.getBatch().getOperations().size(), {}, {}};
    for (auto operation : command.getBatch().getOperations()) {
      if (operation.isPutVertex()) seen.puts.emplace_back(operation.getPutVertex().getKey());
      if (!operation.isPutEdge()) continue;
      auto edge = operation.getPutEdge().getEdge();
      seen.links.emplace_back(edge.getSource(), edge.getTarget());
    }
    std::lock_guard lock(behaviour_.mutex);
    auto& version = behaviour_.versions[{seen.session, seen.sequence}];
    if (version == 0) {
      version = behaviour_.versions.size();
      for (auto operation : command.getBatch().getOperations()) keep(operation, version);
      if (seen.session == vague_session_) behaviour_.vague_write = 0;
      if (version == behaviour_.vague_write) vague_session_ = seen.session;
      behaviour_.submitted.push_back(std::move(seen));
    }
    auto outcome = context.getResults().initOutcome();
    outcome.setVersion(version);
    outcome.setAcceptedNs(time_of(version));
    if (version == behaviour_.refuse_and_keep) outcome.initError().setCode(schema::ErrorCode::QUOTA_EXCEEDED);
    if (version == behaviour_.vague_write) outcome.initError().setCode(schema::ErrorCode::DEADLINE_EXCEEDED);
    return kj::READY_NOW;
  }

 private:
  static std::int64_t time_of(std::uint64_t version) { return static_cast<std::int64_t>(version) * 1000; }

  void keep(schema::Operation::Reader operation, std::uint64_t version) {
    auto time = time_of(version);
    auto again = version == behaviour_.apply_twice ? 1U : 0U;
    FakeBehaviour::Stored stored{0, version + again, time, time + again};
    if (operation.isPutVertex() && version != behaviour_.lose_write) {
      auto properties = operation.getPutVertex().getProperties();
      if (properties.size() > 0) stored.number = properties[0].getValue().getInt64();
      behaviour_.stored[std::string(operation.getPutVertex().getKey())] = stored;
    }
    if (operation.isPutEdge() && version != behaviour_.lose_edge_of_write) {
      auto edge = operation.getPutEdge().getEdge();
      behaviour_.edges[{std::string(edge.getSource()), std::string(edge.getTarget())}] = stored;
    }
  }

  FakeBehaviour& behaviour_;
  std::uint64_t vague_session_ = 0;
};

class FakeSession final : public schema::Session::Server {
 public:
  explicit FakeSession(FakeBehaviour& behaviour) : behaviour_(behaviour) {}

 protected:
  kj::Promise<void> info(InfoContext context) override {
    context.getResults().initInfo().setVersion("fake");
    return kj::READY_NOW;
  }
  kj::Promise<void> openSpace(OpenSpaceContext context) override {
    context.getResults().setReader(kj::heap<FakeReader>(behaviour_));
    context.getResults().setWriter(kj::heap<FakeWriter>(behaviour_));
    return kj::READY_NOW;
  }

 private:
  FakeBehaviour& behaviour_;
};

class FakeBootstrap final : public schema::Engram::Server {
 public:
  explicit FakeBootstrap(FakeBehaviour& behaviour) : behaviour_(behaviour) {}

 protected:
  kj::Promise<void> authenticate(AuthenticateContext context) override {
    context.getResults().setSession(kj::heap<FakeSession>(behaviour_));
    context.getResults().setRole(schema::Role::ADMIN);
    return kj::READY_NOW;
  }
  kj::Promise<void> ping(PingContext context) override {
    context.getResults().setPayload(context.getParams().getPayload());
    return kj::READY_NOW;
  }

 private:
  FakeBehaviour& behaviour_;
};

}  // namespace

struct FakeEngine::Stop {
  kj::Own<kj::CrossThreadPromiseFulfiller<void>> fulfiller;
};

FakeEngine::FakeEngine(FakeBehaviour& behaviour) : stop_(std::make_unique<Stop>()) {
  std::promise<unsigned> port;
  thread_ = std::thread([&behaviour, &port, this] {
    auto io = kj::setupAsyncIo();
    auto listener = io.provider->getNetwork().parseAddress("127.0.0.1", 0).wait(io.waitScope)->listen();
    capnp::TwoPartyServer server(kj::heap<FakeBootstrap>(behaviour));
    auto listening = server.listen(*listener).eagerlyEvaluate(nullptr);
    auto stop = kj::newPromiseAndCrossThreadFulfiller<void>();
    stop_->fulfiller = kj::mv(stop.fulfiller);
    port.set_value(listener->getPort());
    stop.promise.wait(io.waitScope);
  });
  address_ = "127.0.0.1:" + std::to_string(port.get_future().get());
}

FakeEngine::~FakeEngine() {
  stop_->fulfiller->fulfill();
  thread_.join();
}

}  // namespace engram::loadgen::test
