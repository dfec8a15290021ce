#pragma once
// Passes everything on to other Files, and fails what the test asks for.

#include <functional>
#include <memory>
#include <string>

#include "storage/files/files.h"

namespace engram::test {

/// What to fail. May be changed at any time.
struct Faults {
  static constexpr std::uint64_t never = ~std::uint64_t{0};

  std::uint64_t syncs_before_error = never;         // so many syncs of file contents succeed, the next fails with EIO
  Code sync_error = Code::internal;                 // what it fails with; disk_full: ENOSPC
  std::uint64_t room_bytes = never;                 // files may still grow by so much; then ENOSPC, in the middle of a write
                                                    // (what is removed makes room again)
  bool overwriting_needs_room = false;              // as on a copy-on-write file system
  std::uint64_t operations_before_crash = never;    // then the process is dead: nothing has an effect any more
  std::uint64_t free_bytes = never;                 // what free_space says
  bool read_only = false;
  bool no_descriptors = false;                      // what needs a new file descriptor fails with EMFILE
  std::function<void()> before_read;                // what a writer does meanwhile
  std::function<void()> before_sync;                // a slow disk, or a look at what is there at that moment

  std::uint64_t operations = 0;  // that change something, counted
};

class FaultyFiles final : public Files {
 public:
  explicit FaultyFiles(Files& below) : below_(below), faults_(std::make_shared<Faults>()) {}
  Faults& faults() { return *faults_; }

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  [[nodiscard]] bool exists(const std::string& path) override { return below_.exists(path); }
  Result<std::vector<DirectoryEntry>> list(const std::string& directory) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status make_directory(const std::string& path) override;
  Result<std::unique_ptr<Directory>> open_directory(const std::string& path) override;
  Result<VolumeSpace> free_space(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override { return below_.lock(path); }

 private:
  Files& below_;
  std::shared_ptr<Faults> faults_;
};

}  // namespace engram::test
