#include "cluster/operations/operations_server.h"

#include <httplib.h>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <chrono>

#include "cluster/operations/metrics.h"
#include "cluster/operations/status_document.h"
#include "tests/support/manual_clock.h"

using namespace engram;
using Catch::Contains;

namespace {

struct Setup {
  Readiness readiness;
  test::ManualClock clock;
  std::unique_ptr<Metrics> metrics = std::make_unique<Metrics>(clock);
  StatusDocument status;

  Result<std::unique_ptr<OperationsServer>> start(const Endpoint& endpoint = {"127.0.0.1", 0}) {
    return OperationsServer::start(endpoint, readiness,
                                   {[this] { return metrics->text(); }, [this] { return status.text(); }});
  }
};

httplib::Result get(const OperationsServer& server, const char* path) {
  httplib::Client client(server.endpoint().host, server.endpoint().port);
  client.set_read_timeout(10);
  return client.Get(path);
}

}  // namespace

TEST_CASE("the probes follow the life of the node") {
  Setup setup;
  auto server = setup.start().value();
  CHECK(server->endpoint().port != 0);
  CHECK(get(*server, "/livez")->status == 200);
  CHECK(get(*server, "/startupz")->status == 503);
  CHECK(get(*server, "/readyz")->status == 503);
  CHECK(get(*server, "/readyz")->body == "starting\n");

  setup.readiness.replaying(1, 4);
  CHECK(get(*server, "/readyz")->body == "replaying the command log: 25 % (1 of 4 bytes)\n");
  setup.readiness.ready();
  CHECK(get(*server, "/startupz")->status == 200);
  CHECK(get(*server, "/readyz")->status == 200);
  setup.readiness.draining();
  CHECK(get(*server, "/readyz")->status == 503);
  CHECK(get(*server, "/livez")->status == 200);
  setup.readiness.fail("the disk is gone");
  CHECK(get(*server, "/livez")->status == 503);
  CHECK(get(*server, "/livez")->body == "failed: the disk is gone\n");
}

TEST_CASE("metrics are served as Prometheus text") {
  Setup setup;
  auto server = setup.start().value();
  setup.metrics->log.bytes.add(42);
  auto answer = get(*server, "/metrics");
  REQUIRE(answer);
  CHECK(answer->status == 200);
  CHECK(answer->get_header_value("Content-Type") == "text/plain; version=0.0.4; charset=utf-8");
  CHECK_THAT(answer->body, Contains("# TYPE engram_log_bytes_total counter\nengram_log_bytes_total 42"));
}

TEST_CASE("the status is JSON of what the parts say, and a broken part hides no other") {
  Setup setup;
  setup.status.set_section("log", [](nlohmann::json& out) { out["segments"] = 3; });
  setup.status.set_section("warm", [](nlohmann::json&) { throw std::runtime_error("not open"); });
  setup.status.set_section("peers", [](nlohmann::json& out) { out = {{"name", "bad \xff bytes"}}; });
  setup.status.set_section("gone", [](nlohmann::json& out) { out = 1; });
  setup.status.remove_section("gone");
  auto server = setup.start().value();
  auto answer = get(*server, "/status");
  REQUIRE(answer);
  CHECK(answer->get_header_value("Content-Type") == "application/json");
  nlohmann::json parsed = nlohmann::json::parse(answer->body);
  CHECK(parsed["log"]["segments"] == 3);
  CHECK(parsed["warm"]["error"] == "not open");
  CHECK(parsed["peers"]["name"] == "bad \xEF\xBF\xBD bytes");
  CHECK_FALSE(parsed.contains("gone"));
}

TEST_CASE("other paths and methods are refused politely") {
  Setup setup;
  auto server = setup.start().value();
  CHECK(get(*server, "/nonsense")->status == 404);
  CHECK_THAT(get(*server, "/nonsense")->body, Contains("/metrics"));
  httplib::Client client(server->endpoint().host, server->endpoint().port);
  CHECK(client.Post("/metrics", std::string(10'000, 'x'), "text/plain")->status == 405);
  CHECK(get(*server, "/livez")->status == 200);
}

TEST_CASE("a failing source is an error of that request only") {
  Setup setup;
  auto server = OperationsServer::start(
                    {"127.0.0.1", 0}, setup.readiness,
                    {[]() -> std::string { throw std::runtime_error("secret detail"); }, [] { return std::string(); }})
                    .value();
  auto answer = get(*server, "/metrics");
  REQUIRE(answer);
  CHECK(answer->status == 500);
  CHECK(answer->body == "internal error\n");
  CHECK(get(*server, "/livez")->status == 200);
}

TEST_CASE("a port in use is an error that says what to do") {
  Setup setup;
  auto first = setup.start().value();
  Result<std::unique_ptr<OperationsServer>> second = setup.start(first->endpoint());
  REQUIRE_FALSE(second.ok());
  CHECK(second.status().code() == Code::unavailable);
  CHECK_THAT(second.status().message(),
             Contains(first->endpoint().text()) && Contains("in use") && Contains("operations.address"));
  // An address of another machine (documentation range), and a name that is none.
  CHECK_THAT(setup.start({"192.0.2.1", 1}).status().message(), Contains("does not have that address"));
}

TEST_CASE("the port is free again when the server has ended") {
  Setup setup;
  Endpoint endpoint;
  {
    auto server = setup.start().value();
    endpoint = server->endpoint();
    CHECK(get(*server, "/livez")->status == 200);
  }
  CHECK(setup.start(endpoint).ok());
}

