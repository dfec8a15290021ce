// `engram cluster ...`: how it ends, and what it says, when a server is away or does not want us, and in the end of an upgrade.

#include <catch2/catch.hpp>

#include <algorithm>

#include <nlohmann/json.hpp>

#include "tests/support/cluster_processes.h"
#include "tests/support/text_file.h"
#include "tests/tools/cli/cli_engine.h"
#include "tools/engram/globals.h"

namespace engram::cli {

using Catch::Contains;
using nlohmann::json;

namespace {

using Words = std::vector<std::string>;

const std::vector<Words> commands{{"cluster", "status"},
                                  {"cluster", "upgrade-check", "--wait", "1m"},
                                  {"cluster", "finalize"},
                                  {"cluster", "forget-volume", "1"}};

Words operator+(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

std::size_t lines_of(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

/// Of a token with that role, in the file of tokens beside it.
std::string token_file(const test::TemporaryDirectory& directory, const std::string& role) {
  auto made = run_program({test::built_binary(), "token", role, "--role", role, "--file", directory / "tokens.toml"});
  REQUIRE(made.exit_code == exit_ok);
  test::write_text(directory / role, made.output);
  return directory / role;
}

}  // namespace

TEST_CASE("a token file that cannot be read is told once, with the exit code of every local file") {
  CliEngine engine;
  for (const Words& command : commands) {
    auto ran = engine.run(command + Words{"--token-file", "/nowhere"});
    INFO(command[1] << ": " << ran.output << ran.errors);
    CHECK(ran.exit_code == exit_local);
    CHECK_THAT(ran.errors, Contains("/nowhere"));
    CHECK(lines_of(ran.errors) == 1);
    CHECK(ran.output.empty());
  }
}

TEST_CASE("a token without the role admin is refused, and a server that needs one is not away") {
  test::TemporaryDirectory directory;
  auto reader = token_file(directory, "read");
  CliEngine engine({"--security-tokens", directory / "tokens.toml"});
  for (const Words& command : commands) {
    auto ran = engine.run(command + Words{"--token-file", reader});
    INFO(command[1] << ": " << ran.output << ran.errors);
    CHECK(ran.exit_code == exit_refused);
    CHECK_THAT(ran.errors, Contains("role admin"));
    CHECK(ran.output.empty());
    auto as_json = engine.run(command + Words{"--token-file", reader, "--json"});
    CHECK(as_json.exit_code == exit_refused);
    CHECK(json::parse(as_json.errors)["error"]["code"] == "permission_denied");
    CHECK(as_json.output.empty());
  }
}

TEST_CASE("where no engine answers, each server is told, and the exit code says it") {
  test::TemporaryDirectory directory;
  for (Words command : commands) {
    std::replace(command.begin(), command.end(), std::string("1m"), std::string("0"));
    auto ran = run_program(Words{"env", "NO_COLOR=1", test::built_binary()} + command +
                           Words{"--server", "unix:" + (directory / "one") + ",unix:" + (directory / "other")});
    INFO(command[1] << ": " << ran.output << ran.errors);
    CHECK(ran.exit_code == exit_unreachable);
    CHECK_THAT(ran.errors, Contains(command[1] == "finalize" ? "no engine answers" : directory / "one"));
    CHECK(ran.output.empty());
  }
}

TEST_CASE("one server of several that is away is an error beside what the others show") {
  CliEngine engine;
  test::TemporaryDirectory directory;
  auto away = "unix:" + (directory / "away");
  auto status = engine.run({"cluster", "status", "--server", "unix:" + engine.data_dir() + "/engram.sock," + away});
  CHECK(status.exit_code == exit_unreachable);
  CHECK_THAT(status.output, Contains("ready"));
  CHECK_THAT(status.errors, Contains("no engine answers at " + away));
  auto check = engine.run({"cluster", "upgrade-check", "--wait", "0", "--json", "--server",
                           "unix:" + engine.data_dir() + "/engram.sock," + away});
  CHECK(check.exit_code == exit_not_found);
  auto told = json::parse(check.output);
  CHECK(told["safe"] == false);
  CHECK_THAT(told["reasons"][0].get<std::string>(), Contains(away));
}

TEST_CASE("the volume of a node is forgotten by the others, one line for each") {
  test::ClusterProcesses cluster(2);
  for (unsigned node : {0u, 1u}) cluster.setup(node).binary = test::built_binary();
  cluster.start_all();
  auto forget = [&](const Words& more) {
    return run_program(Words{test::built_binary(), "cluster", "forget-volume"} + more);
  };
  auto ran = forget({"1", "--server", cluster.servers()});
  INFO(ran.errors);
  CHECK(ran.exit_code == exit_ok);
  CHECK(ran.output == cluster.server(0) + " takes the next volume of node 1\n");
  auto as_json = forget({"1", "--json", "--server", cluster.servers()});
  CHECK(as_json.exit_code == exit_ok);
  CHECK(lines_of(as_json.output) == 1);
  CHECK(json::parse(as_json.output) == json{{"server", cluster.server(0)}, {"forgotten", 1}});

  // The node itself is not asked: it is its volume.
  auto alone = forget({"1", "--server", cluster.server(1)});
  CHECK(alone.exit_code == exit_usage);
  CHECK_THAT(alone.errors, Contains("the others"));
  CHECK_THAT(forget({"7", "--server", cluster.server(0)}).errors, Contains("no other node with the ordinal 7"));
}

}  // namespace engram::cli
