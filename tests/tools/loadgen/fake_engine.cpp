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
    for (kj::uint i = 0; i < asked.size(); ++i) {
      std::uint64_t key = 0;
      auto text = asked[i].getKey();
      std::from_chars(text.begin(), text.end(), key);
      if (key >= behaviour_.vertices) continue;
      vertices[i].setFound(true);
      vertices[i].setId((key % 2) << 48 | key);
    }
    return kj::READY_NOW;
  }

 private:
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
    context.getResults().initOutcome();
    std::lock_guard lock(behaviour_.mutex);
    behaviour_.submitted.push_back(std::move(seen));
    return kj::READY_NOW;
  }

 private:
  FakeBehaviour& behaviour_;
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
