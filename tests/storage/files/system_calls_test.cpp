// What the real files do with the system's answers. The calls below stand in front of the C library's.

#include <catch2/catch.hpp>

#include <algorithm>
#include <cerrno>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include <dirent.h>
#include <dlfcn.h>
#include <sys/resource.h>
#include <unistd.h>

#include "storage/files/posix_files.h"
#include "tests/support/temporary_directory.h"

using namespace engram;
using namespace engram::test;

namespace {

int entries_before_error = -1;  // -1: never
std::vector<std::string> synced;

/// Sets a limit of this process, and puts it back.
class Limit {
 public:
  Limit(__rlimit_resource resource, rlim_t value) : resource_(resource) {
    REQUIRE(::getrlimit(resource_, &before_) == 0);
    struct rlimit now {value, before_.rlim_max};
    REQUIRE(::setrlimit(resource_, &now) == 0);
  }
  ~Limit() { ::setrlimit(resource_, &before_); }
  Limit(const Limit&) = delete;
  Limit& operator=(const Limit&) = delete;

 private:
  __rlimit_resource resource_;
  struct rlimit before_ {};
};

}  // namespace

extern "C" dirent* readdir(DIR* directory) {
  if (entries_before_error == 0) {
    errno = EIO;
    return nullptr;
  }
  if (entries_before_error > 0) --entries_before_error;
  static auto real = reinterpret_cast<dirent* (*)(DIR*)>(::dlsym(RTLD_NEXT, "readdir"));
  return real(directory);
}

extern "C" int fsync(int fd) {
  synced.push_back(std::filesystem::read_symlink("/proc/self/fd/" + std::to_string(fd)));
  static auto real = reinterpret_cast<int (*)(int)>(::dlsym(RTLD_NEXT, "fsync"));
  return real(fd);
}

TEST_CASE("a directory that cannot be read to its end is an error, not a shorter directory") {
  TemporaryDirectory directory;
  PosixFiles files;
  for (const char* name : {"/a", "/b", "/c"}) REQUIRE(files.open(directory.path() + name, OpenMode::create_new).ok());
  for (int entries = 0; entries < 5; ++entries) {
    entries_before_error = entries;
    Status status = files.list(directory.path()).status();
    entries_before_error = -1;
    INFO("after " << entries << " entries: " << status.message());
    CHECK(status.code() == Code::internal);
    CHECK_THAT(status.message(), Catch::Contains("cannot list " + directory.path()));
  }
  CHECK(files.list(directory.path())->size() == 3);
}

TEST_CASE("every directory that is made is made durable in its parent, and no other is touched") {
  TemporaryDirectory directory;
  PosixFiles files;
  std::string root = std::filesystem::canonical(directory.path());
  synced.clear();
  REQUIRE(files.make_directory(root + "/a/b/c").ok());
  CHECK(synced == std::vector<std::string>{root, root + "/a", root + "/a/b"});
  synced.clear();
  REQUIRE(files.make_directory(root + "/a/b/d").ok());
  CHECK(synced == std::vector<std::string>{root + "/a/b"});
  synced.clear();
  REQUIRE(files.make_directory(root + "/a/b/c").ok());
  CHECK(synced.empty());
}

TEST_CASE("a limit of file sizes is a full disk") {
  TemporaryDirectory directory;
  PosixFiles files;
  auto file = files.open(directory / "file", OpenMode::create_new);
  REQUIRE(file.ok());
  auto handler = std::signal(SIGXFSZ, SIG_IGN);
  Status status;
  {
    Limit limit(RLIMIT_FSIZE, 1000);
    status = (*file)->write_at(as_bytes(std::string(2000, 'x')), 0);
  }
  std::signal(SIGXFSZ, handler);
  CHECK(status.code() == Code::disk_full);
  CHECK_THAT(status.message(), Catch::Contains("ulimit -f"));
  CHECK((*file)->write_at(as_bytes(std::string(2000, 'x')), 0).ok());
}

TEST_CASE("a limit of open files refuses what needs one more, and a directory that is open needs none") {
  TemporaryDirectory directory;
  PosixFiles files;
  auto held = files.open_directory(directory.path());
  REQUIRE(held.ok());
  int lowest_free = ::dup(0);
  REQUIRE(lowest_free >= 0);
  ::close(lowest_free);
  Status opened, listed, synced_by_path, synced_held;
  {
    Limit limit(RLIMIT_NOFILE, static_cast<rlim_t>(lowest_free));
    opened = files.open(directory / "file", OpenMode::create_new).status();
    listed = files.list(directory.path()).status();
    synced_by_path = files.sync_directory(directory.path());
    synced_held = (*held)->sync();
  }
  CHECK(opened.code() == Code::overloaded);
  CHECK_THAT(opened.message(), Catch::Contains("ulimit -n"));
  CHECK(listed.code() == Code::overloaded);
  CHECK(synced_by_path.code() == Code::overloaded);
  CHECK(synced_held.ok());
}
