#include "storage/warm/warm_file.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <system_error>
#include <vector>

#include <fcntl.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "storage/base/damage.h"
#include "storage/base/error_text.h"

namespace engram {

namespace {

using namespace lmdb_format;

constexpr std::size_t max_page_bytes = 32768;
constexpr std::uint64_t room_bytes = std::uint64_t{1} << 20;
constexpr std::uint64_t max_missing_bytes = std::uint64_t{1} << 30;  // no single batch frees more at the file's end

Status not_ours(const std::string& path, const std::string& why) {
  return warm_store_damage(warm_data_file(path) + " is not a warm store, or is damaged (" + why + ")");
}

/// What no transaction changes in a header page.
bool is_header(const HeaderPage& page, std::uint64_t number, std::uint64_t page_bytes) {
  const PageStart& start = page.start;
  return start.number == number && start.flags == PageFlags::header && start.padding == 0 && start.lower == 0 &&
         start.upper == 0 && page.magic == magic && page.version == data_version && page.address == 0 &&
         page.trees[0].page_bytes == page_bytes && page.trees[0].flags == free_tree_flags &&
         page.trees[1].page_bytes == 0 && page.trees[1].flags == plain_tree_flags;
}

bool plausible(const HeaderPage& newest, std::uint64_t page_bytes) {
  auto tree_ok = [&](const Tree& tree) {
    return tree.depth <= max_depth &&
           (tree.root == no_page || (tree.root >= first_data_page && tree.root <= newest.last_page));
  };
  return newest.last_page >= first_data_page - 1 && newest.last_page < (std::uint64_t{1} << 47) / page_bytes &&
         std::all_of(newest.trees.begin(), newest.trees.end(), tree_ok);
}

/// Two transactions in a row, each on its page; or none yet. LMDB goes back to the older one in a crash, never further.
bool consecutive(std::uint64_t first, std::uint64_t second) {
  if (first == 0 && second == 0) return true;
  return first % 2 == 0 && (second == first + 1 || first == second + 1);
}

}  // namespace

std::string warm_data_file(const std::string& path) { return path + "/data.mdb"; }

Status warm_disk_full(const std::string& path, const std::string& reason) {
  return {Code::disk_full, "no room to write to the warm store " + path + " (" + reason +
                               "): reads go on and nothing is lost; free space on this volume, or make it larger, and "
                               "writing goes on by itself"};
}

Result<WarmDirectory> WarmDirectory::lock(const std::string& path, bool read_only) {
  if (!read_only) {
    std::error_code failed;
    std::filesystem::create_directories(path, failed);
    if (failed.value() == ENOSPC || failed.value() == EDQUOT) return warm_disk_full(path, failed.message());
    if (failed) {
      return Status(Code::unavailable, "cannot make the directory " + path + ": " + failed.message() +
                                           "; check the path and its owner");
    }
  }
  WarmDirectory directory;
  directory.descriptor_ = Descriptor(::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (directory.descriptor_.get() < 0) {
    return Status(Code::unavailable, "cannot open the warm store " + path + ": " + error_text(errno) +
                                         "; check the path and its owner");
  }
  if (::flock(directory.descriptor_.get(), (read_only ? LOCK_SH : LOCK_EX) | LOCK_NB) != 0) {
    return Status(Code::unavailable, "the warm store " + path + " is in use by another process; stop that one first");
  }
  return directory;
}

Status WarmDirectory::sync() const {
  Descriptor parent(::openat(descriptor_.get(), "..", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (::fsync(descriptor_.get()) == 0 && parent.get() >= 0 && ::fsync(parent.get()) == 0) return {};
  return {Code::internal, "cannot sync the directory of the warm store: " + error_text(errno)};
}

Result<HeaderPage> newest_warm_header(Bytes file, const std::string& path) {
  std::array<HeaderPage, 2> pages{};
  if (file.size() < sizeof(HeaderPage)) return not_ours(path, "too short");
  std::memcpy(&pages[0], file.data(), sizeof(HeaderPage));
  if (pages[0].magic != magic) return not_ours(path, "no LMDB header");
  std::uint64_t page_bytes = pages[0].trees[0].page_bytes;
  if (!std::has_single_bit(page_bytes) || page_bytes < 512 || page_bytes > max_page_bytes)
    return not_ours(path, "an impossible page size");
  if (file.size() < page_bytes + sizeof(HeaderPage)) return not_ours(path, "too short");
  std::memcpy(&pages[1], file.data() + page_bytes, sizeof(HeaderPage));
  // Of the older one LMDB reads no more than this: what it says of the trees is for the next transaction to overwrite.
  if (!is_header(pages[0], 0, page_bytes) || !is_header(pages[1], 1, page_bytes) ||
      !consecutive(pages[0].transaction, pages[1].transaction))
    return not_ours(path, "an impossible header page");
  const HeaderPage& newest = pages[pages[0].transaction < pages[1].transaction ? 1 : 0];
  if (!plausible(newest, page_bytes)) return not_ours(path, "an impossible header page");
  return newest;
}

Result<WarmFileCheck> check_warm_file(const std::string& path) {
  WarmFileCheck result;
  Descriptor file(::open(warm_data_file(path).c_str(), O_RDONLY | O_CLOEXEC));
  if (file.get() < 0 && errno == ENOENT) return result;
  struct stat status {};
  if (file.get() < 0 || ::fstat(file.get(), &status) != 0) {
    return Status(Code::unavailable, "cannot open " + warm_data_file(path) + ": " + error_text(errno));
  }
  if (status.st_size == 0) return result;
  result.exists = true;
  std::vector<std::byte> start(2 * max_page_bytes);
  ssize_t read_bytes = ::pread(file.get(), start.data(), start.size(), 0);
  if (read_bytes < 0) return Status(Code::internal, "cannot read " + warm_data_file(path) + ": " + error_text(errno));
  auto newest = newest_warm_header(Bytes(start).first(static_cast<std::size_t>(read_bytes)), path);
  if (!newest.ok()) return newest.status();

  std::uint64_t needed = (newest->last_page + 1) * newest->trees[0].page_bytes;
  auto size = static_cast<std::uint64_t>(status.st_size);
  if (size >= needed) return result;
  if (needed - size > max_missing_bytes) return not_ours(path, "much shorter than its header says");
  if (::truncate(warm_data_file(path).c_str(), static_cast<off_t>(needed)) != 0) {
    return Status(Code::unavailable, warm_data_file(path) + " has " + std::to_string(size) + " of " +
                                         std::to_string(needed) + " bytes and cannot be extended: " +
                                         error_text(errno) + "; open it once with the right to write");
  }
  result.extended = true;
  return result;
}

Status reserve_warm_lock_file(const std::string& path) {
  std::string name = path + "/lock.mdb";
  Descriptor file(::open(name.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0640));
  int error = file.get() < 0 ? errno : ::posix_fallocate(file.get(), 0, 16384);
  if (error == 0) return {};
  if (error == ENOSPC || error == EDQUOT || error == EFBIG) return warm_disk_full(path, error_text(error));
  return {Code::unavailable, "cannot write to " + name + ": " + error_text(error) + "; check owner and mount options"};
}

bool warm_out_of_room(const std::string& path) {
  struct statvfs volume {};
  if (::statvfs(path.c_str(), &volume) == 0 && volume.f_bavail * volume.f_frsize < room_bytes) return true;
  struct rlimit limit {};
  struct stat status {};
  return ::getrlimit(RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur != RLIM_INFINITY &&
         ::stat(warm_data_file(path).c_str(), &status) == 0 &&
         static_cast<std::uint64_t>(status.st_size) + room_bytes > limit.rlim_cur;
}

}  // namespace engram
