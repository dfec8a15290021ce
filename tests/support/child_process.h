#pragma once
// A program that a test runs as its child.

#include <sys/types.h>

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace engram::test {

/// How to start it. What it reads and prints are files, so that nothing can block.
struct ChildSetup {
  std::vector<std::string> words;             // the program, by its path or as PATH finds it, and its arguments
  std::string output;                         // begun anew
  std::string errors = {};                    // begun anew; empty: they go to `output` too
  std::string input = "/dev/null";
  std::vector<std::string> environment = {};  // "NAME=value", before what the test itself was given
  std::uint64_t max_file_bytes = 0;           // RLIMIT_FSIZE, soft; 0: the test's own
  std::uint64_t max_open_files = 0;           // RLIMIT_NOFILE, soft and hard; 0: the test's own
};

/// The end of a process: an exit code, or the signal that ended it.
struct Ended {
  std::optional<int> code;
  std::optional<int> signal;

  /// One number for both, as a shell says it.
  [[nodiscard]] int exit_code() const { return code ? *code : 128 + *signal; }
};

/// One run. Only this child, by its pid, is ever signalled, and it goes with this object. Every wait ends.
class ChildProcess {
 public:
  explicit ChildProcess(const ChildSetup& setup);
  ~ChildProcess();
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;

  /// Nothing if it still runs after so long.
  std::optional<Ended> wait_end(std::int64_t timeout_ms);
  [[nodiscard]] bool running() { return !wait_end(0).has_value(); }
  void send_signal(int number) const;
  /// SIGKILL, and its end.
  Ended kill_now();
  /// SIGTERM, and its end; nothing if that takes minutes: how long it may take is not tested by this.
  std::optional<Ended> terminate();
  /// From now on its files may grow as they like.
  void lift_file_limit() const;

  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_;
  std::optional<Ended> ended_;
};

}  // namespace engram::test
