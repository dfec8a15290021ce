#pragma once
// The disk enters through these interfaces, so that tests can fail it, fill it and cut its power.
//
// Errors of all calls: disk_full (no space, over quota or over the limit of file sizes; nothing else is wrong),
// overloaded (too many files are open: nothing was done, and later it may work), unavailable (the volume is read-only, or
// somebody else holds the lock), internal (anything else). The message names the path and what the system said.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "storage/base/bytes.h"
#include "storage/base/result.h"

namespace engram {

/// An open file; closed by its destructor. Offsets are explicit, so several threads may read one file.
class File {
 public:
  virtual ~File() = default;

  /// Reads until `into` is full or the file ends, and says how much that was.
  [[nodiscard]] virtual Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) const = 0;
  /// Writes all of `bytes`. After an error any part of them may have been written.
  virtual Status write_at(Bytes bytes, std::uint64_t offset) = 0;
  /// What is written from now on, in whole blocks of 4096 bytes from memory that is aligned like them, goes past the system's
  /// cache of pages, where the file system can do that: for what nobody reads soon. Other writes work as before.
  virtual void bypass_cache() {}
  /// Makes the content durable (fdatasync). After an error the content is unknown: never call it again and hope.
  virtual Status sync_data() = 0;
  /// Makes the content and the file's own attributes, its length above all, durable (fsync).
  virtual Status sync_all() = 0;
  [[nodiscard]] virtual Result<std::uint64_t> size() const = 0;
  virtual Status truncate(std::uint64_t size_bytes) = 0;
};

/// An open directory: what is done with it needs no new file descriptor.
class Directory {
 public:
  virtual ~Directory() = default;
  /// Makes what was created, renamed and removed in it durable. A new file without it may be gone after a power cut.
  virtual Status sync() = 0;
};

/// Held while the object lives; the system takes it from a process that dies.
class FileLock {
 public:
  virtual ~FileLock() = default;
};

enum class OpenMode : std::uint8_t {
  read_only,
  read_write,
  create_new,  // read and write; an error if the file exists
  replace      // read and write; emptied if it exists
};

struct DirectoryEntry {
  std::string name;
  std::uint64_t size_bytes = 0;
  bool is_directory = false;
};

struct VolumeSpace {
  std::uint64_t total_bytes = 0;
  std::uint64_t free_bytes = 0;  // what this process may still use
};

class Files {
 public:
  virtual ~Files() = default;

  virtual Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) = 0;
  [[nodiscard]] virtual bool exists(const std::string& path) = 0;
  /// Sorted by name, without "." and "..".
  virtual Result<std::vector<DirectoryEntry>> list(const std::string& directory) = 0;
  /// Replaces `to`. Error `unsupported` if the two are on different volumes: see move_file.
  virtual Status rename(const std::string& from, const std::string& to) = 0;
  virtual Status remove(const std::string& path) = 0;
  /// Makes parents too, each durable in the directory that it is in; fine if it exists.
  virtual Status make_directory(const std::string& path) = 0;
  virtual Result<std::unique_ptr<Directory>> open_directory(const std::string& path) = 0;
  virtual Result<VolumeSpace> free_space(const std::string& path) = 0;
  /// Makes the file if needed and locks it, or says `unavailable` at once if somebody else has it locked.
  virtual Result<std::unique_ptr<FileLock>> lock(const std::string& path) = 0;

  /// For a directory that is not kept open.
  Status sync_directory(const std::string& path) {
    auto directory = open_directory(path);
    return directory.ok() ? (*directory)->sync() : directory.status();
  }
};

/// The directory part of a path ("." if it has none).
std::string parent_directory(const std::string& path);

}  // namespace engram
