#pragma once
// The real binary, as a person uses it: an engine in the background, and commands one after the other.

#include <sys/types.h>

#include <string>
#include <vector>

#include "tests/support/temporary_directory.h"

namespace engram::cli {

struct Ran {
  int exit_code = -1;
  std::string output;
  std::string errors;
};

/// Runs a program with its arguments and waits for its end; `input` is its standard input.
Ran run_program(const std::vector<std::string>& words, const std::string& input = {});

class EngineProcess {
 public:
  /// Starts `engram serve` on a fresh data directory and free ports, and waits till it is ready. Fails the test if it is not.
  explicit EngineProcess(const std::vector<std::string>& flags = {});
  ~EngineProcess();
  EngineProcess(const EngineProcess&) = delete;
  EngineProcess& operator=(const EngineProcess&) = delete;

  /// `engram` with these arguments, against this engine.
  [[nodiscard]] Ran run(std::vector<std::string> arguments, const std::string& input = {}) const;
  /// SIGTERM, and its end. The exit code.
  int stop();

  [[nodiscard]] std::string data_dir() const { return directory_ / "data"; }
  [[nodiscard]] const std::string& tcp() const { return tcp_; }   // "127.0.0.1:port"
  [[nodiscard]] std::string unix_socket() const { return "unix:" + data_dir() + "/engram.sock"; }

 private:
  std::string find_address() const;

  test::TemporaryDirectory directory_;
  std::string tcp_;
  pid_t pid_ = -1;
};

}  // namespace engram::cli
