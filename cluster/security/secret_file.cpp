#include "cluster/security/secret_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "storage/base/descriptor.h"
#include "storage/base/error_text.h"

namespace engram {
namespace {

FileVersion version_of(const struct stat& info) {
  return {info.st_dev, info.st_ino, info.st_size, info.st_ctim.tv_sec * 1'000'000'000LL + info.st_ctim.tv_nsec};
}

/// The mode is checked on the open file, so that it is the mode of what is read.
Result<FileText> read_file(const std::string& path, const char* what, std::size_t max_bytes, bool secret) {
  const std::string name = std::string(what) + " " + path;
  Descriptor file(::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) {
    Code code = errno == EACCES || errno == EPERM ? Code::permission_denied : Code::invalid_argument;
    return Status(code, name + " cannot be opened: " + error_text(errno));
  }
  struct stat info {};
  if (::fstat(file.get(), &info) != 0 || !S_ISREG(info.st_mode))
    return Status(Code::invalid_argument, name + " is not a regular file");
  if (secret && !secret_mode_is_safe(info.st_mode, info.st_uid, ::geteuid()))
    return Status(Code::permission_denied, name + " can be read or written by other users: chmod 600 " + path);
  std::string text(max_bytes + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    ssize_t got = ::read(file.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return Status(Code::invalid_argument, name + " cannot be read: " + error_text(errno));
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > max_bytes)
    return Status(Code::invalid_argument, name + " is larger than " + std::to_string(max_bytes) + " bytes", {},
                  max_bytes);
  text.resize(size);
  return FileText{std::move(text), version_of(info)};
}

}  // namespace

FileVersion file_version(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 ? version_of(info) : FileVersion();
}

bool secret_mode_is_safe(mode_t mode, uid_t owner, uid_t reader) {
  mode_t forbidden = S_IRWXO | S_IWGRP | S_IXGRP;
  bool mounted_secret = owner == 0 && reader != 0;
  if (!mounted_secret) forbidden |= S_IRGRP;
  return (mode & forbidden) == 0;
}

Result<FileText> read_secret_file(const std::string& path, const char* what, std::size_t max_bytes) {
  return read_file(path, what, max_bytes, true);
}

Result<FileText> read_public_file(const std::string& path, const char* what, std::size_t max_bytes) {
  return read_file(path, what, max_bytes, false);
}

}  // namespace engram
