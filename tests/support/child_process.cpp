#include "tests/support/child_process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>

#include <chrono>
#include <csignal>
#include <stdexcept>

#include "storage/base/descriptor.h"
#include "tests/support/wait.h"

namespace engram::test {
namespace {

using Clock = std::chrono::steady_clock;

Descriptor begin_anew(const std::string& path) {
  Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0600));
  REQUIRE(file.get() >= 0);
  return file;
}

/// Everything is allocated before the fork: the child of a program with threads may not.
pid_t start(const ChildSetup& setup) {
  std::vector<char*> arguments, environment;
  for (const std::string& word : setup.words) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  for (const std::string& one : setup.environment) environment.push_back(const_cast<char*>(one.c_str()));
  for (char** one = environ; *one != nullptr; ++one) environment.push_back(*one);
  environment.push_back(nullptr);
  Descriptor input(::open(setup.input.c_str(), O_RDONLY | O_CLOEXEC));
  REQUIRE(input.get() >= 0);
  Descriptor output = begin_anew(setup.output);
  Descriptor errors = setup.errors.empty() ? Descriptor() : begin_anew(setup.errors);
  rlimit limit{};
  ::getrlimit(RLIMIT_FSIZE, &limit);
  if (setup.max_file_bytes != 0) limit.rlim_cur = setup.max_file_bytes;
  rlimit open_files{};
  ::getrlimit(RLIMIT_NOFILE, &open_files);
  if (setup.max_open_files != 0) open_files.rlim_cur = open_files.rlim_max = setup.max_open_files;
  pid_t parent = ::getpid();
  pid_t pid = ::fork();
  if (pid == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that dies leaves nothing behind
    if (::getppid() != parent) ::_exit(126);
    ::setrlimit(RLIMIT_FSIZE, &limit);
    ::setrlimit(RLIMIT_NOFILE, &open_files);
    ::dup2(input.get(), 0);
    ::dup2(output.get(), 1);
    ::dup2(setup.errors.empty() ? output.get() : errors.get(), 2);
    ::execvpe(arguments[0], arguments.data(), environment.data());
    ::_exit(127);
  }
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

ChildProcess::ChildProcess(const ChildSetup& setup) : pid_(start(setup)) {}

ChildProcess::~ChildProcess() {
  if (running()) (void)kill_now();
}

std::optional<Ended> ChildProcess::wait_end(std::int64_t timeout_ms) {
  if (!ended_) ended_ = poll_end(pid_, timeout_ms);
  return ended_;
}

void ChildProcess::send_signal(int number) const {
  if (!ended_) ::kill(pid_, number);
}

Ended ChildProcess::kill_now() {
  send_signal(SIGKILL);
  auto ended = wait_end(longest_wait_ms);
  if (!ended) throw std::runtime_error("a killed child does not end");
  return *ended;
}

std::optional<Ended> ChildProcess::terminate() {
  send_signal(SIGTERM);
  return wait_end(longest_wait_ms);
}

void ChildProcess::lift_file_limit() const {
  rlimit limit{};
  REQUIRE(::prlimit(pid_, RLIMIT_FSIZE, nullptr, &limit) == 0);
  limit.rlim_cur = limit.rlim_max;
  REQUIRE(::prlimit(pid_, RLIMIT_FSIZE, &limit, nullptr) == 0);
}

}  // namespace engram::test
