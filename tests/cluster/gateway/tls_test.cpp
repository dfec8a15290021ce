// TLS as a client meets it: whom it trusts, who is turned away, and certificates that are replaced while the engine runs.

#include <catch2/catch.hpp>

#include <filesystem>

#include <sys/stat.h>

#include "client/engram/client.h"
#include "tests/cluster/gateway/raw_connection.h"
#include "tests/support/certificates.h"
#include "tests/support/running_engine.h"
#include "tests/support/seeded_random.h"
#include "tests/support/text_file.h"

using namespace engram;
using client::Client;
using test::Authority;

namespace {

struct Setup {
  test::TemporaryDirectory directory;
  Authority authority{"authority"};
  std::string ca = directory / "ca.pem", certificate = directory / "tls.crt", key = directory / "tls.key";
  std::unique_ptr<test::RunningEngine> engine;

  Setup() {
    test::write_text(ca, authority.pem());
    serve_as("DNS:localhost");
  }
  void serve_as(const std::string& names) { put(authority.sign("engine", names), certificate, key); }
  static void put(const test::PemPair& pair, const std::string& certificate_path, const std::string& key_path) {
    for (const auto& [path, content] : {std::pair(key_path, pair.key), std::pair(certificate_path, pair.certificate)}) {
      test::write_text(path + ".new", content);
      ::chmod((path + ".new").c_str(), 0600);
      std::filesystem::rename(path + ".new", path);
    }
  }
  void start(FlagValues settings = {}) {
    settings["tls.certificate"] = certificate;
    settings["tls.key"] = key;
    engine = std::make_unique<test::RunningEngine>(settings);
  }
  client::Options options(const std::string& trusted = {}) {
    client::Options options;
    options.server = engine->address();
    options.connect_wait_ms = 0;
    options.timeout_ms = 3000;
    options.tls.enabled = true;
    options.tls.ca_file = trusted.empty() ? ca : trusted;
    options.tls.server_name = "localhost";  // kj-tls compares names, and no addresses
    return options;
  }
  static Status connect(const client::Options& options) {
    auto connected = Client::connect(options);
    if (!connected.ok()) return connected.status();
    client::Batch batch;
    batch.put_vertex("ada");
    return connected->submit(batch).status;
  }
};

}  // namespace

TEST_CASE("a client that trusts the authority works over TLS, and one that trusts another does not") {
  Setup setup;
  setup.start();
  CHECK(Setup::connect(setup.options()).message() == "");
  std::string other_ca = setup.directory / "other.pem";
  test::write_text(other_ca, Authority("somebody else").pem());
  CHECK_FALSE(Setup::connect(setup.options(other_ca)).ok());
  CHECK(Setup::connect(setup.options()).ok());
}

TEST_CASE("without TLS nothing is answered on the TLS port, but on the Unix socket it is not needed") {
  Setup setup;
  setup.start({{"listen.handshake_timeout_ms", "300"}});
  client::Options plain = setup.options();
  plain.tls = {};
  plain.timeout_ms = 1000;
  CHECK_FALSE(Setup::connect(plain).ok());
  plain.server = setup.engine->unix_address();
  CHECK(Setup::connect(plain).message() == "");
  // Whoever opens a connection and says nothing is sent away too.
  test::RawConnection silent(setup.engine->port());
  CHECK(silent.is_closed_within(3000));
}

TEST_CASE("a certificate for another name is refused by the client") {
  Setup setup;
  setup.serve_as("DNS:engram.test");
  setup.start();
  CHECK(Setup::connect(setup.options()).message().find("'localhost'") != std::string::npos);
  client::Options named = setup.options();
  named.tls.server_name = "engram.test";
  CHECK(Setup::connect(named).message() == "");
}

TEST_CASE("a replaced certificate serves the next connection, and the one before lives on") {
  Setup setup;
  setup.start();
  auto before = Client::connect(setup.options());
  REQUIRE(before.ok());
  Authority renewed("renewed");
  std::string renewed_ca = setup.directory / "renewed.pem";
  test::write_text(renewed_ca, renewed.pem());
  Setup::put(renewed.sign("engine", "DNS:localhost"), setup.certificate, setup.key);
  setup.engine->node().reload();
  CHECK(Setup::connect(setup.options(renewed_ca)).message() == "");
  CHECK_FALSE(Setup::connect(setup.options()).ok());
  CHECK(before->ping().ok());

  // A file that is no certificate, or one that OpenSSL does not serve with, changes nothing.
  test::write_text(setup.certificate, "not a certificate");
  setup.engine->node().reload();
  CHECK(Setup::connect(setup.options(renewed_ca)).message() == "");
  Setup::put(renewed.sign("engine", "DNS:localhost", ::EVP_RSA_gen(512)), setup.certificate, setup.key);
  setup.engine->node().reload();
  CHECK(Setup::connect(setup.options(renewed_ca)).message() == "");
}

TEST_CASE("an engine does not start with a certificate that OpenSSL does not serve with") {
  Setup setup;
  Setup::put(setup.authority.sign("engine", "DNS:localhost", ::EVP_RSA_gen(512)), setup.certificate, setup.key);
  CHECK_THROWS_WITH(setup.start(), Catch::Contains("tls.crt") && Catch::Contains("2048 bits"));
}

TEST_CASE("where clients need certificates, those of every authority in the file are let in, and no others") {
  Setup setup;
  std::vector<Authority> authorities;
  std::string bundle;
  for (int i = 0; i < 12; ++i) bundle += authorities.emplace_back("clients " + std::to_string(i)).pem();
  std::string client_ca = setup.directory / "clients.pem";
  test::write_text(client_ca, bundle);
  setup.start({{"tls.client_ca", client_ca}});
  auto as = [&](Authority& signer) {
    client::Options options = setup.options();
    options.timeout_ms = 1500;
    options.tls.certificate_file = setup.directory / "client.crt";
    options.tls.key_file = setup.directory / "client.key";
    Setup::put(signer.sign("client", "DNS:client"), options.tls.certificate_file, options.tls.key_file);
    return Setup::connect(options);
  };
  CHECK(as(authorities.front()).message() == "");
  CHECK(as(authorities[1]).message() == "");
  CHECK(as(authorities.back()).message() == "");
  CHECK_FALSE(as(setup.authority).ok());
  client::Options without = setup.options();
  without.timeout_ms = 1500;
  CHECK_FALSE(Setup::connect(without).ok());
}

TEST_CASE("TLS and tokens together: both have to be right") {
  Setup setup;
  test::SeededRandom random{3};
  NewToken token = make_token(random);
  std::string tokens = setup.directory / "tokens.toml";
  test::write_text(tokens, token_entry_toml({.name = "writer", .digest = token.digest, .role = Role::write}));
  ::chmod(tokens.c_str(), 0600);
  setup.start({{"security.tokens", tokens}});
  client::Options options = setup.options();
  CHECK(Setup::connect(options).code() == Code::unauthenticated);
  options.token = token.token;
  CHECK(Setup::connect(options).message() == "");
}

TEST_CASE("an engine that others could reach starts with TLS and tokens") {
  Setup setup;
  std::string tokens = setup.directory / "tokens.toml";
  test::SeededRandom random{3};
  test::write_text(tokens, token_entry_toml({.name = "writer", .digest = make_token(random).digest}));
  ::chmod(tokens.c_str(), 0600);
  // 127.0.0.0/8 is loopback; 0.0.0.0 is not.
  CHECK_THROWS_WITH(setup.start({{"listen.address", "0.0.0.0:0"}}), Catch::Contains("security.tokens"));
  CHECK_NOTHROW(setup.start({{"listen.address", "0.0.0.0:0"}, {"security.tokens", tokens}}));
}
