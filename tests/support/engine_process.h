#pragma once
// The real binary as a child process that tests use, kill, starve and damage.

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/child_process.h"
#include "tests/support/temporary_directory.h"

namespace engram::test {

/// The binary: ENGRAM_BINARY of the environment, else the one that was built beside the tests.
std::string engine_binary();
/// The one that was built beside the tests, with their sanitizers.
std::string built_binary();
/// Whether the two are one.
bool is_default_binary();

/// How to start it. A Unix socket only, unless `address` says more: there is no port to run out of or to collide with.
struct EngineSetup {
  std::string data_dir;
  std::string socket;                         // its path
  std::string output;                         // a file for all that it prints; begun anew with every start
  std::string address = "none";               // of the RPC port
  std::string operations = "none";            // of the operations port
  std::vector<std::string> flags = {};        // behind those that every engine here gets
  std::vector<std::string> environment = {};  // "NAME=value"
  std::uint64_t max_file_bytes = 0;           // RLIMIT_FSIZE, soft; 0: none
  std::uint64_t max_open_files = 0;           // RLIMIT_NOFILE, soft and hard; 0: the test's own
  std::string binary = engine_binary();
  std::vector<std::string> inside = {};       // words before the binary, as Network::inside gives them

  [[nodiscard]] std::string server() const { return "unix:" + socket; }
};

/// Data, socket and output of an engine in one directory.
EngineSetup setup_in(const TemporaryDirectory& directory, std::vector<std::string> flags);

/// One run of an engine.
class EngineProcess : public ChildProcess {
 public:
  explicit EngineProcess(EngineSetup setup);

  /// True: it takes clients. False: it ended before that, or is not ready after minutes.
  bool wait_ready();
  /// Host and port that it takes clients at, once it is ready.
  [[nodiscard]] std::string rpc_address() const;
  /// What it has printed until now.
  [[nodiscard]] std::string output() const;
  [[nodiscard]] const EngineSetup& setup() const { return setup_; }

 private:
  EngineSetup setup_;
};

/// A ready engine, or a failed test with what it printed.
void require_ready(EngineProcess& engine);
/// A start that must not be: it ends with exit code 1. What it printed.
std::string refused_start(const EngineSetup& setup);

}  // namespace engram::test
