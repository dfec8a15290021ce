// The numbers of a running engine, as Prometheus gets them.

#include <httplib.h>

#include <catch2/catch.hpp>

#include <sstream>

#include "client/engram/client.h"
#include "storage/log/log_format.h"
#include "tests/support/rpc_session.h"
#include "tests/support/wait.h"

using namespace engram;
using test::RpcSession;
using test::RunningEngine;

namespace {

FlagValues with_metrics(FlagValues settings = {}) {
  settings["operations.address"] = "127.0.0.1:0";
  return settings;
}

/// The value of a series; -1 if it is not there.
double metric(RunningEngine& engine, const std::string& series) {
  auto answer = httplib::Client("http://" + engine.node().operations_address()).Get("/metrics");
  REQUIRE(answer);
  std::istringstream lines(answer->body);
  for (std::string line; std::getline(lines, line);)
    if (line.starts_with(series + " ")) return std::stod(line.substr(series.size() + 1));
  return -1;
}

bool becomes(RunningEngine& engine, const std::string& series, double value) {
  return test::comes_true([&] { return metric(engine, series) == value; }, 50);
}

/// Never takes a page: the scan stays in flight.
class ClosedSink final : public schema::ScanSink::Server {
 public:
  kj::Promise<void> page(PageContext) override { return kj::NEVER_DONE; }
  kj::Promise<void> done(DoneContext) override { return kj::READY_NOW; }
};

}  // namespace

TEST_CASE("calls in flight are those that are being worked on") {
  RunningEngine engine(with_metrics());
  CHECK(metric(engine, "engram_calls_in_flight") == 0);
  {
    RpcSession session(engine);
    REQUIRE(session.put("ada").committed());
    auto call = session.reader().scanRequest();
    call.initRequest();
    call.setSink(kj::heap<ClosedSink>());
    auto scan = call.send();
    session.timer().afterDelay(1 * kj::MILLISECONDS).wait(session.wait_scope());  // so that the call is sent
    CHECK(becomes(engine, "engram_calls_in_flight", 1));
  }
  CHECK(becomes(engine, "engram_calls_in_flight", 0));
}

TEST_CASE("the depth of a mailbox goes back to nothing when all that was sent is handled") {
  RunningEngine engine(with_metrics());
  RpcSession session(engine);
  for (int i = 0; i < 200; ++i) REQUIRE(session.put("vertex " + std::to_string(i)).committed());
  for (const char* partition : {"0", "1"})
    CHECK(becomes(engine, "engram_partition_mailbox_depth{partition=\"" + std::string(partition) + "\"}", 0));
}

TEST_CASE("sessions are those of open connections, however many the session tables remember") {
  RunningEngine engine(with_metrics());
  CHECK(metric(engine, "engram_sessions") == 0);
  {
    RpcSession first(engine);
    RpcSession second(engine);
    REQUIRE(first.put("ada").committed());
    CHECK(metric(engine, "engram_sessions") == 2);
  }
  CHECK(becomes(engine, "engram_sessions", 0));
  {
    RpcSession third(engine);
    CHECK(metric(engine, "engram_sessions") == 1);
  }
}

TEST_CASE("bytes of the log are all that is written to it, and segments are counted from the start") {
  RunningEngine engine(with_metrics({{"log.spare_segments", "0"}}));
  RpcSession session(engine);
  double before = metric(engine, "engram_log_bytes_total");
  double records = 0;
  for (int i = 0; i < 200; ++i) {
    auto command = session.command([&](schema::Command::Builder root) {
      root.initBatch().initOperations(1)[0].initPutVertex().setKey("vertex " + std::to_string(i));
    });
    records += static_cast<double>(record_bytes(command.bytes().size()));
    REQUIRE(session.submit_bytes(RpcSession::bytes(command)).committed());
  }
  CHECK(metric(engine, "engram_log_bytes_total") == before + records);

  // One and a half segments, before anybody looks again.
  CHECK(metric(engine, "engram_log_segments_sealed_total") == 0);
  for (int i = 0; i < 15; ++i)
    REQUIRE(session.operation([&](schema::Operation::Builder to) {
      to.initPutVertex().setKey("large " + std::to_string(i));
      auto property = to.getPutVertex().initProperties(1)[0];
      property.setName("p");
      property.initValue().initBytes(100'000);
    }).committed());
  CHECK(metric(engine, "engram_log_segments_sealed_total") == 1);
  CHECK(metric(engine, "engram_log_bytes_total") > before + records + 1'500'000);
}

TEST_CASE("every read request counts once, for the tier that it needed") {
  RunningEngine engine(with_metrics({{"hot.bytes", "1MiB"}, {"warm.write_back_after_ms", "20ms"}}));
  auto client = client::Client::connect({.server = engine.address()});
  REQUIRE(client.ok());
  constexpr int count = 40;
  for (int i = 0; i < count; ++i) {
    client::VertexOptions options;
    options.properties = {{"ballast", std::string(100'000, 'b')}};
    REQUIRE(client->submit(client::Batch().put_vertex("vertex " + std::to_string(i), options)).committed());
  }
  REQUIRE(becomes(engine, "engram_dirty_bytes", 0));
  auto hits = [&](const std::string& tier) { return metric(engine, "engram_tier_hits_total{tier=\"" + tier + "\"}"); };
  double hot = hits("hot"), warm = hits("warm");
  for (int i = 0; i < count; ++i) REQUIRE(client->get("vertex " + std::to_string(i)).ok());
  CHECK(hits("warm") > warm);
  CHECK(hits("hot") + hits("warm") == hot + warm + count);
  CHECK(test::comes_true([&] { return metric(engine, "engram_warm_reads_total") >= hits("warm") - warm; }, 50));
}

TEST_CASE("how far a replay got can be seen, also where it was short") {
  RunningEngine engine(with_metrics());
  double of_none = metric(engine, "engram_replay_total_bytes");
  CHECK(metric(engine, "engram_replay_done_bytes") == of_none);
  {
    RpcSession session(engine);
    REQUIRE(session.put("ada").committed());
  }
  engine.stop();
  REQUIRE(engine.start().ok());
  CHECK(metric(engine, "engram_replay_total_bytes") > of_none);
  CHECK(metric(engine, "engram_replay_done_bytes") == metric(engine, "engram_replay_total_bytes"));
}
