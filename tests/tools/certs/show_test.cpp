// `engram certs show`: what a certificate is, and that it has expired.

#include <nlohmann/json.hpp>

#include "tests/support/certificates.h"
#include "tests/support/engine_process.h"
#include "tests/support/run_program.h"
#include "tests/support/text_file.h"
#include "tests/tools/certs/authority_setup.h"
#include "tools/engram/globals.h"

namespace engram::cli {

using Catch::Contains;
using nlohmann::json;
using test::AuthoritySetup;
using test::Ran;

namespace {

Ran show(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"env", "NO_COLOR=1", test::built_binary(), "certs", "show"});
  return test::run_program(arguments);
}

}  // namespace

TEST_CASE("a directory is shown whole, its authority first") {
  AuthoritySetup setup(1);
  auto node = setup.issue_node(0);
  test::value_of(setup.issue({.use = certs::Use::client, .name = "alice"}));
  auto ran = show({setup.certs});
  CHECK(ran.exit_code == exit_ok);
  CHECK(ran.errors.empty());
  auto authority_at = ran.output.find(setup / "ca.pem"), client_at = ran.output.find(setup / "alice.pem"),
       node_at = ran.output.find(setup / "engram-0.pem");
  CHECK(authority_at < client_at);
  CHECK(client_at < node_at);
  REQUIRE(node_at != std::string::npos);
  auto of_node = ran.output.substr(node_at);
  CHECK_THAT(of_node, Contains("CN=engram-0") && Contains("engram-0, engram-0.engram, localhost, 127.0.0.1, ::1"));
  CHECK_THAT(of_node, Contains("CN=engram authority") && Contains("824 days left") && Contains(node.description.serial));
  CHECK_THAT(of_node, Contains("SHA-256 " + node.description.fingerprint));
}

TEST_CASE("what has expired is told clearly, and is no error") {
  AuthoritySetup setup(100 * 24 + 1);
  auto order = certs::node_order("engram", 0);
  order.days = 90;
  test::value_of(setup.issue(order));
  auto ran = show({setup.certs});
  CHECK(ran.exit_code == exit_ok);
  CHECK_THAT(ran.output, Contains("EXPIRED 10 days ago") && Contains("3,549 days left"));
  CHECK_THAT(ran.errors, Contains("1 of 2 certificates have expired") && Contains("--renew"));
  auto shown = json::parse(show({setup / "engram-0.pem", "--json"}).output);
  CHECK(shown["state"] == "expired");
  CHECK(shown["days_left"].get<int>() < 0);
  CHECK(shown["use"] == "node");
}

TEST_CASE("a file may hold several, of others, and what cannot be read does not hide the rest") {
  AuthoritySetup setup;
  test::Authority other("somebody\x1b[31m else");
  test::write_text(setup / "bundle.pem", other.pem() + other.sign("x", "URI:spiffe://x/y,DNS:a.example").certificate);
  test::write_text(setup / "nonsense.pem", "nonsense");
  auto ran = show({setup / "gone.pem", setup.certs, "--json"});
  CHECK(ran.exit_code == exit_local);
  CHECK_THAT(ran.errors, Contains("gone.pem cannot be opened") && Contains("nonsense.pem: there is no PEM certificate"));
  std::istringstream lines(ran.output);
  std::vector<json> shown;
  for (std::string line; std::getline(lines, line);) shown.push_back(json::parse(line));
  REQUIRE(shown.size() == 3);
  CHECK(shown[1]["use"] == "authority");
  CHECK(shown[2]["names"] == json({"URI:spiffe://x/y", "a.example"}));
  CHECK_THAT(ran.output, !Contains("\x1b"));
  test::TemporaryDirectory empty;
  CHECK_THAT(show({empty.path()}).errors, Contains("there is no certificate (NAME.pem) in"));
}

}  // namespace engram::cli
