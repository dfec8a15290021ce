#include "tests/tools/cli/engine_process.h"

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include <chrono>
#include <csignal>
#include <fstream>
#include <sstream>
#include <thread>

namespace engram::cli {

namespace {

std::string read_file(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// Standard input, output and error of a child: files, so that nothing can block.
pid_t start(const std::vector<std::string>& words, const std::string& in, const std::string& out, const std::string& err) {
  std::vector<char*> arguments;
  for (const auto& word : words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  pid_t pid = ::fork();
  if (pid != 0) return pid;
  ::dup2(::open(in.c_str(), O_RDONLY), 0);
  ::dup2(::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), 1);
  ::dup2(::open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), 2);
  ::execvp(arguments[0], arguments.data());
  ::_exit(127);
}

int wait_for(pid_t pid) {
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

}  // namespace

Ran run_program(const std::vector<std::string>& words, const std::string& input) {
  test::TemporaryDirectory directory;
  std::ofstream(directory / "in") << input;
  Ran ran;
  ran.exit_code = wait_for(start(words, directory / "in", directory / "out", directory / "err"));
  ran.output = read_file(directory / "out");
  ran.errors = read_file(directory / "err");
  return ran;
}

EngineProcess::EngineProcess(const std::vector<std::string>& flags) {
  std::vector<std::string> words = {ENGRAM_BINARY, "serve", "--data-dir", data_dir(), "--listen-address", "127.0.0.1:0",
                                    "--operations-address", "none", "--hot-bytes", "64MiB", "--node-partitions", "2"};
  words.insert(words.end(), flags.begin(), flags.end());
  pid_ = start(words, "/dev/null", directory_ / "out", directory_ / "err");
  for (int i = 0; i < 600 && tcp_.empty(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    tcp_ = find_address();
    if (::waitpid(pid_, nullptr, WNOHANG) == pid_) {
      pid_ = -1;
      break;
    }
  }
  INFO(read_file(directory_ / "out") << read_file(directory_ / "err"));
  REQUIRE(pid_ > 0);
  REQUIRE_FALSE(tcp_.empty());
}

EngineProcess::~EngineProcess() {
  if (pid_ > 0) stop();
}

std::string EngineProcess::find_address() const {
  auto log = read_file(directory_ / "out") + read_file(directory_ / "err");
  auto at = log.find(" rpc=");
  if (at == std::string::npos || log.find('\n', at) == std::string::npos) return {};
  return log.substr(at + 5, log.find_first_of(" \n", at + 5) - at - 5);
}

Ran EngineProcess::run(std::vector<std::string> arguments, const std::string& input) const {
  std::vector<std::string> words = {"env", "NO_COLOR=1", "HOME=" + directory_.path(), "ENGRAM_SERVER=" + unix_socket(),
                                    ENGRAM_BINARY};
  words.insert(words.end(), arguments.begin(), arguments.end());
  return run_program(words, input);
}

int EngineProcess::stop() {
  ::kill(pid_, SIGTERM);
  auto code = wait_for(pid_);
  pid_ = -1;
  return code;
}

}  // namespace engram::cli
