// What the certificates are for: who gets a connection with whom.

#include "tests/tools/certs/authority_setup.h"
#include "tests/tools/certs/handshake.h"

using namespace engram;
using namespace engram::certs;
using Catch::Contains;
using test::AuthoritySetup;
using test::connect_mutually;

namespace {

TlsMaterial load(const AuthoritySetup& setup, const std::string& name) {
  return test::value_of(load_tls_files(setup.paths(name), setup.clock));
}

}  // namespace

TEST_CASE("two nodes of one authority connect to each other, in both directions and by every name") {
  AuthoritySetup setup;
  Order second = node_order("engram", 1);
  second.also = {"10.1.2.3", "*.nodes.example", "fd00::5"};
  setup.issue_node(0);
  test::value_of(setup.issue(second));
  auto zero = load(setup, "engram-0"), one = load(setup, "engram-1");
  for (const auto* host : {"engram-1", "engram-1.engram", "localhost", "127.0.0.1", "::1", "10.1.2.3", "fd00::5",
                           "a.nodes.example"}) {
    INFO(host);
    CHECK(connect_mutually(one, zero, host) == "");
  }
  CHECK(connect_mutually(zero, one, "engram-0") == "");
}

TEST_CASE("a node that is not the one that was called is noticed") {
  AuthoritySetup setup;
  setup.issue_node(0);
  setup.issue_node(1);
  auto zero = load(setup, "engram-0"), one = load(setup, "engram-1");
  CHECK_THAT(connect_mutually(one, zero, "engram-0"), Contains("hostname mismatch"));
  CHECK_THAT(connect_mutually(one, zero, "10.1.2.3"), Contains("IP address mismatch"));
}

TEST_CASE("a certificate of another authority is refused, whichever end it is at, and though it has the same names") {
  AuthoritySetup setup, other;
  setup.issue_node(0);
  other.issue_node(0);
  auto ours = load(setup, "engram-0"), foreign = load(other, "engram-0");
  auto foreign_that_trusts_us = foreign;
  foreign_that_trusts_us.client_ca_pem = ours.client_ca_pem;
  CHECK(connect_mutually(ours, ours, "engram-0") == "");
  CHECK_THAT(connect_mutually(ours, foreign_that_trusts_us, "engram-0"), Contains("local issuer certificate"));
  CHECK_THAT(connect_mutually(foreign_that_trusts_us, ours, "engram-0"), Contains("local issuer certificate"));
}

TEST_CASE("while an authority is replaced by one of the same name, whoever trusts both connects to nodes of either") {
  AuthoritySetup old_setup, new_setup;
  old_setup.issue_node(0);
  new_setup.issue_node(1);
  auto zero = load(old_setup, "engram-0"), one = load(new_setup, "engram-1");
  zero.client_ca_pem = one.client_ca_pem = zero.client_ca_pem + one.client_ca_pem;
  CHECK(connect_mutually(zero, one, "engram-0") == "");
  CHECK(connect_mutually(one, zero, "engram-1") == "");
  CHECK(connect_mutually(one, one, "engram-1") == "");
}

TEST_CASE("a node's certificate signs no others, and makes nobody a node") {
  AuthoritySetup setup;
  auto node = setup.issue_node(0);
  auto ours = load(setup, "engram-0");
  auto impostor = ours;
  // Somebody who took a node's key, and makes a certificate for another by it.
  SystemRandom random;
  auto chain = test::value_of(parse_certificates(ours.certificate_chain_pem, "chain"));
  auto key = test::value_of(parse_key(ours.private_key_pem, "key"));
  Signer signer{chain.front().get(), key.get()};
  Request request{.use = Use::node, .common_name = "engram-1", .names = {"engram-1"},
                  .not_before_s = node.description.not_before_s, .not_after_s = node.description.not_after_s};
  auto forged_key = test::value_of(make_key());
  auto forged = test::value_of(make_certificate(request, *forged_key, &signer, random));
  impostor.certificate_chain_pem = test::value_of(certificate_pem(*forged)) + ours.certificate_chain_pem;
  impostor.private_key_pem = test::value_of(key_pem(*forged_key));
  CHECK_THAT(connect_mutually(impostor, ours, "engram-1"), Contains("invalid CA certificate"));
}

TEST_CASE("a client's certificate serves nobody, and a server's is no client's") {
  AuthoritySetup setup;
  test::value_of(setup.issue({.use = Use::client, .name = "ingest"}));
  test::value_of(setup.issue({.use = Use::server, .name = "db.example", .hosts = {"db.example"}}));
  auto client = load(setup, "ingest"), server = load(setup, "db.example");
  CHECK(connect_mutually(server, client, "db.example") == "");
  CHECK_THAT(connect_mutually(client, client, "ingest"), Contains("certificate purpose") || Contains("mismatch"));
  CHECK_THAT(connect_mutually(server, server, "db.example"), Contains("certificate purpose"));
}
