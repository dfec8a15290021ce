// Clients that are slow, silent or endless, and answers that hang: probes are answered all the same.

#include <httplib.h>

#include <catch2/catch.hpp>

#include <chrono>
#include <future>
#include <list>

#include "cluster/operations/operations_server.h"
#include "tests/cluster/gateway/raw_connection.h"
#include "tests/support/no_files_left.h"
#include "tests/support/wait.h"

using namespace engram;
using Catch::Contains;
using test::RawConnection;

namespace {

constexpr int patience_ms = test::longest_wait_ms;
constexpr int many = 3 * static_cast<int>(OperationsServer::max_connections);

struct Setup {
  explicit Setup(std::function<std::string()> metrics = [] { return std::string("m 1\n"); },
                 std::function<std::string()> status = [] { return std::string("{}\n"); })
      : server(OperationsServer::start({"127.0.0.1", 0}, readiness, {std::move(metrics), std::move(status)}).value()) {}

  [[nodiscard]] std::uint16_t port() const { return server->endpoint().port; }
  [[nodiscard]] httplib::Result get(const char* path) const {
    httplib::Client client("127.0.0.1", port());
    client.set_read_timeout(patience_ms / 1000, 0);
    return client.Get(path);
  }
  [[nodiscard]] int status_of(const char* path) const {
    auto answer = get(path);
    return answer ? answer->status : 0;
  }
  [[nodiscard]] bool probes_work() const { return status_of("/livez") == 200; }

  Readiness readiness;
  std::unique_ptr<OperationsServer> server;
};

}  // namespace

TEST_CASE("a request may come byte by byte, with a query, by HEAD, and from somebody's hands") {
  Setup setup;
  RawConnection slow(setup.port());
  for (char c : std::string("GET /livez?verbose HTTP/1.1\r\nHost: a\r\n\r\n")) REQUIRE(slow.send(std::string(1, c)));
  CHECK_THAT(slow.heard_within(patience_ms), Catch::StartsWith("HTTP/1.1 200 ") && Catch::EndsWith("\r\n\r\nstarting\n"));
  RawConnection head(setup.port());
  head.send("HEAD /livez HTTP/1.1\r\n\r\n");
  CHECK_THAT(head.heard_within(patience_ms), Contains("Content-Length: 9\r\n") && Catch::EndsWith("\r\n\r\n"));
  RawConnection by_hand(setup.port());
  by_hand.send("GET /livez HTTP/1.0\n\n");
  by_hand.finish_sending();
  CHECK_THAT(by_hand.heard_within(patience_ms), Catch::EndsWith("starting\n"));
  RawConnection nonsense(setup.port());
  nonsense.send("HELO\r\n\r\n");
  CHECK_THAT(nonsense.heard_within(patience_ms), Catch::StartsWith("HTTP/1.1 400 "));
}

TEST_CASE("connections that say nothing do not keep probes from being answered, and are closed") {
  Setup setup;
  bool answered_beside_them = false;
  // On a slow machine their two seconds may be over before the answer is here.
  for (int tries = 0; tries < 20 && !answered_beside_them; ++tries) {
    std::list<RawConnection> silent;
    for (int i = 0; i < many; ++i) silent.emplace_back(setup.port());
    CHECK(setup.probes_work());
    answered_beside_them = !silent.back().is_closed_within(0);
    for (RawConnection& one : silent) CHECK(one.is_closed_within(patience_ms));
  }
  CHECK(answered_beside_them);
}

TEST_CASE("clients that send a byte now and then do not keep probes from being answered, and get two seconds in all") {
  Setup setup;
  bool answered_beside_them = false;
  for (int tries = 0; tries < 20 && !answered_beside_them; ++tries) {
    auto started = std::chrono::steady_clock::now();
    std::list<RawConnection> slow;
    for (int i = 0; i < 20; ++i) slow.emplace_back(setup.port()).send("GET /livez HTTP/1.1\r\nX: ");
    CHECK(test::comes_true([&] {
      for (RawConnection& one : slow) one.send("a");
      CHECK(setup.probes_work());
      bool all_there = slow.size() == 20 && !slow.front().has_something_to_say();
      answered_beside_them = answered_beside_them || all_there;
      slow.remove_if([](RawConnection& one) {
        if (!one.has_something_to_say()) return false;
        CHECK_THAT(one.heard_within(patience_ms), Catch::StartsWith("HTTP/1.1 408 "));
        return true;
      });
      return slow.empty();
    }, 100));
    CHECK(std::chrono::steady_clock::now() - started >= std::chrono::seconds(2));
  }
  CHECK(answered_beside_them);
}

TEST_CASE("a request without end is refused after 16 KiB") {
  Setup setup;
  RawConnection endless(setup.port());
  endless.send("GET /livez HTTP/1.1\r\n");
  std::string fields;
  for (int i = 0; i < 100; ++i) fields += "X-Field: " + std::string(90, 'x') + "\r\n";
  std::size_t taken = 0;
  constexpr std::size_t most = std::size_t{32} << 20;  // what sockets hold
  for (std::size_t sent = 1; sent != 0 && taken < most; taken += sent) sent = endless.send_some(fields, 5000);
  CHECK(taken < most);
  CHECK(setup.probes_work());

  RawConnection just_too_long(setup.port());
  just_too_long.send("GET /livez HTTP/1.1\r\nX: " + std::string(20'000, 'x'));
  CHECK_THAT(just_too_long.heard_within(patience_ms), Catch::StartsWith("HTTP/1.1 431 "));
}

TEST_CASE("probes are answered while metrics hang, and those come when they can") {
  std::promise<void> opened;
  auto gate = opened.get_future().share();
  Setup setup([gate] {
    gate.wait();
    return std::string("m 1\n");
  });
  auto waiting = std::async(std::launch::async, [&] { return setup.status_of("/metrics"); });
  for (int i = 0; i < 5; ++i) CHECK(setup.probes_work());
  CHECK(waiting.wait_for(std::chrono::milliseconds(100)) == std::future_status::timeout);
  {
    // Clients that gave up.
    std::list<RawConnection> gone;
    for (int i = 0; i < many; ++i) gone.emplace_back(setup.port()).send("GET /metrics HTTP/1.1\r\n\r\n");
  }
  CHECK(setup.probes_work());
  opened.set_value();
  waiting.wait();
  CHECK(test::comes_true([&] { return setup.status_of("/metrics") == 200; }));  // what was asked before is made first
}

TEST_CASE("answers that nobody reads do not keep probes from being answered") {
  Setup setup([] { return std::string("m 1\n"); }, [] { return std::string(std::size_t{8} << 20, 's'); });
  std::list<RawConnection> deaf;
  for (int i = 0; i < 10; ++i) deaf.emplace_back(setup.port(), 4096).send("GET /status HTTP/1.1\r\n\r\n");
  CHECK(setup.probes_work());
  auto whole = setup.get("/status");
  REQUIRE(whole);
  CHECK(whole->body.size() == std::size_t{8} << 20);
}

TEST_CASE("without a file descriptor for a connection the port waits, and goes on when there is one") {
  Setup setup;
  RawConnection late;
  timespec before{}, after{};
  {
    test::NoFilesLeft none;
    late.connect(setup.port());
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &before);
    test::pause_ms(1000);
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &after);
  }
  double used_seconds = static_cast<double>(after.tv_sec - before.tv_sec) +
                        static_cast<double>(after.tv_nsec - before.tv_nsec) / 1e9;
  CHECK(used_seconds < 0.5);
  CHECK(setup.probes_work());
  late.send("GET /livez HTTP/1.1\r\n\r\n");
  CHECK_THAT(late.heard_within(patience_ms), Catch::EndsWith("starting\n"));
}
