// Loads against an engine that loses connections, is overloaded, silent or late; and by a caller that is.

#include <catch2/catch.hpp>

#include "client/engram/loader.h"
#include "tests/client/client_script.h"

namespace engram::client {

TEST_CASE("a load with lost connections, overload and conflicts ends whole, each batch once") {
  Setup setup;
  auto client = setup.client();
  setup.engine.submit_mishaps = {{}, {Mishap::drop_after}, {}, {Mishap::answer, schema::ErrorCode::OVERLOADED},
                                 {}, {Mishap::answer, schema::ErrorCode::CONFLICT}, {}, {Mishap::drop_before}};
  for (int i = 0; i < 60; ++i) setup.engine.submit_mishaps.push_back({i % 13 == 0 ? Mishap::drop_after : Mishap::none});
  Loader loader(client, {.in_flight = 8});
  for (int i = 0; i < 100; ++i) REQUIRE(loader.add(one_vertex("v" + std::to_string(i))).ok());
  auto status = loader.flush();
  INFO(status.message());
  REQUIRE(status.ok());
  CHECK(setup.engine.applied == 100);
  CHECK(setup.engine.vertices.size() == 100);
  CHECK(loader.totals().batches == 100);
  CHECK(loader.totals().operations == 100);
  CHECK(loader.totals().retries > 5);
}

TEST_CASE("a load keeps a window in flight, and says which number is the lowest open one") {
  Setup setup;
  auto client = setup.client();
  Loader loader(client, {.in_flight = 4});
  for (int i = 0; i < 20; ++i) REQUIRE(loader.add(one_vertex("v" + std::to_string(i))).ok());
  REQUIRE(loader.flush().ok());
  std::uint64_t widest = 0;
  for (const auto& submitted : setup.engine.submitted)
    widest = std::max(widest, submitted.sequence - submitted.first_incomplete);
  CHECK(widest == 3);
}

TEST_CASE("a load stops at a batch that fails, or goes on if it may") {
  Setup setup;
  auto client = setup.client();
  setup.engine.submit_mishaps = {{}, {Mishap::answer, schema::ErrorCode::UNKNOWN_VERTEX}};
  {
    Loader loader(client, {.in_flight = 1});
    for (int i = 0; i < 2; ++i) CHECK(loader.add(one_vertex("v" + std::to_string(i))).ok());
    CHECK(loader.flush().code() == Code::unknown_vertex);
    CHECK(loader.add(one_vertex("more")).code() == Code::unknown_vertex);
  }
  setup.engine.submit_mishaps = {{}, {Mishap::answer, schema::ErrorCode::UNKNOWN_VERTEX}};
  Loader loader(client, {.in_flight = 2, .on_failure = [](Batch&, const Outcome&) { return true; }});
  for (int i = 0; i < 5; ++i) CHECK(loader.add(one_vertex("w" + std::to_string(i))).ok());
  CHECK(loader.flush().ok());
  CHECK(loader.totals().batches == 4);
  CHECK(loader.totals().failed == 1);
}

TEST_CASE("a pause between two batches costs nothing: answers that came meanwhile count, however late they are looked at") {
  Setup setup;
  auto options = setup.options();
  options.attempt_timeout_ms = 1000;
  auto client = Setup::client(options);
  setup.engine.late_ms = 50;
  setup.engine.submit_mishaps = {{Mishap::late}, {Mishap::late}, {Mishap::late}};
  // The pause is longer than what one attempt and than what a batch may take.
  Loader loader(client, {.in_flight = 4, .timeout_ms = 1500});
  REQUIRE(loader.add(one_vertex("a")).ok());
  REQUIRE(loader.add(one_vertex("b")).ok());
  test::pause_ms(2000);
  REQUIRE(loader.add(one_vertex("c")).ok());
  test::pause_ms(2000);
  auto status = loader.flush();
  INFO(status.message());
  CHECK(status.ok());
  CHECK(loader.totals().batches == 3);
  CHECK(loader.totals().retries == 0);
  CHECK(setup.engine.submitted.size() == 3);
}

TEST_CASE("an answer that is in the socket when its time is over is taken") {
  Setup setup;
  auto client = setup.client();
  auto pipe = setup.loop->provider->newTwoWayPipe();
  char answer[8] = {};
  // As a message is read: what comes first tells how much there is to read.
  auto message = pipe.ends[0]->read(answer, 4).then([&] { return pipe.ends[0]->read(answer + 4, 4); }).then([] {
    return kj::evalLater([] { return true; });
  });
  auto arrived = client.impl().limited(kj::mv(message), now() + 20 * kj::MILLISECONDS);
  pipe.ends[1]->write("answered", 8).wait(setup.loop->waitScope);
  test::pause_ms(100);
  CHECK(arrived.wait(setup.loop->waitScope) != nullptr);
  CHECK(std::string(answer, 8) == "answered");
  auto never = client.impl().limited(kj::Promise<bool>(kj::NEVER_DONE), now() + 20 * kj::MILLISECONDS);
  CHECK(never.wait(setup.loop->waitScope) == nullptr);
}

TEST_CASE("a window of any width keeps the numbers that are on their way open, so that all of it may be sent again") {
  Setup setup;
  auto client = setup.client();
  setup.engine.submit_mishaps.resize(2000);
  setup.engine.submit_mishaps.front() = {Mishap::silence};
  setup.engine.submit_mishaps.back() = {Mishap::drop_after};
  Loader loader(client, {.in_flight = 100'000});
  for (int i = 0; i < 2000; ++i) REQUIRE(loader.add(one_vertex("v" + std::to_string(i))).ok());
  auto status = loader.flush();
  INFO(status.message());
  REQUIRE(status.ok());
  CHECK(loader.totals().batches == 2000);
  CHECK(setup.engine.applied == 2000);
}

TEST_CASE("what a load leaves behind is remembered for a while only: the engine need not keep its answers for ever") {
  Setup setup;
  auto client = setup.client();
  for (int i = 0; i < 1100; ++i) {
    Loader left(client, {.in_flight = 1});
    REQUIRE(left.add(one_vertex("v" + std::to_string(i))).ok());
  }
  CHECK(client.submit(one_vertex("last")).committed());
  const auto& last = setup.engine.submitted.back();
  CHECK(last.sequence == 1101);
  CHECK(last.first_incomplete == 1101 - 1024);
}

}  // namespace engram::client
