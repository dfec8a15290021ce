#pragma once
// A process that cannot open any file: what an engine with too many connections is in.

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>

#include <stdexcept>

namespace engram::test {

/// While it lives, `open`, `accept` and `socket` of this process fail with EMFILE. What is open stays so.
class NoFilesLeft {
 public:
  NoFilesLeft() {
    if (::getrlimit(RLIMIT_NOFILE, &before_) != 0) throw std::runtime_error("no limit of open files to be read");
    int lowest_free = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
    if (lowest_free < 0) throw std::runtime_error("no file can be opened as it is");
    ::close(lowest_free);
    rlimit none = before_;
    none.rlim_cur = static_cast<rlim_t>(lowest_free);
    if (::setrlimit(RLIMIT_NOFILE, &none) != 0) throw std::runtime_error("the limit of open files cannot be set");
  }
  ~NoFilesLeft() { ::setrlimit(RLIMIT_NOFILE, &before_); }
  NoFilesLeft(const NoFilesLeft&) = delete;
  NoFilesLeft& operator=(const NoFilesLeft&) = delete;

 private:
  rlimit before_{};
};

}  // namespace engram::test
