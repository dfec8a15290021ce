#include "tools/certs/directory.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <string_view>

#include "storage/base/error_text.h"

namespace engram::certs {
namespace {

std::string aside(const std::string& name) { return "." + name + ".new"; }

/// Of the call that failed last.
Status failure(const std::string& what, const std::string& path) {
  int error = errno;
  Code code = error == EACCES || error == EPERM ? Code::permission_denied : Code::invalid_argument;
  return {code, "cannot " + what + " " + path + ": " + error_text(error)};
}

std::string without_slash_at_end(std::string path) {
  while (path.size() > 1 && path.ends_with('/')) path.pop_back();
  return path;
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

/// So that a directory that was just made is there after a crash.
Status sync_above(const std::string& path) {
  auto slash = path.rfind('/');
  auto above = slash == std::string::npos ? "." : slash == 0 ? "/" : path.substr(0, slash);
  Descriptor descriptor(::open(above.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  return descriptor.get() < 0 || ::fsync(descriptor.get()) != 0 ? failure("sync", above) : Status();
}

}  // namespace

Result<Directory> Directory::make(const std::string& path) {
  auto plain = without_slash_at_end(path);
  if (::mkdir(plain.c_str(), 0700) == 0) {
    if (Status status = sync_above(plain); !status.ok()) return status;
  } else if (errno != EEXIST) {
    return failure("make the directory", plain);
  }
  return open(plain);
}

Result<Directory> Directory::open(const std::string& path) {
  auto plain = without_slash_at_end(path);
  Descriptor descriptor(::open(plain.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  struct stat info {};
  if (descriptor.get() < 0 || ::fstat(descriptor.get(), &info) != 0) return failure("open the directory", plain);
  if ((info.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    return Status(Code::permission_denied, "the directory " + plain + " can be written by other users: chmod 700 " + plain);
  int locked = 0;
  while ((locked = ::flock(descriptor.get(), LOCK_EX)) != 0 && errno == EINTR) continue;
  if (locked != 0) return failure("lock the directory", plain);
  return Directory(plain, std::move(descriptor));
}

bool Directory::has(const std::string& name) const {
  struct stat info {};
  return ::fstatat(descriptor_.get(), name.c_str(), &info, AT_SYMLINK_NOFOLLOW) == 0 || errno != ENOENT;
}

Status Directory::write_aside(const NewFile& file) const {
  const auto name = aside(file.name);
  // Of a command that was killed: others that run wait for the lock.
  if (::unlinkat(descriptor_.get(), name.c_str(), 0) != 0 && errno != ENOENT) return failure("remove", path_of(name));
  Descriptor out(::openat(descriptor_.get(), name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, file.mode));
  if (out.get() < 0) return failure("make", path_of(name));
  if (!write_all(out.get(), file.text) || ::fsync(out.get()) != 0) return failure("write", path_of(name));
  return {};
}

Status Directory::put_all(const std::vector<NewFile>& files) const {
  for (const auto& file : files)
    if (Status status = write_aside(file); !status.ok()) return status;
  // Nothing slow between these: whoever reads the files of a pair meanwhile sees one of each.
  for (const auto& file : files)
    if (::renameat(descriptor_.get(), aside(file.name).c_str(), descriptor_.get(), file.name.c_str()) != 0)
      return failure("replace", path_of(file.name));
  return ::fsync(descriptor_.get()) != 0 ? failure("sync", path_) : Status();
}

Status Directory::put(const std::vector<NewFile>& files) const {
  Status status = put_all(files);
  if (!status.ok())
    for (const auto& file : files) (void)::unlinkat(descriptor_.get(), aside(file.name).c_str(), 0);
  return status;
}

}  // namespace engram::certs
