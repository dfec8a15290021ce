#pragma once
// The real binary as a child process that tests kill, starve and damage.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace engram::test {

/// How to start it. A Unix socket only: there is no port to run out of or to collide with.
struct EngineSetup {
  std::string data_dir;
  std::string socket;                      // its path
  std::string output;                      // a file for all that it prints; begun anew with every start
  std::string address = "none";            // of the RPC port
  std::string operations = "none";         // of the operations port
  std::vector<std::string> flags = {};     // behind those that every engine here gets
  std::vector<std::string> environment = {};    // "NAME=value"
  std::uint64_t max_file_bytes = 0;        // RLIMIT_FSIZE, soft; 0: none

  [[nodiscard]] std::string server() const { return "unix:" + socket; }
};

/// The end of a process: an exit code, or the signal that ended it.
struct Ended {
  std::optional<int> code;
  std::optional<int> signal;
};

/// One run of an engine. Only this child, by its pid, is ever signalled, and it goes with this object. Every wait ends.
class EngineProcess {
 public:
  explicit EngineProcess(EngineSetup setup);
  ~EngineProcess();
  EngineProcess(const EngineProcess&) = delete;
  EngineProcess& operator=(const EngineProcess&) = delete;

  /// True: it takes clients. False: it ended before that, or took more than half a minute.
  bool wait_ready();
  /// Nothing if it still runs after so long.
  std::optional<Ended> wait_end(std::int64_t timeout_ms);
  [[nodiscard]] bool running() { return !wait_end(0).has_value(); }
  void send_signal(int number) const;
  /// SIGKILL, and its end.
  Ended kill_now();
  /// SIGTERM, and its end within 30 seconds.
  std::optional<Ended> terminate();
  /// From now on its files may grow as they like.
  void lift_file_limit() const;

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] const EngineSetup& setup() const { return setup_; }
  /// What it has printed until now.
  [[nodiscard]] std::string output() const;

 private:
  EngineSetup setup_;
  pid_t pid_ = -1;
  std::optional<Ended> ended_;
};

/// A ready engine, or a failed test with what it printed.
void require_ready(EngineProcess& engine);

/// The binary: ENGRAM_BINARY of the environment, else the one that was built beside the tests.
std::string engine_binary();
/// Whether it is the one that was built beside the tests, with their sanitizers.
bool is_default_binary();

}  // namespace engram::test
