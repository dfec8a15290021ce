#include <catch2/catch.hpp>

#include "cluster/config/load.h"

using namespace engram;
using Catch::Contains;

namespace {

Config secured() {
  Config config;
  config.tls.certificate = "/c.pem";
  config.tls.key = "/k.pem";
  config.security.tokens = "/tokens.toml";
  return config;
}

}  // namespace

TEST_CASE("the defaults are fine") {
  CHECK(check_config(Config()).ok());
}

TEST_CASE("nothing listens beyond loopback without TLS and tokens") {
  for (const char* address : {"0.0.0.0:9470", "[::]:9470", "10.1.2.3:9470", "engram-0.engram:9470"}) {
    CAPTURE(address);
    Config config;
    config.listen.address = address;
    Status refused = check_config(config);
    CHECK(refused.field() == "listen.address");
    CHECK_THAT(refused.message(), Contains("tls.certificate and tls.key and security.tokens") &&
                                      Contains("security.allow_insecure = true"));

    Config without_tokens = secured();
    without_tokens.listen.address = address;
    without_tokens.security.tokens.clear();
    CHECK_THAT(check_config(without_tokens).message(), Contains("set security.tokens,"));

    Config without_tls = config;
    without_tls.security.tokens = "/tokens.toml";
    CHECK_THAT(check_config(without_tls).message(), Contains("set tls.certificate and tls.key,"));

    Config with_both = secured();
    with_both.listen.address = address;
    CHECK(check_config(with_both).ok());

    config.security.allow_insecure = true;
    CHECK(check_config(config).ok());
  }
}

TEST_CASE("the operations port leaves the machine only when told so") {
  Config config = secured();
  config.operations.address = "0.0.0.0:9471";
  CHECK_THAT(check_config(config).message(), Contains("operations.allow_remote = true"));
  config.operations.allow_remote = true;
  CHECK(check_config(config).ok());

  // Opening the operations port does not open the other one.
  config.security.tokens.clear();
  config.listen.address = "0.0.0.0:9470";
  CHECK(check_config(config).field() == "listen.address");
}

TEST_CASE("nodes connect beyond loopback with TLS only, or when told so") {
  for (const char* address : {"0.0.0.0:9472", "[::]:9472", "10.1.2.3:9472", "engram-0.engram:9472"}) {
    CAPTURE(address);
    Config config = secured();
    config.security.allow_insecure = true;  // opens the clients' port, and no other one
    config.cluster.nodes = 3;
    config.cluster.address = address;
    Status refused = check_config(config);
    CHECK(refused.field() == "cluster.address");
    CHECK_THAT(refused.message(), Contains("cluster.certificate, cluster.key and cluster.ca") &&
                                      Contains("cluster.allow_insecure = true"));

    Config alone = config;
    alone.cluster.nodes = 1;  // it listens for nobody
    CHECK(check_config(alone).ok());

    Config with_tls = config;
    with_tls.cluster.certificate = "/c.pem";
    with_tls.cluster.key = "/k.pem";
    CHECK_THAT(check_config(with_tls).message(), Contains("without cluster.ca"));
    with_tls.cluster.ca = "/ca.pem";
    CHECK(check_config(with_tls).ok());

    config.cluster.allow_insecure = true;
    CHECK(check_config(config).ok());
    config.security.allow_insecure = false;
    config.listen.address = "0.0.0.0:9470";
    config.security.tokens.clear();
    CHECK(check_config(config).field() == "listen.address");
  }
}

TEST_CASE("a cluster needs an address, a place for this node, and a partition for each") {
  auto refusal = [](auto change) {
    Config config;
    config.cluster.nodes = 3;
    REQUIRE(check_config(config).ok());
    change(config);
    Status status = check_config(config);
    CHECK(status.code() == Code::invalid_argument);
    return status;
  };
  CHECK(refusal([](Config& c) { c.cluster.address = "none"; }).field() == "cluster.address");
  CHECK_THAT(refusal([](Config& c) { c.node.ordinal = 3; }).message(), Contains("ordinals are 0 to 2"));
  Status few = refusal([](Config& c) { c.cluster.partitions = 2; });
  CHECK(few.field() == "cluster.partitions");
  CHECK_THAT(few.message(), Contains("set it to 3 or more"));
  CHECK_THAT(refusal([](Config& c) { c.cluster.nodes = 17; }).message(), Contains("cluster.partitions = 16 leaves"));
  CHECK(refusal([](Config& c) { c.cluster.peers = "a:1,b:1"; }).field() == "cluster.peers");
  CHECK(refusal([](Config& c) { c.cluster.key = "/k.pem"; }).field() == "cluster.certificate");
  CHECK_THAT(refusal([](Config& c) { c.cluster.address = c.listen.address; }).message(), Contains("different ports"));
  CHECK_THAT(refusal([](Config& c) { c.cluster.address = c.operations.address; }).message(), Contains("different ports"));

  // The number of nodes was forgotten.
  Config config;
  config.cluster.peers = "a:1,b:1,c:1";
  CHECK_THAT(check_config(config).message(), Contains("names 3 nodes, but cluster.nodes = 1"));
}

TEST_CASE("what clients are told of a node is a host and a port that lead to it") {
  auto refusal = [](const char* advertised) {
    Config config;
    config.listen.advertise = advertised;
    Status status = check_config(config);
    CHECK(status.code() == Code::invalid_argument);
    CHECK(status.field() == "listen.advertise");
    return status.message();
  };
  CHECK_THAT(refusal("engram-1"), Contains("listen.advertise: \"engram-1\" has no port; write host:port"));
  CHECK_THAT(refusal("engram-1:94x0"), Contains("no port from 0 to 65535"));
  CHECK_THAT(refusal("::1:9470"), Contains("an IPv6 address needs brackets"));
  CHECK_THAT(refusal("engram-{}:0"), Contains("leads nowhere"));
  CHECK_THAT(refusal("0.0.0.0:9470"), Contains("leads nowhere"));
  CHECK_THAT(refusal("[::]:9470"), Contains("leads nowhere"));

  for (const char* good : {"localhost:9480", "engram-1.engram:9470", "10.0.0.7:9470", "[::1]:9470"}) {
    CAPTURE(good);
    Config config;
    config.listen.advertise = good;
    CHECK(check_config(config).ok());
  }
}

TEST_CASE("settings that make no sense together are refused") {
  auto message_of = [](auto change) {
    Config config;
    change(config);
    Status status = check_config(config);
    CHECK_FALSE(status.ok());
    return status.message();
  };
  CHECK_THAT(message_of([](Config& c) { c.tls.certificate = "/c.pem"; }), Contains("without tls.key"));
  CHECK_THAT(message_of([](Config& c) { c.tls.key = "/k.pem"; }), Contains("without tls.certificate"));
  CHECK_THAT(message_of([](Config& c) { c.tls.client_ca = "/ca.pem"; }), Contains("tls.client_ca"));
  CHECK_THAT(message_of([](Config& c) { c.listen.address = c.listen.unix = "none"; }),
             Contains("nobody could connect"));
  CHECK_THAT(message_of([](Config& c) { c.operations.address = c.listen.address; }), Contains("different ports"));
  CHECK_THAT(message_of([](Config& c) { c.listen.unix = "/" + std::string(107, 'x'); }), Contains("107"));
  CHECK_THAT(message_of([](Config& c) { c.limits.reads_memory_bytes = 1 << 20; }),
             Contains("limits.query_memory_bytes is larger than limits.reads_memory_bytes"));
  CHECK_THAT(message_of([](Config& c) { c.limits.max_command_bytes = 16 << 20; }),
             Contains("listen.max_message_bytes"));
  CHECK_THAT(message_of([](Config& c) { c.data.dir = c.data.archived_dir = "/data"; }), Contains("data.archived_dir"));
}
