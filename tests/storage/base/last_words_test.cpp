// Processes that end because something must not be, with and without a reader of what they say.

#include <catch2/catch.hpp>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <functional>

#include "storage/base/last_words.h"
#include "storage/index/ordered_index.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/wait.h"

using namespace engram;
using namespace engram::test;

namespace {

struct Pipe {
  Pipe() { REQUIRE(::pipe(ends) == 0); }
  ~Pipe() {
    ::close(ends[0]);
    ::close(ends[1]);
  }
  /// As after a reader that stopped reading.
  void fill() {
    ::fcntl(ends[1], F_SETFL, O_NONBLOCK);
    std::string some(1 << 16, 'x');
    while (::write(ends[1], some.data(), some.size()) > 0) {}
    ::fcntl(ends[1], F_SETFL, 0);
  }
  std::string read_some() {
    std::string text(1 << 12, '\0');
    text.resize(static_cast<std::size_t>(std::max<ssize_t>(::read(ends[0], text.data(), text.size()), 0)));
    return text;
  }
  int ends[2];
};

/// The signal that ends a child that does this; 0: none within minutes.
int signal_of(const std::function<void()>& act, int standard_error) {
  pid_t child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    rlimit no_core{0, 0};
    ::setrlimit(RLIMIT_CORE, &no_core);
    std::signal(SIGABRT, SIG_DFL);  // Catch listens to it
    ::dup2(standard_error, STDERR_FILENO);
    act();
    ::_exit(0);
  }
  int status = 0;
  if (test::comes_true([&] { return ::waitpid(child, &status, WNOHANG) == child; }, 10))
    return WIFSIGNALED(status) ? WTERMSIG(status) : 0;
  ::kill(child, SIGKILL);
  ::waitpid(child, &status, 0);
  return 0;
}

void speak_and_abort() {
  last_words("something must not be");
  std::abort();
}

void take_changes_twice() {
  OrderedIndex index;
  std::vector<WarmChange> changes;
  for (int time = 0; time < 2; ++time) {
    index.insert({1}, as_bytes("k"), LocalId{1});
    index.take_changes(changes);
  }
}

}  // namespace

TEST_CASE("last words reach who reads them") {
  Pipe pipe;
  CHECK(signal_of(speak_and_abort, pipe.ends[1]) == SIGABRT);
  CHECK(pipe.read_some() == "engram: something must not be\n");
}

TEST_CASE("a process with last words ends when nobody reads them") {
  Pipe pipe;
  pipe.fill();
  CHECK(signal_of(speak_and_abort, pipe.ends[1]) == SIGABRT);
}

TEST_CASE("broken invariants end the process when nobody reads standard error") {
  TemporaryDirectory directory;
  Pipe pipe;
  pipe.fill();
  CHECK(signal_of(take_changes_twice, pipe.ends[1]) == SIGABRT);
  auto close_with_view = [&] {
    auto store = WarmStore::open({directory.path()});
    auto view = std::make_unique<WarmStore::View>(**store);
    store = Status(Code::internal, "closed");
  };
  CHECK(signal_of(close_with_view, pipe.ends[1]) == SIGABRT);
}
