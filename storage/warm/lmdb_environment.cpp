#include "storage/warm/lmdb_environment.h"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <fstream>

#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/base/damage.h"
#include "storage/base/last_words.h"
#include "storage/warm/warm_pages.h"

namespace engram {

namespace {

// Growing lets new readers in between two waits: a thread that holds one reader and asks for a second one would
// otherwise block both itself and the growth for good.
constexpr auto growth_wait = std::chrono::milliseconds(250);
constexpr auto growth_pause = std::chrono::milliseconds(20);
constexpr int growth_waits = 40;

}  // namespace

Status lmdb_failure(int error, const std::string& path, const std::string& doing) {
  std::string reason = mdb_strerror(error);
  std::string what = "cannot " + doing + " the warm store " + path + ": " + reason;
  switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG: return warm_disk_full(path, reason);
    case EIO:  // also what LMDB makes of a write that was cut short
      if (warm_out_of_room(path)) return warm_disk_full(path, reason);
      return {Code::internal, what + "; check the disk, then restart the engine"};
    case EROFS:
    case EACCES:
    case EPERM: return {Code::unavailable, what + "; check owner and mount options of the volume"};
    case MDB_VERSION_MISMATCH: return {Code::unsupported, what + "; it was written by another version of LMDB"};
    case MDB_CORRUPTED:
    case MDB_PAGE_NOTFOUND:
    case MDB_INVALID:
    case MDB_INCOMPATIBLE:
      return warm_store_damage(what);
    case MDB_READERS_FULL: return {Code::unavailable, what + "; too many reads at a time, retry"};
    case MDB_TXN_FULL: return {Code::too_large, what + "; write fewer changes at a time"};
    default: return {Code::internal, what};
  }
}

namespace {

/// LMDB's own broken invariants; it would write to standard error for as long as nobody reads that.
void abort_saying(MDB_env*, const char* text) {
  last_words(std::string("lmdb: ") + text);
  std::abort();
}

}  // namespace

Result<std::unique_ptr<LmdbEnvironment>> LmdbEnvironment::open(const std::string& path, std::size_t map_bytes,
                                                               bool read_only) {
  auto directory = WarmDirectory::lock(path, read_only);
  if (!directory.ok()) return directory.status();
  auto check = check_warm_file(path);
  if (!check.ok()) return check.status();
  if (read_only && !check->exists) {
    return Status(Code::unavailable, "there is no warm store at " + path + "; check the path");
  }
  std::unique_ptr<LmdbEnvironment> self(new LmdbEnvironment);
  self->path_ = path;
  if (check->exists) {
    // A tool that only reads has the time, and damage is what it looks for. An engine starts at once on any size.
    bool all = read_only || self->file_bytes() <= warm_pages_at_start_bytes;
    Status pages = check_warm_pages(path, all ? WarmPages::all : WarmPages::needed_to_open);
    if (!pages.ok()) return pages;
  }
  if (!read_only) {
    Status reserved = reserve_warm_lock_file(path);
    if (!reserved.ok()) return reserved;
  }

  self->directory_ = std::move(directory).value();
  self->file_check_ = *check;
  int error = mdb_env_create(&self->environment_);
  if (error == 0) error = mdb_env_set_maxreaders(self->environment_, max_readers);
  if (error == 0) mdb_env_set_assert(self->environment_, abort_saying);
  if (error == 0) error = mdb_env_set_maxdbs(self->environment_, max_tables);
  if (error == 0) error = mdb_env_set_mapsize(self->environment_, map_bytes);
  // No WRITEMAP: a full disk would be a SIGBUS. No NOSYNC: a power cut would leave a broken tree. NOTLS: a reader
  // belongs to its view and not to a thread. A reader's store is locked against writers, so it needs no slots.
  unsigned flags = MDB_NOTLS | MDB_NOMETASYNC | MDB_NORDAHEAD;
  if (read_only) flags |= MDB_RDONLY | MDB_NOLOCK;
  if (error == 0) error = mdb_env_open(self->environment_, path.c_str(), flags, 0640);
  if (error != 0) {
    Status failure = lmdb_failure(error, path, "open");
    if (!check->exists) ::unlink(warm_data_file(path).c_str());  // half a header would pass for damage the next time
    return failure;
  }
  self->check_readers();
  return self;
}

LmdbEnvironment::~LmdbEnvironment() {
  if (lent_ != 0) {
    last_words("the warm store " + path_ + " is closed while a view of it is open");
    std::abort();
  }
  for (MDB_txn* reader : idle_) mdb_txn_abort(reader);
  if (environment_ != nullptr) mdb_env_close(environment_);
}

std::uint64_t LmdbEnvironment::map_bytes() {
  std::lock_guard lock(mutex_);
  return mapped_bytes();
}

std::uint64_t LmdbEnvironment::mapped_bytes() const {
  MDB_envinfo info{};
  return mdb_env_info(environment_, &info) == 0 ? info.me_mapsize : 0;
}

std::uint64_t LmdbEnvironment::file_bytes() const {
  struct stat status {};
  return ::stat(warm_data_file(path_).c_str(), &status) == 0 ? static_cast<std::uint64_t>(status.st_size) : 0;
}

Result<MDB_txn*> LmdbEnvironment::lend_reader() {
  MDB_txn* reader = nullptr;
  {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [&] { return !growing_; });
    if (lent_ == max_readers) return lmdb_failure(MDB_READERS_FULL, path_, "read");
    ++lent_;
    if (!idle_.empty()) {
      reader = idle_.back();
      idle_.pop_back();
    }
  }
  int error = reader != nullptr ? mdb_txn_renew(reader) : mdb_txn_begin(environment_, nullptr, MDB_RDONLY, &reader);
  if (error == 0) return reader;
  if (reader != nullptr) mdb_txn_abort(reader);
  std::lock_guard lock(mutex_);
  --lent_;
  changed_.notify_all();
  return lmdb_failure(error, path_, "read");
}

void LmdbEnvironment::give_back(MDB_txn* reader) {
  mdb_txn_reset(reader);
  std::lock_guard lock(mutex_);
  idle_.push_back(reader);
  if (--lent_ == 0) changed_.notify_all();
}

bool LmdbEnvironment::wait_for_readers(std::unique_lock<std::mutex>& lock) {
  for (int i = 0; i < growth_waits; ++i) {
    growing_ = true;
    if (changed_.wait_for(lock, growth_wait, [&] { return lent_ == 0; })) return true;
    growing_ = false;
    changed_.notify_all();
    changed_.wait_for(lock, growth_pause, [] { return false; });
  }
  return false;
}

Status LmdbEnvironment::grow() {
  std::unique_lock lock(mutex_);
  if (!wait_for_readers(lock)) {
    return {Code::unavailable, "the warm store " + path_ + " has to grow, but a read has been open for " +
                                   std::to_string((growth_wait + growth_pause).count() * growth_waits / 1000) +
                                   " s; end it, and retry"};
  }
  std::uint64_t wanted = mapped_bytes() * 2;
  // LMDB unmaps the old map first, and is left without one if the new one fails: so that is found out before.
  void* probe = ::mmap(nullptr, wanted, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  int error = probe == MAP_FAILED ? errno : 0;
  if (error == 0) {
    ::munmap(probe, wanted);
    error = mdb_env_set_mapsize(environment_, wanted);
    if (error != 0) {
      last_words("cannot map the warm store " + path_ + " again: " + mdb_strerror(error));
      std::abort();
    }
  }
  growing_ = false;
  changed_.notify_all();
  return error == 0 ? Status() : lmdb_failure(error, path_, "grow the map of");
}

void LmdbEnvironment::release_pages() {
  struct stat file {};
  if (::stat(warm_data_file(path_).c_str(), &file) != 0) return;
  std::lock_guard lock(mutex_);  // the map stays where it is
  std::ifstream maps("/proc/self/maps");  // LMDB does not tell where its map is
  for (std::string line; std::getline(maps, line);) {
    unsigned long begin = 0, end = 0, inode = 0;
    if (std::sscanf(line.c_str(), "%lx-%lx %*s %*x %*s %lu", &begin, &end, &inode) != 3 || inode != file.st_ino) continue;
    if (line.ends_with("/data.mdb")) (void)::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
  }
}

void LmdbEnvironment::check_readers() {
  int dead = 0;
  mdb_reader_check(environment_, &dead);
}

}  // namespace engram
