// Flow control and limits: who asks for too much, reads too slowly, waits too long or goes away costs the others little.

#include <catch2/catch.hpp>

#include <future>
#include <mutex>

#include "tests/cluster/gateway/raw_connection.h"
#include "tests/support/no_files_left.h"
#include "tests/support/rpc_session.h"
#include "tests/support/wait.h"

using namespace engram;
using client::text;
using test::comes_true;
using test::longest_wait_ms;
using test::RpcSession;
using test::RunningEngine;

namespace {

/// A graph in which the number of vertices reached multiplies with every hop.
void load_graph(const RunningEngine& engine, int vertices, int edges_each) {
  auto connected = client::Client::connect({.server = engine.address()});
  REQUIRE(connected.ok());
  client::Client client = std::move(connected).value();
  std::vector<std::pair<int, int>> edges;
  for (int i = 0; i < vertices; ++i)
    for (int e = 1; e <= edges_each; ++e) edges.emplace_back(i, (3 * i + 7 * e) % vertices);
  for (std::size_t first = 0; first < edges.size(); first += 5000) {
    client::Batch batch;
    for (std::size_t i = first; i < std::min(edges.size(), first + 5000); ++i)
      batch.link("v" + std::to_string(edges[i].first), "to", "v" + std::to_string(edges[i].second),
                 {.create_missing = true});
    auto outcome = client.submit(batch, 60'000);
    INFO(outcome.status.message());
    REQUIRE(outcome.committed());
  }
}

/// A request that visits the whole graph again and again.
void fill_heavy(schema::ExpandRequest::Builder request) {
  request.initSeeds(1)[0].setKey("v0");
  for (auto hop : request.initHops(32)) hop.setDirection(schema::Direction::BOTH);
}

void wait_ms(RpcSession& session, int duration_ms) {
  session.timer().afterDelay(duration_ms * kj::MILLISECONDS).wait(session.wait_scope());
}

/// Whether it comes true while this session's calls go on.
bool comes_true_at(RpcSession& session, const std::function<bool()>& holds) {
  return comes_true([&] {
    wait_ms(session, 2);
    return holds();
  }, 0);
}

std::uint64_t cancelled_calls(RunningEngine& engine, Operation operation) {
  return engine.node().gateway_services().metrics->requests.count(operation, Code::cancelled);
}

class CountingSink final : public schema::ScanSink::Server {
 public:
  CountingSink(int& pages, kj::Promise<void> gate) : pages_(pages), gate_(gate.fork()) {}
  kj::Promise<void> page(PageContext) override {
    ++pages_;
    return gate_.addBranch();
  }
  kj::Promise<void> done(DoneContext) override { return kj::READY_NOW; }

 private:
  int& pages_;
  kj::ForkedPromise<void> gate_;
};

/// A scan whose pages are counted, and taken when `gate` says so.
auto begin_scan(RpcSession& session, int& pages, kj::Promise<void> gate) {
  auto call = session.reader().scanRequest();
  call.initRequest();
  call.setSink(kj::heap<CountingSink>(pages, kj::mv(gate)));
  return call.send();
}

}  // namespace

TEST_CASE("a scan sends no more than the flow window while its pages are not taken, and goes on when they are") {
  RunningEngine engine;
  RpcSession session(engine);
  // 120 vertices of 200 kB: 24 MB, in pages of 512 kB.
  for (int i = 0; i < 120; ++i)
    REQUIRE(session.operation([&](schema::Operation::Builder to) {
      to.initPutVertex().setKey("v" + std::to_string(i));
      auto property = to.getPutVertex().initProperties(1)[0];
      property.setName("p");
      property.initValue().initBytes(200'000);
    }).committed());
  int pages = 0;
  auto gate = kj::newPromiseAndFulfiller<void>();
  auto done = begin_scan(session, pages, kj::mv(gate.promise));
  CHECK(comes_true_at(session, [&] { return pages >= 1; }));
  wait_ms(session, 1500);
  int while_closed = pages;
  CHECK(while_closed < 20);
  CHECK(engine.calls_in_flight() == 1);
  CHECK(session.has("v7"));  // the connection goes on for other calls
  gate.fulfiller->fulfill();
  CHECK(client::read(done.wait(session.wait_scope()).getError()).ok());
  CHECK(pages >= 40);
  CHECK(comes_true([&] { return engine.calls_in_flight() == 0; }));
}

TEST_CASE("a scan ends when its client goes away, or when the sink fails") {
  RunningEngine engine;
  load_graph(engine, 5000, 1);
  {
    RpcSession session(engine);
    int pages = 0;
    auto gate = kj::newPromiseAndFulfiller<void>();
    auto done = begin_scan(session, pages, kj::mv(gate.promise));
    CHECK(comes_true_at(session, [&] { return engine.calls_in_flight() == 1; }));
  }
  CHECK(comes_true([&] { return engine.calls_in_flight() == 0; }));
  RpcSession session(engine);
  int pages = 0;
  auto scan = begin_scan(session, pages, KJ_EXCEPTION(FAILED, "the sink does not want any more"));
  CHECK(kj::runCatchingExceptions([&] { scan.wait(session.wait_scope()); }) != nullptr);
  CHECK(comes_true([&] { return engine.calls_in_flight() == 0; }));
}

TEST_CASE("calls over the limit of a connection are answered with overloaded, and the others are served") {
  RunningEngine engine(FlagValues{{"listen.max_calls_per_connection", "8"}});
  RpcSession session(engine);
  // Scans whose sinks do not answer stay in flight.
  std::vector<kj::Own<kj::PromiseFulfiller<void>>> gates;
  std::vector<kj::Promise<void>> scans;
  int pages = 0;
  REQUIRE(session.put("ada").committed());
  for (int i = 0; i < 8; ++i) {
    auto gate = kj::newPromiseAndFulfiller<void>();
    scans.push_back(begin_scan(session, pages, kj::mv(gate.promise)).ignoreResult());
    gates.push_back(kj::mv(gate.fulfiller));
  }
  REQUIRE(comes_true_at(session, [&] { return engine.calls_in_flight() == 8; }));
  client::Outcome refused = session.put("one too many");
  CHECK(refused.status.code() == Code::overloaded);
  CHECK(refused.status.field() == "listen.max_calls_per_connection");
  CHECK(refused.status.limit() == 8);
  RpcSession other(engine);
  CHECK(other.put("from another connection").committed());
  for (auto& gate : gates) gate->fulfill();
  for (auto& scan : scans) scan.wait(session.wait_scope());
  CHECK(session.put("room again").committed());
  CHECK_FALSE(session.has("one too many"));
}

TEST_CASE("calls over the limit of the node are answered with overloaded") {
  RunningEngine engine(FlagValues{{"listen.max_calls_in_flight", "1"}});
  RpcSession session(engine);
  REQUIRE(session.put("ada").committed());
  int pages = 0;
  auto gate = kj::newPromiseAndFulfiller<void>();
  auto scan = begin_scan(session, pages, kj::mv(gate.promise));
  REQUIRE(comes_true_at(session, [&] { return engine.calls_in_flight() == 1; }));
  client::Outcome refused = session.put("one too many");
  CHECK(refused.status.code() == Code::overloaded);
  CHECK(refused.status.field() == "listen.max_calls_in_flight");
  gate.fulfiller->fulfill();
  scan.wait(session.wait_scope());
  CHECK(session.put("room again").committed());
}

TEST_CASE("connections over the limit are closed, and one that ends makes room") {
  RunningEngine engine(FlagValues{{"listen.max_connections", "3"}, {"listen.handshake_timeout_ms", "10m"}});
  RpcSession session(engine);
  {
    test::RawConnection second(engine.port()), third(engine.port());
    REQUIRE(comes_true([&] { return engine.node().gateway_services().connections == 3; }));
    test::RawConnection fourth(engine.port());
    CHECK(fourth.is_closed_within(longest_wait_ms));
    CHECK(session.put("ada").committed());
  }
  REQUIRE(comes_true([&] { return engine.node().gateway_services().connections == 1; }));
  RpcSession again(engine);
  CHECK(again.has("ada"));
}

TEST_CASE("without a file descriptor for a connection the listeners wait, say so once, and go on when there is one") {
  RunningEngine engine;
  RpcSession session(engine);
  REQUIRE(session.put("ada").committed());
  std::mutex mutex;
  int said = 0;
  SystemClock clock;
  start_logging({.level = LogLevel::warn,
                 .sink = [&](std::string_view line) {
                   std::lock_guard lock(mutex);
                   if (line.find("cannot accept connections") != std::string_view::npos) ++said;
                 }},
                clock);
  test::RawConnection late;
  {
    test::NoFilesLeft none;
    late.connect(engine.port());
    CHECK(comes_true([&] {
      std::lock_guard lock(mutex);
      return said > 0;
    }));
    test::pause_ms(1000);
    CHECK(session.has("ada"));
  }
  REQUIRE(comes_true([&] { return engine.node().gateway_services().connections == 2; }));
  RpcSession again(engine);
  CHECK(again.has("ada"));
  CHECK(stop_logging());
  CHECK(said == 1);
}

TEST_CASE("a read that takes too long ends with what it has or with deadlineExceeded, near its deadline") {
  RunningEngine engine;
  load_graph(engine, 20'000, 2);
  RpcSession session(engine);
  auto started = std::chrono::steady_clock::now();
  auto call = session.reader().expandRequest();
  fill_heavy(call.initRequest());
  call.setTimeoutMs(1);
  auto reply = call.send().wait(session.wait_scope());
  auto took_ms = std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - started);
  Status status = client::read(reply.getReply().getError());
  INFO(took_ms.count() << " ms; " << status.message());
  bool partial = status.ok() && reply.getReply().getExceeded() == schema::Limit::TIME;
  CHECK((partial || status.code() == Code::deadline_exceeded));
  CHECK(took_ms.count() < 60'000);
  CHECK(comes_true([&] { return engine.calls_in_flight() == 0; }));

  auto whole = session.reader().expandRequest();
  fill_heavy(whole.initRequest());
  whole.setTimeoutMs(60'000);
  auto all = whole.send().wait(session.wait_scope());
  CHECK(all.getReply().getExceeded() == schema::Limit::NONE);
  CHECK(all.getReply().getIds().size() > 15'000);
}

TEST_CASE("dropping a call, or the connection, ends the work behind it") {
  RunningEngine engine;
  load_graph(engine, 20'000, 2);
  for (bool drop_connection : {false, true}) {
    CAPTURE(drop_connection);
    std::uint64_t before = cancelled_calls(engine, Operation::expand);
    constexpr std::size_t count = 400;  // many seconds of work
    {
      RpcSession session(engine);
      std::vector<kj::Promise<void>> calls;
      for (std::size_t i = 0; i < count; ++i) {
        auto call = session.reader().expandRequest();
        fill_heavy(call.initRequest());
        call.setTimeoutMs(60'000);
        calls.push_back(call.send().ignoreResult());
      }
      REQUIRE(comes_true_at(session, [&] { return engine.calls_in_flight() > count / 2; }));
      if (!drop_connection) {
        calls.clear();
        wait_ms(session, 1);
        CHECK(comes_true([&] { return engine.calls_in_flight() == 0; }));
        CHECK(session.put("ada").committed());
      }
    }
    CHECK(comes_true([&] { return engine.calls_in_flight() == 0; }));
    CHECK(cancelled_calls(engine, Operation::expand) - before > count / 2);  // the others were done before
  }
}

TEST_CASE("a scan that is dropped ends, whatever its sink does, and its connection goes on") {
  RunningEngine engine;
  RpcSession session(engine);
  REQUIRE(session.put("ada").committed());
  int pages = 0;
  auto never = kj::newPromiseAndFulfiller<void>();
  auto scan = begin_scan(session, pages, kj::mv(never.promise)).ignoreResult();
  REQUIRE(comes_true_at(session, [&] { return pages == 1; }));
  REQUIRE(engine.calls_in_flight() == 1);
  scan = nullptr;
  CHECK(session.has("ada"));
  CHECK(comes_true([&] { return engine.calls_in_flight() == 0; }));
  CHECK(cancelled_calls(engine, Operation::scan) == 1);
}

TEST_CASE("a scan whose sink has not said that it got all does not end well when the node stops") {
  struct LateSink final : schema::ScanSink::Server {
    std::promise<void>& asked;
    explicit LateSink(std::promise<void>& to_set) : asked(to_set) {}
    kj::Promise<void> page(PageContext) override { return kj::READY_NOW; }
    kj::Promise<void> done(DoneContext) override {
      asked.set_value();
      return kj::NEVER_DONE;
    }
  };
  RunningEngine engine;
  std::promise<void> asked;
  auto scan = std::async(std::launch::async, [&] {
    RpcSession session(engine);
    session.put("ada");
    auto call = session.reader().scanRequest();
    call.initRequest();
    call.setSink(kj::heap<LateSink>(asked));
    return client::read(call.send().wait(session.wait_scope()).getError());
  });
  asked.get_future().wait();
  engine.stop();  // on the thread that started it
  CHECK(scan.get().code() == Code::unavailable);
}

TEST_CASE("a change whose call is dropped goes on") {
  RunningEngine engine;
  RpcSession session(engine);
  for (int i = 0; i < 20; ++i) {
    auto command = session.command([&](schema::Command::Builder to) {
      to.initBatch().initOperations(1)[0].initPutVertex().setKey(text("v" + std::to_string(i)));
    });
    auto dropped = client::submit(session.writer(), RpcSession::bytes(command), 5000);
  }
  for (int i = 0; i < 20; ++i) CHECK(comes_true([&] { return session.has("v" + std::to_string(i)); }));
  CHECK(cancelled_calls(engine, Operation::submit) == 0);
}

TEST_CASE("a connection that does not authenticate in time is closed") {
  RunningEngine engine(FlagValues{{"listen.handshake_timeout_ms", "200"}});
  test::RawConnection silent(engine.port());
  CHECK(silent.is_closed_within(longest_wait_ms));
}

TEST_CASE("a connection is closed when idle for too long, not while it is used") {
  RunningEngine engine(FlagValues{{"listen.handshake_timeout_ms", "2s"}, {"listen.idle_timeout_ms", "3s"}});
  RpcSession session(engine);
  // Longer than either limit, with pauses that are far shorter.
  for (auto begin = std::chrono::steady_clock::now(); std::chrono::steady_clock::now() - begin < std::chrono::seconds(5);) {
    wait_ms(session, 50);
    REQUIRE(session.put("ada").committed());
  }
  REQUIRE(engine.node().gateway_services().connections == 1);
  CHECK(comes_true([&] { return engine.node().gateway_services().connections == 0; }));
}

TEST_CASE("an idle time-out of 0 means never") {
  RunningEngine engine(FlagValues{{"listen.handshake_timeout_ms", "2s"}, {"listen.idle_timeout_ms", "0"}});
  RpcSession session(engine);
  wait_ms(session, 3000);
  CHECK(engine.node().gateway_services().connections == 1);
  CHECK(kj::runCatchingExceptions([&] { CHECK(session.put("ada").committed()); }) == nullptr);
}

TEST_CASE("an engine that stops answers what is in flight and refuses what comes") {
  RunningEngine engine;
  RpcSession session(engine);
  REQUIRE(session.put("ada").committed());
  engine.stop();
  CHECK(kj::runCatchingExceptions([&] { session.put("too late"); }) != nullptr);
  REQUIRE(engine.start().ok());
  RpcSession again(engine);
  CHECK(again.has("ada"));
  CHECK_FALSE(again.has("too late"));
}
