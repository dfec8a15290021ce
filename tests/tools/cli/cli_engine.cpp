#include "tests/tools/cli/cli_engine.h"

#include <catch2/catch.hpp>

namespace engram::cli {

namespace {

/// It is this build's, with its sanitizers, whatever the crash tests are told to kill.
test::EngineSetup cli_setup(const test::TemporaryDirectory& directory, const std::vector<std::string>& flags) {
  test::EngineSetup setup{.data_dir = directory / "data",
                          .socket = directory / "data/engram.sock",
                          .output = directory / "out",
                          .address = "127.0.0.1:0",
                          .flags = {"--hot-bytes", "64MiB", "--cluster-partitions", "2"},
                          .binary = test::built_binary()};
  setup.flags.insert(setup.flags.end(), flags.begin(), flags.end());
  return setup;
}

}  // namespace

CliEngine::CliEngine(const std::vector<std::string>& flags) : engine_(cli_setup(directory_, flags)) {
  test::require_ready(engine_);
}

std::vector<std::string> CliEngine::environment() const {
  return {"env", "NO_COLOR=1", "HOME=" + directory_.path(), "ENGRAM_SERVER=" + engine_.setup().server()};
}

Ran CliEngine::run(std::vector<std::string> arguments, const std::string& input) const {
  auto words = environment();
  words.push_back(engine_.setup().binary);
  words.insert(words.end(), arguments.begin(), arguments.end());
  return run_program(words, input);
}

Ran CliEngine::run_script(const std::string& script) const {
  auto words = environment();
  words.insert(words.end(), {"ENGRAM=" + engine_.setup().binary, "sh", "-c", script});
  return run_program(words);
}

int CliEngine::stop() {
  auto ended = engine_.terminate();
  REQUIRE(ended);
  return ended->exit_code();
}

}  // namespace engram::cli
