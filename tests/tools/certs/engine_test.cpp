// An engine and its clients with certificates of `engram certs`.

#include <catch2/catch.hpp>

#include "tests/support/engine_process.h"
#include "tests/support/run_program.h"
#include "tests/tools/certs/authority_setup.h"
#include "tools/engram/globals.h"

namespace engram::cli {

using test::AuthoritySetup;

namespace {

/// A server's certificate for localhost, and a client's.
void issue_both(AuthoritySetup& setup) {
  test::value_of(setup.issue({.use = certs::Use::server, .name = "db.example", .hosts = {"db.example", "localhost"}}));
  test::value_of(setup.issue({.use = certs::Use::client, .name = "ingest"}));
}

}  // namespace

TEST_CASE("an engine that wants clients' certificates lets those of its authority in, and no others") {
  AuthoritySetup setup, other;
  issue_both(setup);
  issue_both(other);
  auto flags = std::vector<std::string>{"--tls-certificate", setup / "db.example.pem", "--tls-key", setup / "db.example.key",
                                        "--tls-client-ca", setup / "ca.pem"};
  auto engine_setup = test::setup_in(setup.directory, flags);
  engine_setup.address = "127.0.0.1:0";
  engine_setup.binary = test::built_binary();
  test::EngineProcess engine(engine_setup);
  test::require_ready(engine);

  auto put_as = [&](const std::string& authority, const AuthoritySetup& client, const std::string& timeout) {
    auto ran = test::run_program({test::built_binary(), "put", "ada", "--server", engine.rpc_address(),
                                  "--tls-name", "localhost", "--ca", authority, "--cert", client / "ingest.pem",
                                  "--key", client / "ingest.key", "--timeout", timeout});
    UNSCOPED_INFO(ran.errors);
    return ran.exit_code;
  };
  CHECK(put_as(setup / "ca.pem", setup, "120s") == exit_ok);
  CHECK(put_as(setup / "ca.pem", other, "3s") != exit_ok);
  CHECK(put_as(other / "ca.pem", setup, "3s") != exit_ok);
}

}  // namespace engram::cli
