#pragma once
// What has to be right about the files of a warm store before LMDB may map them. LMDB trusts its file: what is not
// checked here would end in SIGBUS instead of an error.

#include <string>

#include "storage/base/bytes.h"
#include "storage/base/descriptor.h"
#include "storage/base/result.h"
#include "storage/warm/lmdb_format.h"

namespace engram {

/// Held while a store is open: an exclusive flock on its directory, a shared one for readers only.
class WarmDirectory {
 public:
  /// Makes the directory if it is not there (not for `read_only`) and locks it. Error `unavailable`: in use.
  static Result<WarmDirectory> lock(const std::string& path, bool read_only);
  /// Makes new entries of the directory, and the directory itself, durable.
  Status sync() const;

 private:
  Descriptor descriptor_;
};

/// The header page of the last commit in LMDB's file, of which at least the first 64 KiB (or all) are given.
Result<lmdb_format::HeaderPage> newest_warm_header(Bytes file, const std::string& path);

struct WarmFileCheck {
  bool exists = false;    // false: not there or empty, so a new store
  bool extended = false;  // was shorter than its header says: what it holds must be checked before it is trusted
};

/// Checks LMDB's two header pages in `<path>/data.mdb`. A file shorter than they say is extended with zeros: LMDB
/// leaves out pages at the end that it freed again, and a read behind the end of the file would kill the process.
Result<WarmFileCheck> check_warm_file(const std::string& path);

/// Gives the lock file its blocks: LMDB writes to it through a map, which on a full disk is a SIGBUS.
Status reserve_warm_lock_file(const std::string& path);

/// Whether the file system (or the process's file size limit) has next to no room for `<path>/data.mdb` to grow.
bool warm_out_of_room(const std::string& path);

Status warm_disk_full(const std::string& path, const std::string& reason);

/// The directory's data file.
std::string warm_data_file(const std::string& path);

}  // namespace engram
