// Kills, full disks and failing commits: a batch is there whole or not at all, and writing goes on by itself.

#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "storage/base/failpoint.h"
#include "tests/storage/warm/warm_script.h"
#include "tests/support/skip.h"
#include "tests/support/small_volume.h"

using namespace engram;
using namespace engram::test;

namespace {

constexpr int last_table = static_cast<int>(WarmTable::count_);

/// One counter a table, which has to equal the LSN, and some ballast in two places so that pages move.
std::vector<WarmChange> batch(std::uint64_t lsn) {
  std::vector<WarmChange> changes;
  for (int table = 0; table < last_table; ++table) {
    changes.push_back(put(static_cast<WarmTable>(table), "counter", std::to_string(lsn)));
    changes.push_back(put(static_cast<WarmTable>(table), "new " + std::to_string(lsn), std::string(lsn % 3000, 'n')));
    changes.push_back(erase(static_cast<WarmTable>(table), "new " + std::to_string(lsn - 20)));
    changes.push_back(put(static_cast<WarmTable>(table), "old " + std::to_string(lsn * 7919 % 100), "changed"));
  }
  return changes;
}

void check_agrees(const WarmStore& store) {
  Status checked = store.check({});
  INFO(checked.message());
  REQUIRE(checked.ok());
  WarmStore::View view(store);
  std::uint64_t lsn = view.applied_lsn().value;
  auto expected = lsn == 0 ? std::nullopt : std::optional(std::to_string(lsn));
  for (int table = 0; table < last_table; ++table)
    REQUIRE(read(view, static_cast<WarmTable>(table), "counter") == expected);
}

/// Runs `work` in a child process and returns how it ended, as waitpid says.
template <typename Work>
int in_child(const Work& work) {
  pid_t child = ::fork();
  if (child == 0) {
    work();
    ::_exit(0);
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  return status;
}

/// Appends to a file until the volume is full to the last byte; returns the file's size.
std::uintmax_t fill_up(const std::string& path) {
  int file = ::open(path.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0600);
  REQUIRE(file >= 0);
  static const char zeros[4096] = {};
  while (::write(file, zeros, sizeof zeros) > 0) {
  }
  while (::write(file, zeros, 1) > 0) {
  }
  ::close(file);
  return std::filesystem::file_size(path);
}

std::vector<WarmChange> ballast(std::uint64_t lsn) {
  std::vector<WarmChange> changes{put(WarmTable::meta, "counter", std::to_string(lsn))};
  for (int i = 0; i < 20; ++i)
    changes.push_back(put(WarmTable::vertices, warm_vertex_key({lsn * 20 + static_cast<std::uint64_t>(i)}),
                          std::string(5000, 'b')));
  return changes;
}

/// Writes until the first error; returns the LSN that failed.
std::uint64_t write_until_error(WarmStore& store, Status& error) {
  for (std::uint64_t lsn = 1; lsn < 2000; ++lsn) {
    error = store.write(ballast(lsn), Lsn{lsn});
    if (!error.ok()) return lsn;
  }
  return 0;
}

}  // namespace

TEST_CASE("kill -9 at random moments: the LSN and the content agree, and nothing reported is missing") {
  std::srand(20);
  TemporaryDirectory directory;
  WarmOptions options{directory.path(), std::size_t{1} << 20};
  for (int round = 0; round < 25; ++round) {
    int pipe[2];
    REQUIRE(::pipe(pipe) == 0);
    pid_t child = ::fork();
    if (child == 0) {
      auto store = WarmStore::open(options);
      if (!store.ok()) ::_exit(1);
      std::uint64_t lsn = WarmStore::View(**store).applied_lsn().value;
      while ((*store)->write(batch(lsn + 1), Lsn{lsn + 1}).ok()) {
        ++lsn;
        if (::write(pipe[1], &lsn, sizeof lsn) != sizeof lsn) break;
      }
      ::_exit(1);
    }
    ::close(pipe[1]);
    std::uint64_t reported = 0;
    // The first report says that it runs; then some more time, drawn at random, until the kill.
    REQUIRE(::read(pipe[0], &reported, sizeof reported) == sizeof reported);
    ::usleep(static_cast<useconds_t>(std::rand() % 20000));
    ::kill(child, SIGKILL);
    int status = 0;
    ::waitpid(child, &status, 0);
    REQUIRE(WIFSIGNALED(status));
    while (::read(pipe[0], &reported, sizeof reported) == sizeof reported) {
    }
    ::close(pipe[0]);

    auto store = open_store(options);
    check_agrees(*store);
    std::uint64_t applied = WarmStore::View(*store).applied_lsn().value;
    CHECK(applied >= reported);
    CHECK(applied <= reported + 1);
  }
}

TEST_CASE("kill -9 right before a commit loses the batch whole, right after it keeps it whole") {
  auto [point, expected] = GENERATE(table<const char*, std::uint64_t>(
      {{"warm.before_commit=kill:3", 2}, {"warm.after_commit=kill:3", 3}}));
  TemporaryDirectory directory;
  int status = in_child([&, name = point] {
    ::setenv("ENGRAM_FAILPOINT", name, 1);
    Failpoints::arm_from_environment();
    auto store = WarmStore::open({directory.path()});
    for (std::uint64_t lsn = 1; lsn <= 5; ++lsn) (void)(*store)->write(batch(lsn), Lsn{lsn});
  });
  REQUIRE(WIFSIGNALED(status));
  auto store = open_store({directory.path()});
  CHECK(WarmStore::View(*store).applied_lsn() == Lsn{expected});
  check_agrees(*store);
}

TEST_CASE("a commit that fails leaves nothing behind, and the same changes go through later") {
  TemporaryDirectory directory;
  int status = in_child([&] {
    ::setenv("ENGRAM_FAILPOINT", "warm.before_commit=error:2", 1);
    Failpoints::arm_from_environment();
    auto store = WarmStore::open({directory.path()});
    bool first = (*store)->write(batch(1), Lsn{1}).ok();
    bool failed = (*store)->write(batch(2), Lsn{2}).code() == Code::disk_full;
    bool unchanged = WarmStore::View(**store).applied_lsn() == Lsn{1} && (*store)->check({}).ok();
    bool again = (*store)->write(batch(2), Lsn{2}).ok();
    ::_exit(first && failed && unchanged && again ? 0 : 1);
  });
  CHECK(status == 0);
  auto store = open_store({directory.path()});
  CHECK(WarmStore::View(*store).applied_lsn() == Lsn{2});
  check_agrees(*store);
}

TEST_CASE("a full volume: a clear error, reads go on, and writes too as soon as there is room") {
  TemporaryDirectory directory;
  SmallVolume volume(directory.path(), "size=4m");
  if (!volume.mounted()) return skip_case(SmallVolume::no_right);
  WarmOptions options{directory / "store", std::size_t{1} << 20};
  auto store = open_store(options);
  Status error;
  std::uint64_t failed = write_until_error(*store, error);
  REQUIRE(failed > 1);
  CHECK(error.code() == Code::disk_full);
  CHECK(error.message().find(options.path) != std::string::npos);
  CHECK(error.message().find("free space") != std::string::npos);

  CHECK(read(*store, WarmTable::meta, "counter") == std::to_string(failed - 1));
  CHECK(WarmStore::View(*store).applied_lsn() == Lsn{failed - 1});
  CHECK(store->check({}).ok());
  CHECK(store->write(ballast(failed), Lsn{failed}).code() == Code::disk_full);

  volume.resize("size=16m");
  write(*store, failed, ballast(failed));
  CHECK(read(*store, WarmTable::meta, "counter") == std::to_string(failed));
  CHECK(store->check({}).ok());
  store.reset();
  store = open_store(options);
  CHECK(WarmStore::View(*store).applied_lsn() == Lsn{failed});
}

TEST_CASE("a full volume: a store opens and reads, a new one is refused and can be made later") {
  TemporaryDirectory directory;
  SmallVolume volume(directory.path(), "size=4m");
  if (!volume.mounted()) return skip_case(SmallVolume::no_right);
  WarmOptions options{directory / "store", std::size_t{1} << 20};
  auto store = open_store(options);
  std::ofstream(directory / "filler") << std::string(500'000, 'f');
  Status error;
  std::uint64_t failed = write_until_error(*store, error);
  store.reset();
  std::uintmax_t filler_bytes = fill_up(directory / "filler");

  store = open_store(options);
  CHECK(read(*store, WarmTable::meta, "counter") == std::to_string(failed - 1));
  int refused = 0;
  for (unsigned free_pages = 0; free_pages < 12; ++free_pages) {
    INFO("pages free: " << free_pages);
    WarmOptions another{directory / "another", std::size_t{1} << 20};
    std::filesystem::resize_file(directory / "filler", filler_bytes - free_pages * 4096);
    Status status = WarmStore::open(another).status();
    CHECK((status.ok() || status.code() == Code::disk_full));
    if (!status.ok()) ++refused;
    std::filesystem::resize_file(directory / "filler", filler_bytes - 400'000);
    open_store(another);
    std::filesystem::remove_all(another.path);
    filler_bytes = fill_up(directory / "filler");
  }
  CHECK(refused > 5);
  volume.resize("size=16m");
  write(*store, failed, ballast(failed));
}

TEST_CASE("a file size limit: the same, without a volume of its own") {
  TemporaryDirectory directory;
  int status = in_child([&] {
    std::signal(SIGXFSZ, SIG_IGN);
    rlimit limit{3'000'001, 100'000'000};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    auto store = WarmStore::open({directory.path(), std::size_t{1} << 20});
    Status error;
    std::uint64_t failed = write_until_error(**store, error);
    if (failed < 2 || error.code() != Code::disk_full) ::_exit(1);
    if (WarmStore::View(**store).applied_lsn() != Lsn{failed - 1} || !(*store)->check({}).ok()) ::_exit(2);
    if ((*store)->write(ballast(failed), Lsn{failed}).code() != Code::disk_full) ::_exit(3);
    limit.rlim_cur = limit.rlim_max;
    ::setrlimit(RLIMIT_FSIZE, &limit);
    if (!(*store)->write(ballast(failed), Lsn{failed}).ok()) ::_exit(4);
    if (WarmStore::View(**store).applied_lsn() != Lsn{failed} || !(*store)->check({}).ok()) ::_exit(5);
  });
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}
