#pragma once
// Copies and moves that are only believed after they were read back.

#include "storage/files/files.h"

namespace engram {

struct FileDigest {
  std::uint64_t bytes = 0;
  std::uint64_t checksum = 0;  // XXH3 over 1 MiB blocks, each seeded with the checksum of those before
  bool operator==(const FileDigest&) const = default;
};

Result<FileDigest> digest_file(Files& files, const std::string& path);

/// Copies to `<to>.partial`, syncs, reads it back, compares, renames to `to` and syncs the directory. `from` stays.
/// On an error nothing is at `to`; error `corrupt` if the copy is not what was read.
Result<FileDigest> copy_file(Files& files, const std::string& from, const std::string& to);

}  // namespace engram
