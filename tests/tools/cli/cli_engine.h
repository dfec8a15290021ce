#pragma once
// The real binary, as a person uses it: an engine in the background, and commands one after the other.

#include <string>
#include <vector>

#include "tests/support/engine_process.h"
#include "tests/support/run_program.h"
#include "tests/support/temporary_directory.h"

namespace engram::cli {

using test::Ran;
using test::run_program;

class CliEngine {
 public:
  /// Starts `engram serve` on a fresh data directory and a free port, and waits till it is ready. Fails the test if it is not.
  explicit CliEngine(const std::vector<std::string>& flags = {});

  /// `engram` with these arguments, against this engine.
  [[nodiscard]] Ran run(std::vector<std::string> arguments, const std::string& input = {}) const;
  /// A line of the system's shell in which "$ENGRAM" is the binary, against this engine.
  [[nodiscard]] Ran run_script(const std::string& script) const;
  /// SIGTERM, and its end. The exit code.
  int stop();

  [[nodiscard]] const std::string& data_dir() const { return engine_.setup().data_dir; }
  [[nodiscard]] std::string tcp() const { return engine_.rpc_address(); }  // "127.0.0.1:port"

 private:
  [[nodiscard]] std::vector<std::string> environment() const;

  test::TemporaryDirectory directory_;
  test::EngineProcess engine_;
};

}  // namespace engram::cli
