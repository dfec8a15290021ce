// `engram soak` with the real binary and the real engine: what it says of them, and how it ends.

#include <catch2/catch.hpp>

#include <sstream>

#include <nlohmann/json.hpp>

#include "tests/tools/cli/cli_engine.h"
#include "tools/engram/globals.h"

namespace engram::cli {

using Catch::Contains;
using nlohmann::json;

namespace {

void put_three(const CliEngine& engine) {
  for (const char* key : {"0", "1", "2"}) REQUIRE(engine.run({"put", key}).exit_code == exit_ok);
}

std::vector<json> lines_of(const Ran& ran) {
  INFO(ran.output << ran.errors);
  std::vector<json> lines;
  std::istringstream text(ran.output);
  for (std::string line; std::getline(text, line);) lines.push_back(json::parse(line));
  REQUIRE_FALSE(lines.empty());
  return lines;
}

}  // namespace

TEST_CASE("soak reads back all that was acknowledged, and every vertex and edge of it has the answer's version and time") {
  CliEngine engine;
  put_three(engine);
  auto ran = engine.run({"--json", "--timeout", "60s", "soak", "--keys", "3", "--seconds", "3", "--rate", "100",
                         "--report-every", "0.3", "--mix", "get,put,link"});
  auto lines = lines_of(ran);
  CHECK(ran.exit_code == exit_ok);
  CHECK(lines.size() >= 4);
  for (std::size_t i = 0; i + 1 < lines.size(); ++i) CHECK(lines[i].contains("interval"));
  auto summary = lines.back()["summary"];
  CHECK(summary["all_right"] == true);
  CHECK(summary["failures"] == 0);
  CHECK(summary["writes"]["acknowledged"] > 20);
  CHECK(summary["writes"]["repeated"] == 0);
}

TEST_CASE("a vertex that is not there is a failure, and the exit code says so") {
  CliEngine engine;
  put_three(engine);
  auto ran = engine.run({"--json", "soak", "--keys", "4", "--seconds", "2", "--rate", "200", "--mix", "get"});
  CHECK(ran.exit_code == exit_not_found);
  CHECK(lines_of(ran).back()["summary"]["vertices_not_there"] > 0);
}

TEST_CASE("soak that is told to stop checks what it wrote before it ends") {
  CliEngine engine;
  put_three(engine);
  auto ran = engine.run_script(R"(cd "$HOME"; "$ENGRAM" soak --keys 3 --seconds 100 --mix put --report-every 0.2 >out & pid=$!
                                  for i in $(seq 1000); do grep -q calls/s out && break; sleep 0.1; done
                                  kill -TERM $pid; wait $pid; code=$?; cat out; exit $code)");
  INFO(ran.output << ran.errors);
  CHECK(ran.exit_code == exit_ok);
  CHECK_THAT(ran.output, Contains("0 lost, 0 applied more than once"));
}

}  // namespace engram::cli
