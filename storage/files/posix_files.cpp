#include "storage/files/posix_files.h"

#include <algorithm>
#include <cerrno>
#include <utility>

#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "storage/base/descriptor.h"
#include "storage/base/error_text.h"

namespace engram {
namespace {

Status system_error(const char* what, const std::string& path, int error) {
  std::string message = std::string("cannot ") + what + " " + path + ": " + error_text(error);
  switch (error) {
    case ENOSPC:
    case EDQUOT:
      return {Code::disk_full, message + "; free space on this volume or enlarge it"};
    case EFBIG:
      return {Code::disk_full, message + "; the process may not write larger files: raise its limit (ulimit -f)"};
    case EMFILE:
    case ENFILE:
      return {Code::overloaded, message + "; raise the limit of open files (ulimit -n, LimitNOFILE of a service)"};
    case EROFS:
      return {Code::unavailable, message + "; the volume is read-only: mount it writable, or check it for errors"};
    case EXDEV:
      return {Code::unsupported, message};
    case EACCES:
    case EPERM:
      return {Code::internal, message + "; the process needs the right to use it"};
    default:
      return {Code::internal, message};
  }
}

/// Calls again what a signal interrupted.
template <typename Call>
auto retried(Call call) {
  auto result = call();
  while (result < 0 && errno == EINTR) result = call();
  return result;
}

class PosixFile final : public File {
 public:
  PosixFile(int fd, std::string path) : fd_(fd), path_(std::move(path)) {}

  [[nodiscard]] Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) const override {
    std::size_t done = 0;
    while (done < into.size()) {
      auto got = retried(
          [&] { return ::pread(fd_.get(), into.data() + done, into.size() - done, static_cast<off_t>(offset + done)); });
      if (got < 0) return system_error("read", path(), errno);
      if (got == 0) break;
      done += static_cast<std::size_t>(got);
    }
    return done;
  }

  Status write_at(Bytes bytes, std::uint64_t offset) override {
    std::size_t done = 0;
    while (done < bytes.size()) {
      auto put = retried([&] {
        return ::pwrite(fd_.get(), bytes.data() + done, bytes.size() - done, static_cast<off_t>(offset + done));
      });
      if (put < 0 && errno == EINVAL && std::exchange(direct_, false)) {  // its blocks are larger, or these bytes no blocks
        if (Status status = set_direct(false); !status.ok()) return status;
        continue;
      }
      if (put <= 0) return system_error("write", path(), put == 0 ? EIO : errno);
      done += static_cast<std::size_t>(put);
    }
    return {};
  }

  void bypass_cache() override { direct_ = set_direct(true).ok(); }

  Status sync_data() override {
    if (::fdatasync(fd_.get()) != 0) return system_error("sync", path(), errno);
    return {};
  }
  Status sync_all() override {
    if (::fsync(fd_.get()) != 0) return system_error("sync", path(), errno);
    return {};
  }
  [[nodiscard]] Result<std::uint64_t> size() const override {
    struct stat info {};
    if (::fstat(fd_.get(), &info) != 0) return system_error("inspect", path(), errno);
    return static_cast<std::uint64_t>(info.st_size);
  }
  Status truncate(std::uint64_t size_bytes) override {
    if (retried([&] { return ::ftruncate(fd_.get(), static_cast<off_t>(size_bytes)); }) != 0)
      return system_error("resize", path(), errno);
    return {};
  }

 private:
  Status set_direct(bool direct) {
    int flags = ::fcntl(fd_.get(), F_GETFL);
    bool set = flags >= 0 && ::fcntl(fd_.get(), F_SETFL, direct ? flags | O_DIRECT : flags & ~O_DIRECT) == 0;
    return set ? Status() : system_error("change the mode of", path(), errno);
  }

  /// The name that the file has now: it may have been renamed since it was opened.
  [[nodiscard]] std::string path() const {
    int error = errno;
    std::string target(4096, '\0');
    auto bytes = ::readlink(("/proc/self/fd/" + std::to_string(fd_.get())).c_str(), target.data(), target.size());
    errno = error;
    return bytes <= 0 ? path_ : target.substr(0, static_cast<std::size_t>(bytes));
  }

  Descriptor fd_;
  std::string path_;     // at opening
  bool direct_ = false;  // past the cache, by bypass_cache
};

class PosixDirectory final : public Directory {
 public:
  PosixDirectory(Descriptor fd, std::string path) : fd_(std::move(fd)), path_(std::move(path)) {}

  Status sync() override {
    if (::fsync(fd_.get()) != 0) return system_error("sync directory", path_, errno);
    return {};
  }

 private:
  Descriptor fd_;
  std::string path_;
};

class PosixLock final : public FileLock {
 public:
  explicit PosixLock(int fd) : fd_(fd) {}

 private:
  Descriptor fd_;
};

int flags_of(OpenMode mode) {
  switch (mode) {
    case OpenMode::read_only: return O_RDONLY;
    case OpenMode::read_write: return O_RDWR;
    case OpenMode::create_new: return O_RDWR | O_CREAT | O_EXCL;
    case OpenMode::replace: return O_RDWR | O_CREAT | O_TRUNC;
  }
  return O_RDONLY;
}

}  // namespace

Result<std::unique_ptr<File>> PosixFiles::open(const std::string& path, OpenMode mode) {
  int fd = retried([&] { return ::open(path.c_str(), flags_of(mode) | O_CLOEXEC, 0640); });
  if (fd < 0) return system_error("open", path, errno);
  return std::unique_ptr<File>(new PosixFile(fd, path));
}

bool PosixFiles::exists(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0;
}

Result<std::vector<DirectoryEntry>> PosixFiles::list(const std::string& directory) {
  std::unique_ptr<DIR, int (*)(DIR*)> open_directory(::opendir(directory.c_str()), ::closedir);
  if (!open_directory) return system_error("list", directory, errno);
  std::vector<DirectoryEntry> entries;
  for (;;) {
    errno = 0;  // its only way to tell an error from the end
    const dirent* entry = ::readdir(open_directory.get());
    if (entry == nullptr && errno != 0) return system_error("list", directory, errno);
    if (entry == nullptr) break;
    std::string name = entry->d_name;
    if (name == "." || name == "..") continue;
    struct stat info {};
    if (::fstatat(::dirfd(open_directory.get()), entry->d_name, &info, 0) != 0) {
      if (errno == ENOENT) continue;  // removed since, or a dangling link
      return system_error("inspect", directory + "/" + name, errno);
    }
    entries.push_back({std::move(name), static_cast<std::uint64_t>(info.st_size), S_ISDIR(info.st_mode)});
  }
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return entries;
}

Status PosixFiles::rename(const std::string& from, const std::string& to) {
  if (::rename(from.c_str(), to.c_str()) != 0) return system_error("rename", from + " to " + to, errno);
  return {};
}

Status PosixFiles::remove(const std::string& path) {
  if (::unlink(path.c_str()) != 0) return system_error("remove", path, errno);
  return {};
}

Status PosixFiles::make_directory(const std::string& path) {
  // Not durable in its parent, a new directory may be gone after a power cut with all that is in it.
  auto settle = [this](const std::string& made) { return sync_directory(parent_directory(made)); };
  for (std::size_t slash = path.find('/', 1); slash != std::string::npos; slash = path.find('/', slash + 1)) {
    std::string parent = path.substr(0, slash);
    // Only what is missing is made: a parent may well be on a volume that this process may not write to.
    if (exists(parent)) continue;
    if (::mkdir(parent.c_str(), 0750) != 0 && errno != EEXIST) return system_error("make directory", parent, errno);
    if (Status status = settle(parent); !status.ok()) return status;
  }
  if (::mkdir(path.c_str(), 0750) == 0) return settle(path);
  int error = errno;
  struct stat info {};
  if (error == EEXIST && ::stat(path.c_str(), &info) == 0 && S_ISDIR(info.st_mode)) return {};
  return system_error("make directory", path, error == EEXIST ? ENOTDIR : error);
}

Result<std::unique_ptr<Directory>> PosixFiles::open_directory(const std::string& path) {
  Descriptor fd(retried([&] { return ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (fd.get() < 0) return system_error("open directory", path, errno);
  return std::unique_ptr<Directory>(new PosixDirectory(std::move(fd), path));
}

Result<VolumeSpace> PosixFiles::free_space(const std::string& path) {
  struct statvfs info {};
  if (::statvfs(path.c_str(), &info) != 0) return system_error("read the free space of", path, errno);
  return VolumeSpace{std::uint64_t{info.f_blocks} * info.f_frsize, std::uint64_t{info.f_bavail} * info.f_frsize};
}

Result<std::unique_ptr<FileLock>> PosixFiles::lock(const std::string& path) {
  int fd = retried([&] { return ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640); });
  // On a read-only volume the lock of a file that is there still keeps those off who have it mounted writable.
  if (fd < 0 && errno == EROFS) fd = retried([&] { return ::open(path.c_str(), O_RDONLY | O_CLOEXEC); });
  if (fd < 0) return system_error("open", path, errno);
  auto held = std::make_unique<PosixLock>(fd);
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) return system_error("lock", path, errno);
    return Status(Code::unavailable, path + " is locked by another process: stop that one first");
  }
  return std::unique_ptr<FileLock>(std::move(held));
}

}  // namespace engram
