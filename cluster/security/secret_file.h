#pragma once
// Reading files that nobody else may read, and seeing that a file was replaced.

#include <sys/types.h>

#include <cstdint>
#include <string>

#include "storage/base/result.h"

namespace engram {

/// What tells one version of a file from the next; follows links, so that a swapped Kubernetes secret is seen.
struct FileVersion {
  std::uint64_t device = 0;
  std::uint64_t inode = 0;
  std::int64_t size_bytes = 0;
  std::int64_t changed_ns = 0;  // of content, name or mode
  bool operator==(const FileVersion&) const = default;
};

/// All zero if the file is not there.
FileVersion file_version(const std::string& path);

/// Whether a secret with these bits may be used by `reader`: nobody but the owner may read or write it. One exception:
/// a file of root that its group may read, read by somebody else (as mounted secrets are in Kubernetes).
bool secret_mode_is_safe(mode_t mode, uid_t owner, uid_t reader);

struct FileText {
  std::string text;
  FileVersion version;
};

/// Reads at most `max_bytes`. `what` is for messages ("the token file"). Errors: invalid_argument (missing, not a file,
/// too large), permission_denied (unreadable, or a secret that others may read or write).
Result<FileText> read_secret_file(const std::string& path, const char* what, std::size_t max_bytes);
Result<FileText> read_public_file(const std::string& path, const char* what, std::size_t max_bytes);

}  // namespace engram
