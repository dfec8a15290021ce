#include "tests/crash/engine_process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "tests/support/text_file.h"

namespace engram::test {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::int64_t ready_timeout_ms = 30'000;
constexpr std::int64_t stop_timeout_ms = 30'000;

void pause_ms(int duration_ms) {
  std::this_thread::sleep_for(std::chrono::milliseconds(duration_ms));
}

/// Everything is allocated before the fork: the child of a program with threads may not.
pid_t start(std::vector<std::string> words, const std::vector<std::string>& more_environment,
            const std::string& output_path, std::uint64_t max_file_bytes) {
  std::vector<char*> arguments, environment;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  for (const std::string& one : more_environment) environment.push_back(const_cast<char*>(one.c_str()));
  for (char** one = environ; *one != nullptr; ++one) environment.push_back(*one);
  environment.push_back(nullptr);
  int output = ::open(output_path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600);
  int input = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  REQUIRE(output >= 0);
  rlimit limit{};
  ::getrlimit(RLIMIT_FSIZE, &limit);
  if (max_file_bytes != 0) limit.rlim_cur = max_file_bytes;
  pid_t parent = ::getpid();
  pid_t pid = ::fork();
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that dies leaves nothing behind
    if (::getppid() != parent) ::_exit(126);
    ::setrlimit(RLIMIT_FSIZE, &limit);
    ::dup2(input, 0);
    ::dup2(output, 1);
    ::dup2(output, 2);
    ::execve(arguments[0], arguments.data(), environment.data());
    ::_exit(127);
  }
  ::close(output);
  ::close(input);
  REQUIRE(pid > 0);
  return pid;
}

std::optional<Ended> poll_end(pid_t pid, std::int64_t timeout_ms) {
  auto deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
  while (true) {
    int status = 0;
    if (::waitpid(pid, &status, WNOHANG) == pid) {
      if (WIFEXITED(status)) return Ended{WEXITSTATUS(status), {}};
      return Ended{{}, WTERMSIG(status)};
    }
    if (Clock::now() >= deadline) return std::nullopt;
    pause_ms(1);
  }
}

}  // namespace

std::string engine_binary() {
  const char* chosen = std::getenv("ENGRAM_BINARY");
  return chosen != nullptr && *chosen != '\0' ? chosen : ENGRAM_DEFAULT_BINARY;
}

bool is_default_binary() {
  return engine_binary() == ENGRAM_DEFAULT_BINARY;
}

EngineProcess::EngineProcess(EngineSetup setup) : setup_(std::move(setup)) {
  std::vector<std::string> words{engine_binary(), "serve", "--data-dir", setup_.data_dir, "--listen-unix",
                                 setup_.socket, "--listen-address", setup_.address, "--operations-address",
                                 setup_.operations};
  words.insert(words.end(), setup_.flags.begin(), setup_.flags.end());
  pid_ = start(words, setup_.environment, setup_.output, setup_.max_file_bytes);
}

EngineProcess::~EngineProcess() {
  if (running()) (void)kill_now();
}

bool EngineProcess::wait_ready() {
  auto deadline = Clock::now() + std::chrono::milliseconds(ready_timeout_ms);
  while (Clock::now() < deadline) {
    if (output().find(" ready rpc=") != std::string::npos) return true;
    if (wait_end(5)) return false;
  }
  return false;
}

std::optional<Ended> EngineProcess::wait_end(std::int64_t timeout_ms) {
  if (!ended_) ended_ = poll_end(pid_, timeout_ms);
  return ended_;
}

void EngineProcess::send_signal(int number) const {
  if (!ended_) ::kill(pid_, number);
}

Ended EngineProcess::kill_now() {
  send_signal(SIGKILL);
  auto ended = wait_end(10'000);
  if (!ended) throw std::runtime_error("a killed engine does not end");
  return *ended;
}

std::optional<Ended> EngineProcess::terminate() {
  send_signal(SIGTERM);
  return wait_end(stop_timeout_ms);
}

void EngineProcess::lift_file_limit() const {
  rlimit limit{};
  REQUIRE(::prlimit(pid_, RLIMIT_FSIZE, nullptr, &limit) == 0);
  limit.rlim_cur = limit.rlim_max;
  REQUIRE(::prlimit(pid_, RLIMIT_FSIZE, &limit, nullptr) == 0);
}

std::string EngineProcess::output() const {
  return std::filesystem::exists(setup_.output) ? read_text(setup_.output) : std::string();
}

void require_ready(EngineProcess& engine) {
  bool ready = engine.wait_ready();
  INFO(engine.output());
  REQUIRE(ready);
}

}  // namespace engram::test
