// `engram token` never leaves a file behind that an engine would refuse.

#include <catch2/catch.hpp>

#include <filesystem>

#include "cluster/security/token_store.h"
#include "tests/support/engine_process.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/text_file.h"
#include "tools/engram/globals.h"

namespace engram::cli {

using Catch::Contains;
using test::Ran;

namespace {

Ran run_token(std::vector<std::string> arguments) {
  arguments.insert(arguments.begin(), {test::built_binary(), "token"});
  return test::run_program(arguments);
}

void check_refused(const Ran& ran, const std::string& says) {
  CHECK(ran.exit_code == exit_usage);
  CHECK(ran.output.empty());  // no token that nothing knows
  CHECK_THAT(ran.errors, Contains(says));
}

}  // namespace

TEST_CASE("a token is added to a file only if the whole file is good then") {
  test::TemporaryDirectory directory;
  auto file = directory / "tokens.toml";
  REQUIRE(run_token({"ingest", "--role", "write", "--file", file}).exit_code == exit_ok);
  REQUIRE(run_token({"with \"quotes\"", "--only-space", "a\tb", "--file", file}).exit_code == exit_ok);
  std::string before = test::read_text(file);
  CHECK(parse_tokens(before, file).value().size() == 2);

  check_refused(run_token({"ingest", "--file", file}), "a second token has the name \"ingest\"");
  check_refused(run_token({"limited", "--only-space", "", "--file", file}), "none of them empty");
  check_refused(run_token({"two\nlines", "--file", file}), "name must be");
  check_refused(run_token({std::string(200, 'n'), "--file", file}), "128 bytes");
  CHECK(test::read_text(file) == before);

  test::write_text(file, before + "nonsense\n");
  check_refused(run_token({"another", "--file", file}), file + ":");
  CHECK(test::read_text(file) == before + "nonsense\n");
}

TEST_CASE("a bad entry is refused without a file too, and makes none") {
  test::TemporaryDirectory directory;
  check_refused(run_token({"limited", "--only-space", ""}), "none of them empty");
  check_refused(run_token({""}), "name must be");
  auto file = directory / "tokens.toml";
  check_refused(run_token({"two\nlines", "--file", file}), "name must be");
  CHECK_FALSE(std::filesystem::exists(file));
  auto elsewhere = run_token({"ingest", "--file", "/nodir/tokens.toml"});
  CHECK(elsewhere.exit_code == exit_local);
  CHECK_THAT(elsewhere.errors, Contains("/nodir/tokens.toml"));
}

}  // namespace engram::cli
