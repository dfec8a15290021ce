// The real binary and arguments that do not mean what they seem to: refused, never read as something else.

#include <catch2/catch.hpp>

#include <fstream>

#include <nlohmann/json.hpp>

#include "tests/support/text_file.h"
#include "tests/tools/cli/cli_engine.h"
#include "tools/engram/globals.h"

namespace engram::cli {

using Catch::Contains;
using nlohmann::json;

namespace {

/// Without an engine: what is wrong with the arguments is told before one is looked for.
Ran run(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {"env", "NO_COLOR=1", "ENGRAM_SERVER=unix:/nowhere/engram.sock", test::built_binary()});
  return run_program(arguments);
}

void refuses(std::vector<std::string> arguments, const std::string& says) {
  auto ran = run(arguments);
  INFO(arguments.front() << ' ' << arguments.back() << ": " << ran.output << ran.errors);
  CHECK(ran.exit_code == exit_usage);
  CHECK(ran.output.empty());
  CHECK_THAT(ran.errors, Contains(says));
}

}  // namespace

TEST_CASE("an option of the connection that a command has no use for is refused") {
  refuses({"token", "dashboard", "--role", "write", "--space", "only"}, "--only-space");
  refuses({"--space=only", "token", "dashboard"}, "'token' has no use for --space");
  refuses({"token", "dashboard", "--server", "localhost:1"}, "'token' has no use for --server");
  refuses({"log", "--space", "history"}, "--space-id");
  refuses({"verify", "--token-file", "x"}, "'verify' has no use for --token-file");
  refuses({"serve", "--timeout", "5s"}, "'serve' has no use for --timeout");
  refuses({"status", "--space", "history"}, "'status' has no use for --space");
  refuses({"space", "list", "--space", "history"}, "'space' has no use for --space");
  refuses({"cluster", "status", "--space", "history"}, "'cluster' has no use for --space");
  // The environment speaks to all commands.
  auto ran = run_program({"env", "ENGRAM_SPACE=history", test::built_binary(), "token", "dashboard"});
  CHECK(ran.exit_code == exit_ok);
  CHECK_THAT(ran.output, Contains("engram_"));
}

TEST_CASE("a number that does not fit is refused, and never becomes another one") {
  refuses({"link", "a", "T", "b", "--rank", "99999999999999999999"}, "no whole number from -9223372036854775808");
  refuses({"delete", "--edge", "a", "T", "b", "--rank", "-9223372036854775809"}, "no whole number");
  refuses({"link", "a", "T", "b", "--rank", "010"}, "no whole number");
  refuses({"put", "a", "--if-version", "-1"}, "no whole number from 0 to 18446744073709551615");
  refuses({"space", "create", "a", "--max-vertices", "-1"}, "no whole number");
  refuses({"log", "--limit", "-1"}, "no whole number");
  refuses({"log", "--session", "18446744073709551616"}, "no whole number");
  refuses({"bench", "--keys", "-1"}, "no whole number");
  refuses({"recall", "a", "--top", "-1"}, "no whole number");
  refuses({"link", "a", "T", "b", "--weight", "nan"}, "'nan' is no number");
  refuses({"neighbors", "a", "--limit", "0"}, "--limit: 0 are none: 1 or more");
  refuses({"put", "a", "n=99999999999999999999"}, "64 bits");
}

TEST_CASE("times and sizes have units, and say which") {
  refuses({"get", "a", "--timeout", "1h"}, "'1h' is not from 1ms to 10m");
  refuses({"get", "a", "--timeout", "0"}, "from 1ms to 10m");
  refuses({"get", "a", "--timeout", "5 minutes"}, "for example 250 (milliseconds), 500ms, 10s, 5m or 1h");
  refuses({"space", "create", "a", "--max-bytes", "1.5GiB"}, "whole numbers only");
  refuses({"cluster", "upgrade-check", "--wait", "2h"}, "'2h' is not from 0 to 1h");
  CHECK(run({"get", "a", "--timeout", "250"}).exit_code == exit_unreachable);
  CHECK(run({"get", "a", "--timeout", "2m"}).exit_code == exit_unreachable);
}

TEST_CASE("words that nobody understands are told in their order, and an empty space is told by its option") {
  refuses({"get", "a", "--one", "--two", "three"}, "'--one' '--two'");
  refuses({"get", "a", "--space", ""}, "--space");
  CHECK_THAT(run({"get", "a", "--space", ""}).errors, !Contains("Options::"));
}

TEST_CASE("a flag of a setting takes true or false") {
  refuses({"serve", "--operations-allow-remote=maybe"}, "'maybe' is neither true nor false");
  refuses({"serve", "--security-allow-insecure=x", "--print-config"}, "'x' is neither true nor false");
  CHECK_THAT(run({"serve", "--security-allow-insecure=false", "--print-config"}).output, Contains("allow_insecure = false"));
  CHECK_THAT(run({"serve", "--security-allow-insecure", "--print-config"}).output, Contains("allow_insecure = true"));
}

TEST_CASE("with --json, an engine that cannot start says why as JSON, with the same exit code") {
  CliEngine engine;
  auto start = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {test::built_binary(), "serve", "--data-dir", engine.data_dir(), "--listen-unix", "none",
                               "--listen-address", "127.0.0.1:0", "--operations-address", "none"});
    return run_program(more);
  };
  auto text = start({});
  CHECK(text.exit_code == 1);
  CHECK_THAT(text.errors, Contains("engram: cannot start: the data directory") && Contains("is in use by process"));
  auto ran = start({"--json"});
  CHECK(ran.exit_code == 1);
  std::istringstream lines(ran.errors);
  json last;
  for (std::string line; std::getline(lines, line);) {
    INFO(line);
    last = json::parse(line, nullptr, false);
    REQUIRE_FALSE(last.is_discarded());
  }
  CHECK(last["error"]["code"] == "unavailable");
  CHECK_THAT(last["error"]["message"].get<std::string>(), Contains("is in use by process"));
}

TEST_CASE("the log of what is no data directory, or of a partition that is not there, is an error") {
  CliEngine engine;
  auto ran = run({"log", "--data-dir", "/"});
  CHECK(ran.exit_code == exit_local);
  CHECK_THAT(ran.errors, Contains("is no data directory"));
  refuses({"log", "--data-dir", engine.data_dir(), "--partition", "99"}, "partitions 0 to 1");
  CHECK(run({"log", "--data-dir", engine.data_dir(), "--partition", "1"}).exit_code == exit_ok);
  // A reader that leaves: as with every command.
  auto left = engine.run_script(R"({ sleep 0.3; "$ENGRAM" log --data-dir ')" + engine.data_dir() +
                                R"(' --segments; echo "ended $?" >&2; } | true)");
  CHECK(left.errors == "ended " + std::to_string(exit_local) + "\n");
}

TEST_CASE("a reject file that cannot be written is told before anything is sent") {
  CliEngine engine;
  test::TemporaryDirectory directory;
  test::write_text(directory / "in.csv", ":ID,n:int\ngood,1\nbad,x\n");
  auto import_to = [&](const std::string& rejects) {
    return engine.run({"import", directory / "in.csv", "--on-error", "reject=" + rejects});
  };
  CHECK(import_to(directory / "nowhere/bad.txt").exit_code == exit_local);
  CHECK(import_to("-").exit_code == exit_usage);
  CHECK(engine.run({"get", "good"}).exit_code == exit_not_found);

  auto rejects = directory / "bad.txt";
  test::write_text(rejects, "of an import before\n");
  CHECK(run({"import", directory / "in.csv", "--on-error", "reject=" + rejects}).exit_code == exit_unreachable);
  CHECK(test::read_text(rejects) == "of an import before\n");
  CHECK(import_to(rejects).exit_code == exit_ok);
  CHECK_THAT(test::read_text(rejects), Contains("bad,x") && !Contains("before"));
}

}  // namespace engram::cli
