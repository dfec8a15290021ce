#include "tests/support/engine_process.h"

#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <string_view>
#include <utility>

#include "tests/support/text_file.h"
#include "tests/support/wait.h"

namespace engram::test {
namespace {

constexpr std::string_view ready_mark = " ready rpc=";

ChildSetup child_of(const EngineSetup& setup) {
  ChildSetup child{.words = setup.inside,
                   .output = setup.output,
                   .environment = setup.environment,
                   .max_file_bytes = setup.max_file_bytes,
                   .max_open_files = setup.max_open_files};
  child.words.insert(child.words.end(),
                     {setup.binary, "serve", "--data-dir", setup.data_dir, "--listen-unix", setup.socket,
                      "--listen-address", setup.address, "--operations-address", setup.operations});
  child.words.insert(child.words.end(), setup.flags.begin(), setup.flags.end());
  return child;
}

}  // namespace

std::string engine_binary() {
  const char* chosen = std::getenv("ENGRAM_BINARY");
  return chosen != nullptr && *chosen != '\0' ? chosen : built_binary();
}

std::string built_binary() {
  return ENGRAM_BUILT_BINARY;
}

bool is_default_binary() {
  return engine_binary() == built_binary();
}

EngineSetup setup_in(const TemporaryDirectory& directory, std::vector<std::string> flags) {
  EngineSetup setup;
  setup.data_dir = directory / "data";
  setup.socket = directory / "socket";
  setup.output = directory / "output";
  setup.flags = std::move(flags);
  return setup;
}

EngineProcess::EngineProcess(EngineSetup setup) : ChildProcess(child_of(setup)), setup_(std::move(setup)) {}

bool EngineProcess::wait_ready() {
  return comes_true([this] { return !rpc_address().empty() || wait_end(5); }) && !rpc_address().empty();
}

std::string EngineProcess::rpc_address() const {
  std::string printed = output();
  auto mark = printed.find(ready_mark);
  if (mark == std::string::npos || printed.find('\n', mark) == std::string::npos) return {};
  auto from = mark + ready_mark.size();
  return printed.substr(from, printed.find_first_of(" \n", from) - from);
}

std::string EngineProcess::output() const {
  return std::filesystem::exists(setup_.output) ? read_text(setup_.output) : std::string();
}

void require_ready(EngineProcess& engine) {
  bool ready = engine.wait_ready();
  INFO(engine.output());
  REQUIRE(ready);
}

std::string refused_start(const EngineSetup& setup) {
  EngineProcess engine(setup);
  auto ended = engine.wait_end(longest_wait_ms);
  INFO(engine.output());
  REQUIRE(ended);
  REQUIRE(ended->code == 1);
  return engine.output();
}

}  // namespace engram::test
