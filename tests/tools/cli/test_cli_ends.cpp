// The real binary where something is wrong: with the arguments, the output, a file, the terminal, or the token.

#include <catch2/catch.hpp>

#include <filesystem>
#include <fstream>

#include <nlohmann/json.hpp>

#include "tests/support/text_file.h"
#include "tests/tools/cli/cli_engine.h"
#include "tools/engram/globals.h"

namespace engram::cli {

using Catch::Contains;
using nlohmann::json;

namespace {

void check_ended(const Ran& ran, int code, const std::string& says) {
  INFO(ran.output << ran.errors);
  CHECK(ran.exit_code == code);
  CHECK_THAT(ran.errors, Contains(says));
}

}  // namespace

TEST_CASE("wrong arguments are 2, and files that cannot be used are 6") {
  CliEngine engine;
  auto ends = [&](std::vector<std::string> arguments, int code, const std::string& says) {
    INFO(arguments.front() << ' ' << arguments.back());
    check_ended(engine.run(std::move(arguments)), code, says);
  };
  ends({"export"}, exit_usage, "no file to export to");
  ends({"export", "--format", "csv-neo4j", "-o", "x"}, exit_usage, "--nodes and --edges");
  ends({"export", "-o", "/nodir/x"}, exit_local, "/nodir/x");
  ends({"bench"}, exit_usage, "--keys 1000");
  ends({"bench", "--keys", "10", "--mix", "foo"}, exit_usage, "no call 'foo'");
  ends({"bench", "--keys", "10", "--threads", "0"}, exit_usage, "threads");
  ends({"bench", "--keys", "10", "--key-partitions", "0,x"}, exit_usage, "no list of partitions");
  ends({"bench", "--keys", "10", "--mix", "link", "--key-partitions", "0"}, exit_usage, "--target-partitions");
  ends({"soak"}, exit_usage, "--keys 1000");
  ends({"soak", "--keys", "10", "--mix", "recall"}, exit_usage, "get, put and link");
  ends({"soak", "--key-file", "/nowhere"}, exit_local, "/nowhere");
  ends({"bench", "--key-file", "/nowhere"}, exit_local, "/nowhere");
  ends({"bench", "--keys", "10", "--floor-dir", "/nowhere"}, exit_local, "/nowhere");
  ends({"path", "a", "b", "--by", "weight", "--max-hops", "3"}, exit_usage, "--max-hops");
  ends({"put", "x", "n:foo=1"}, exit_usage, "'foo' is no type");
  CHECK(engine.run({"get", "x"}).exit_code == exit_not_found);
  CHECK(engine.run({"put", "x", R"(dc\:title=Notes)"}).exit_code == exit_ok);
  CHECK(json::parse(engine.run({"get", "x", "--json"}).output)["properties"]["dc:title"] == "Notes");
  CHECK(engine.run({"scan", "--where", R"(dc\:title=Notes)", "--keys"}).output == "x\n");
  check_ended(engine.run({"import", "-"}, "~id,~from,~to,~label\n1,x,nobody,T\n"), exit_not_found,
              "standard input:2:5: there is no vertex \"nobody\", the edge's target");
}

TEST_CASE("with --json, errors in the arguments and the version are JSON too") {
  auto binary = test::built_binary();
  for (std::vector<std::string> arguments : {std::vector<std::string>{"--json", "get"}, {"--json", "nosuch"}, {"--json"},
                                             {"get", "--no-such-option", "--json"}}) {
    arguments.insert(arguments.begin(), binary);
    auto ran = run_program(arguments);
    INFO(arguments.back() << ": " << ran.errors);
    CHECK(ran.exit_code == exit_usage);
    CHECK(ran.output.empty());
    CHECK(json::parse(ran.errors)["error"]["code"] == "invalid_argument");
  }
  CHECK(json::parse(run_program({binary, "--json", "--version"}).output)["version"].is_string());
  CHECK_THAT(run_program({binary, "get", "--", "--json"}).errors, !Contains("{"));
}

TEST_CASE("the configuration as JSON, and what is no setting is told") {
  auto ran = run_program({"env", "ENGRAM_LISTEN_ADRESS=x", "ENGRAM_LISTEN_LOOPS=3", test::built_binary(), "--json", "serve",
                          "--print-config", "--data-dir", "/srv/graph"});
  check_ended(ran, exit_ok, "warning: the environment variable ENGRAM_LISTEN_ADRESS is no setting");
  auto config = json::parse(ran.output);
  CHECK(config["data"]["dir"] == json{{"value", "/srv/graph"}, {"origin", "flag --data-dir"}});
  CHECK(config["listen"]["loops"] == json{{"value", 3}, {"origin", "environment ENGRAM_LISTEN_LOOPS"}});
}

TEST_CASE("output that is lost is an error") {
  CliEngine engine;
  REQUIRE(engine.run({"put", "ada", "born=1815"}).exit_code == exit_ok);
  for (const char* command : {"get ada", "get ada --json", "scan --all", "neighbors ada --count", "export -o -", "--help",
                              "stats", "--version"}) {
    INFO(command);
    check_ended(engine.run_script(std::string("\"$ENGRAM\" ") + command + " > /dev/full"), exit_local,
                "standard output cannot be written: No space left on device");
  }
  auto told = engine.run_script(R"("$ENGRAM" --json get ada > /dev/full)");
  CHECK(json::parse(told.errors)["error"]["code"] == "disk_full");
  check_ended(engine.run_script(R"(printf 'put a\nput b\n' | "$ENGRAM" shell > /dev/full)"), exit_local, "No space left");
  CHECK(engine.run({"get", "a"}).exit_code == exit_ok);
  CHECK(engine.run({"get", "b"}).exit_code == exit_not_found);
  check_ended(engine.run_script(R"("$ENGRAM" get nobody > /dev/full)"), exit_not_found, "nobody");
  // A reader that leaves wants no more, and no message.
  auto left = engine.run_script(R"({ while (printf x); do sleep 0.1; done; "$ENGRAM" get ada; echo "ended $?" >&2; } | true)");
  CHECK(left.errors == "ended " + std::to_string(exit_local) + "\n");
}

TEST_CASE("an export to standard output is what an import reads from standard input") {
  CliEngine engine;
  REQUIRE(engine.run({"shell"}, "put a x=1\nput b\nlink a T b since=1833\nspace create copy\n").exit_code == exit_ok);
  auto ran = engine.run_script(R"("$ENGRAM" export -o - | "$ENGRAM" import - --space copy)");
  check_ended(ran, exit_ok, "2 vertices and 1 edge");
  CHECK(engine.run({"neighbors", "a", "--space", "copy", "--json"}).output.find("1833") != std::string::npos);
  auto exported = engine.run({"export", "--nodes", "-", "--format", "csv-neo4j"});
  CHECK(exported.output == ":ID,:LABEL,x:long\na,,1\nb,,\n");
}

TEST_CASE("a link to standard output is standard output: it stays, and so does what is there") {
  CliEngine engine;
  REQUIRE(engine.run({"put", "a"}).exit_code == exit_ok);
  test::TemporaryDirectory directory;
  auto link = directory / "link", file = directory / "file";
  std::filesystem::create_symlink("/proc/self/fd/1", link);
  for (const std::string& where : {std::string("| cat"), "> " + file}) {
    auto ran = engine.run_script("{ echo first; \"$ENGRAM\" export -o " + link + "; echo last; } " + where);
    check_ended(ran, exit_ok, "1 vertex and 0 edges");
    auto output = where == "| cat" ? ran.output : test::read_text(file);
    CHECK(output == "first\n{\"type\":\"vertex\",\"key\":\"a\",\"labels\":[],\"properties\":{}}\nlast\n");
  }
  auto ran = engine.run_script("{ echo first; printf ':ID,n:int\\nb,x\\n' | \"$ENGRAM\" import - --on-error reject=" + link +
                               "; } > " + file);
  check_ended(ran, exit_ok, "rejected rows: 1");
  CHECK_THAT(test::read_text(file), Catch::StartsWith("first\n# standard input:2:3: n:int: \"x\" is not") &&
                                        Contains("\nb,x\n0 vertices"));
  CHECK(std::filesystem::is_symlink(link));
}

TEST_CASE("a terminal gets no control characters of keys and values, a pipe gets them as they are") {
  CliEngine engine;
  REQUIRE(engine.run({"put", "evil\x1b[2J", "title=\x1b]0;owned\x07"}).exit_code == exit_ok);
  CHECK_THAT(engine.run({"scan"}).output, Contains("evil\x1b[2J") && Contains("\x1b]0;owned\x07"));
  for (const char* command : {"scan", "scan --keys", "get \"$KEY\""}) {
    auto ran = engine.run_script(std::string("KEY=$(printf 'evil\\033[2J') TERM=dumb script -qec '\"$ENGRAM\" ") +
                                 command + "' /dev/null");
    INFO(command << ": " << ran.output << ran.errors);
    CHECK_THAT(ran.output, Contains(R"(evil\x1b[2J)") && !Contains("\x1b"));
  }
}

TEST_CASE("a token for some spaces lists them, and none at all is told from a wrong one") {
  test::TemporaryDirectory directory;
  auto tokens = directory / "tokens.toml";
  auto token = [&](const std::string& name, std::vector<std::string> flags) {
    std::vector<std::string> words = {test::built_binary(), "token", name, "--file", tokens};
    words.insert(words.end(), flags.begin(), flags.end());
    auto ran = run_program(words);
    REQUIRE(ran.exit_code == 0);
    std::ofstream(directory / name) << ran.output;
    return directory / name;
  };
  auto admin = token("admin", {"--role", "admin"});
  auto limited = token("limited", {"--role", "write", "--only-space", "mine"});
  std::ofstream(directory / "wrong") << "engram_wrong\n";
  CliEngine engine({"--security-tokens", tokens});

  check_ended(engine.run({"get", "ada"}), exit_refused, "needs a token: --token-file");
  check_ended(engine.run({"get", "ada", "--token-file", directory / "wrong"}), exit_refused, "token is wrong");
  // ENGRAM_SPACE may name it before it is there.
  check_ended(engine.run_script("ENGRAM_SPACE=mine \"$ENGRAM\" space create mine --token-file " + admin), exit_ok, "");
  auto listed = engine.run({"space", "list", "--token-file", limited, "--json"});
  check_ended(listed, exit_ok, "");
  CHECK(json::parse(listed.output)["name"] == "mine");
  check_ended(engine.run({"get", "ada", "--token-file", limited}), exit_refused, "not allowed to use the space");
  check_ended(engine.run({"shell", "--token-file", limited}, "space list\nuse mine\nput ada\nget ada\n"), exit_ok, "");
}

}  // namespace engram::cli
