// `engram certs` as a person types it.

#include <catch2/catch.hpp>

#include <filesystem>

#include <nlohmann/json.hpp>

#include "tests/support/engine_process.h"
#include "tests/support/run_program.h"
#include "tests/support/text_file.h"
#include "tests/tools/certs/authority_setup.h"
#include "tools/engram/globals.h"

namespace engram::cli {

using Catch::Contains;
using nlohmann::json;
using test::Ran;

namespace {

Ran run_certs(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"env", "NO_COLOR=1", test::built_binary(), "certs"});
  return test::run_program(arguments);
}

Ran done(std::vector<std::string> arguments) {
  auto ran = run_certs(std::move(arguments));
  INFO(ran.errors);
  REQUIRE(ran.exit_code == exit_ok);
  return ran;
}

void refuses(std::vector<std::string> arguments, int exit_code, const std::string& says) {
  auto ran = run_certs(std::move(arguments));
  INFO(ran.output);
  CHECK(ran.exit_code == exit_code);
  CHECK(ran.output.empty());
  CHECK_THAT(ran.errors, Contains(says));
}

}  // namespace

TEST_CASE("a cluster's certificates in three commands, and one node more") {
  test::TemporaryDirectory directory;
  auto certs = directory / "certs";
  auto ran = done({"init", certs, "--name", "memory"});
  CHECK_THAT(ran.output, Contains("made  " + certs + "/ca.pem"));
  CHECK_THAT(ran.errors, Contains("Nodes and clients need " + certs + "/ca.pem"));
  ran = done({"node", certs + "/", "--nodes", "2", "--name", "memory", "--also", "10.0.0.1", "--also", "db.example"});
  CHECK_THAT(ran.output, Contains(certs + "/memory-0.pem") && Contains(certs + "/memory-1.key"));
  done({"client", certs, "--name", "ingest"});

  auto before = test::read_text(certs + "/memory-0.pem");
  ran = done({"node", certs, "--nodes", "3", "--name", "memory"});
  CHECK_THAT(ran.output, Contains("kept  " + certs + "/memory-0.pem") && Contains("made  " + certs + "/memory-2.pem"));
  CHECK_THAT(ran.errors, Contains("--renew replaces it"));
  CHECK(test::read_text(certs + "/memory-0.pem") == before);
  for (const auto* name : {"memory-0", "memory-1", "memory-2", "ingest"}) {
    auto base = certs + "/" + name;
    CHECK(load_tls_files({base + ".pem", base + ".key", certs + "/ca.pem"}, SystemClock()).ok());
    CHECK(test::mode_of(base + ".key") == 0400);
  }
}

TEST_CASE("no key is ever printed") {
  test::TemporaryDirectory directory;
  auto certs = directory / "certs";
  std::string printed;
  std::vector<std::vector<std::string>> commands = {
      {"init", certs}, {"node", certs, "--nodes", "1"}, {"server", certs, "--name", "db.example"}, {"show", certs}};
  for (const auto& arguments : commands) {
    for (bool as_json : {false, true}) {
      auto words = arguments;
      if (as_json) words.insert(words.begin(), "--json");
      auto ran = run_certs(words);
      printed += ran.output + ran.errors;
    }
  }
  CHECK_THAT(printed, Contains("db.example.key"));
  CHECK_THAT(printed, !Contains("PRIVATE"));
  auto key = test::read_text(certs + "/db.example.key");
  CHECK_THAT(printed, !Contains(key.substr(key.find('\n') + 1, 40)));
}

TEST_CASE("with --json, one object a certificate") {
  test::TemporaryDirectory directory;
  auto certs = directory / "certs";
  done({"init", certs});
  auto ran = done({"node", certs, "--ordinal", "4", "--also", "DB.example", "--json"});
  auto made = json::parse(ran.output);
  CHECK(made["name"] == "engram-4");
  CHECK(made["action"] == "made");
  CHECK(made["key"] == certs + "/engram-4.key");
  CHECK(made["names"] == json({"engram-4", "engram-4.engram", "localhost", "127.0.0.1", "::1", "db.example"}));
  auto renewed = json::parse(done({"node", certs, "--ordinal", "4", "--renew", "--json"}).output);
  CHECK(renewed["action"] == "renewed");
  CHECK(renewed["names"] == made["names"]);
  CHECK(renewed["serial"] != made["serial"]);
  ran = run_certs({"init", certs, "--json"});
  CHECK(ran.exit_code == exit_local);
  CHECK_THAT(json::parse(ran.errors)["error"]["message"].get<std::string>(), Contains("there is an authority already"));
}

TEST_CASE("arguments that make no sense are told, and change nothing") {
  test::TemporaryDirectory directory;
  auto certs = directory / "certs";
  refuses({"init", certs, "--days", "0"}, exit_usage, "from 1 to 36500 days");
  refuses({"init", certs, "--name", "a/b"}, exit_usage, "--name");
  CHECK_FALSE(std::filesystem::exists(certs));
  refuses({"node", certs}, exit_usage, "for which nodes?");
  refuses({"node", certs, "--nodes", "0"}, exit_usage, "from 1 to 65536 nodes");
  refuses({"node", certs, "--nodes", "3", "--ordinal", "3"}, exit_usage, "ordinals are from 0 to 2");
  refuses({"node", certs, "--nodes", "3", "--name", "../x"}, exit_usage, "--name");
  refuses({"node", certs, "--nodes", "3", "--also", "a,DNS:evil"}, exit_usage, "neither a host's name nor an IP address");
  refuses({"client", certs, "--name", "ca"}, exit_usage, "the authority's own");
  refuses({"server", certs, "--name", "a..b"}, exit_usage, "neither a host's name");
  refuses({"client", certs, "--name", std::string(65, 'n')}, exit_usage, "1 to 64 characters");
  refuses({"client", certs, "--name", "x", "--server", "localhost:1"}, exit_usage, "'certs' has no use for --server");
  CHECK(run_certs({}).exit_code == exit_usage);
}

TEST_CASE("files that are not there, or there already, are errors of their own") {
  test::TemporaryDirectory directory;
  auto certs = directory / "certs";
  refuses({"node", certs, "--nodes", "1"}, exit_local, "cannot open the directory " + certs);
  refuses({"node", directory.path(), "--nodes", "1"}, exit_local, "'engram certs init " + directory.path() + "' makes one");
  refuses({"init", directory / "no/certs"}, exit_local, "cannot make the directory");
  test::write_text(directory / "file", "");
  refuses({"init", directory / "file"}, exit_local, directory / "file");
  done({"init", certs});
  done({"client", certs, "--name", "x"});
  refuses({"client", certs, "--name", "x"}, exit_local, "x.pem is there already: --renew replaces it");
  refuses({"server", certs, "--name", "x", "--renew"}, exit_local, "another kind (client)");
}

TEST_CASE("a renewal that is cut off half-way leaves the pair that was there") {
  test::TemporaryDirectory directory;
  auto certs = directory / "certs";
  done({"init", certs});
  done({"node", certs, "--nodes", "1"});
  TlsPaths paths{certs + "/engram-0.pem", certs + "/engram-0.key", certs + "/ca.pem"};
  auto before = test::value_of(load_tls_files(paths, SystemClock()));
  // Room for a key (about 240 bytes), and not for a certificate: writing more ends in a signal or an error.
  test::ChildProcess child({.words = {test::built_binary(), "certs", "node", certs, "--nodes", "1", "--renew"},
                            .output = directory / "out",
                            .max_file_bytes = 400});
  auto ended = child.wait_end(60'000);
  REQUIRE(ended);
  CHECK(ended->exit_code() != exit_ok);
  auto after = test::value_of(load_tls_files(paths, SystemClock()));
  CHECK(after.private_key_pem == before.private_key_pem);
  CHECK(after.certificate_chain_pem == before.certificate_chain_pem);

  done({"node", certs, "--nodes", "1", "--renew"});
  CHECK(test::value_of(load_tls_files(paths, SystemClock())).private_key_pem != before.private_key_pem);
  for (const auto& entry : std::filesystem::directory_iterator(certs))
    CHECK_FALSE(entry.path().filename().string().starts_with("."));
}

}  // namespace engram::cli
