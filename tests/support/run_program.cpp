#include "tests/support/run_program.h"

#include <catch2/catch.hpp>

#include "tests/support/child_process.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/text_file.h"

namespace engram::test {

namespace {
constexpr std::int64_t timeout_ms = 300'000;
}  // namespace

Ran run_program(const std::vector<std::string>& words, const std::string& input) {
  TemporaryDirectory directory;
  write_text(directory / "in", input);
  ChildProcess child({.words = words, .output = directory / "out", .errors = directory / "err", .input = directory / "in"});
  auto ended = child.wait_end(timeout_ms);
  INFO(words.front() << " does not end");
  REQUIRE(ended);
  return {ended->exit_code(), read_text(directory / "out"), read_text(directory / "err")};
}

}  // namespace engram::test
