#pragma once
// A disk in memory whose power can be cut: what was not synced is then lost page by page, as a seed decides.
//
// After `cut_power` use no file that was opened before.

#include <map>
#include <memory>
#include <mutex>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "storage/files/files.h"

namespace engram::test {

class MemoryFiles final : public Files {
 public:
  /// Paths below `directory` are another volume: renames across its border are refused.
  void add_volume(std::string directory);
  /// What a power cut does: every page that was not synced has any of the contents that it had since the last sync, a file
  /// any of its lengths, and of the creations, renames and removals of a volume since a sync of a directory the first few are
  /// there.
  void cut_power(std::uint64_t seed);

  /// For tests that damage files.
  std::string content(const std::string& path);
  void set_content(const std::string& path, const std::string& content);
  std::vector<std::string> paths();

  Result<std::unique_ptr<File>> open(const std::string& path, OpenMode mode) override;
  [[nodiscard]] bool exists(const std::string& path) override;
  Result<std::vector<DirectoryEntry>> list(const std::string& directory) override;
  Status rename(const std::string& from, const std::string& to) override;
  Status remove(const std::string& path) override;
  Status make_directory(const std::string& path) override;
  Result<std::unique_ptr<Directory>> open_directory(const std::string& path) override;
  Result<VolumeSpace> free_space(const std::string& path) override;
  Result<std::unique_ptr<FileLock>> lock(const std::string& path) override;

 private:
  friend class MemoryFile;
  friend class MemoryDirectory;
  static constexpr std::size_t page_bytes = 4096;

  struct Inode {
    std::string current;
    std::string durable;
    std::map<std::size_t, std::vector<std::string>> unsynced_pages;  // all contents since the last sync
    std::vector<std::size_t> unsynced_sizes;
    void write(Bytes bytes, std::uint64_t offset);
    void truncate(std::uint64_t size_bytes);
    void sync();
    void cut_power(std::mt19937_64& random);
    void remember(std::size_t first, std::size_t end);
  };
  using Names = std::map<std::string, std::shared_ptr<Inode>>;
  struct Change {  // of a name; a null inode: removed
    std::string directory;
    std::string path;
    std::shared_ptr<Inode> inode;
    std::size_t with_next = 0;  // how many of the following changes belong to it (a rename is one step)
  };

  std::string volume_of(const std::string& path) const;
  void change(const std::string& path, std::shared_ptr<Inode> inode, std::size_t with_next = 0);
  void sync_directory_of(const std::string& path);
  void make_durable(std::vector<Change>& pending, std::size_t changes);

  std::mutex mutex_;
  Names names_;
  Names durable_names_;
  // One a volume, as in a journal: what is later is never durable before what is earlier.
  std::map<std::string, std::vector<Change>> pending_;
  std::set<std::string> directories_;
  std::set<std::string> locked_;
  std::vector<std::string> volumes_;
};

}  // namespace engram::test
