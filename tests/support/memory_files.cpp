#include "tests/support/memory_files.h"

#include <algorithm>
#include <utility>

namespace engram::test {

class MemoryFile final : public File {
 public:
  MemoryFile(MemoryFiles& files, std::shared_ptr<MemoryFiles::Inode> inode)
      : files_(files), inode_(std::move(inode)) {}

  [[nodiscard]] Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) const override {
    std::lock_guard lock(files_.mutex_);
    if (offset >= inode_->current.size()) return std::size_t{0};
    std::size_t bytes = std::min<std::size_t>(into.size(), inode_->current.size() - offset);
    std::memcpy(into.data(), inode_->current.data() + offset, bytes);
    return bytes;
  }
  Status write_at(Bytes bytes, std::uint64_t offset) override {
    std::lock_guard lock(files_.mutex_);
    inode_->write(bytes, offset);
    return {};
  }
  Status sync_data() override { return sync_all(); }
  Status sync_all() override {
    std::lock_guard lock(files_.mutex_);
    inode_->sync();
    return {};
  }
  [[nodiscard]] Result<std::uint64_t> size() const override {
    std::lock_guard lock(files_.mutex_);
    return std::uint64_t{inode_->current.size()};
  }
  Status truncate(std::uint64_t size_bytes) override {
    std::lock_guard lock(files_.mutex_);
    inode_->truncate(size_bytes);
    return {};
  }

 private:
  MemoryFiles& files_;
  std::shared_ptr<MemoryFiles::Inode> inode_;
};

class MemoryDirectory final : public Directory {
 public:
  MemoryDirectory(MemoryFiles& files, std::string path) : files_(files), path_(std::move(path)) {}
  Status sync() override {
    files_.sync_directory_of(path_);
    return {};
  }

 private:
  MemoryFiles& files_;
  std::string path_;
};

namespace {

class MemoryLock final : public FileLock {
 public:
  MemoryLock(std::set<std::string>& locked, std::string path) : locked_(locked), path_(std::move(path)) {}
  ~MemoryLock() override { locked_.erase(path_); }

 private:
  std::set<std::string>& locked_;
  std::string path_;
};

Status missing(const std::string& path) { return {Code::internal, path + ": No such file or directory"}; }

}  // namespace

void MemoryFiles::Inode::write(Bytes bytes, std::uint64_t offset) {
  if (bytes.empty()) return;
  std::size_t end = offset + bytes.size();
  std::size_t first = std::min<std::size_t>(offset, current.size());
  if (current.size() < end) current.resize(end, '\0');
  std::memcpy(current.data() + offset, bytes.data(), bytes.size());
  remember(first, end);
}

/// Every state that a page was in may be the one that reached the disk.
void MemoryFiles::Inode::remember(std::size_t first, std::size_t end) {
  for (std::size_t page = first / page_bytes; page * page_bytes < end; ++page) {
    std::size_t at = std::min(page * page_bytes, current.size());
    unsynced_pages[page].push_back(current.substr(at, page_bytes));
  }
  unsynced_sizes.push_back(current.size());
}

void MemoryFiles::Inode::truncate(std::uint64_t size_bytes) {
  std::size_t first = std::min<std::size_t>(size_bytes, current.size());
  std::size_t end = std::max<std::size_t>(size_bytes, current.size());
  current.resize(size_bytes, '\0');
  remember(first, end);
}

void MemoryFiles::Inode::sync() {
  durable.resize(current.size(), '\0');
  for (const auto& [page, contents] : unsynced_pages) {
    std::size_t at = page * page_bytes;
    if (at >= current.size()) continue;
    std::memcpy(durable.data() + at, current.data() + at, std::min(page_bytes, current.size() - at));
  }
  unsynced_pages.clear();
  unsynced_sizes.clear();
}

void MemoryFiles::Inode::cut_power(std::mt19937_64& random) {
  std::size_t size = random() % (unsynced_sizes.size() + 1);
  if (size < unsynced_sizes.size()) durable.resize(unsynced_sizes[size], '\0');
  for (const auto& [page, contents] : unsynced_pages) {
    std::size_t at = page * page_bytes;
    std::size_t content = random() % (contents.size() + 1);
    if (at >= durable.size() || content == contents.size()) continue;
    std::memcpy(durable.data() + at, contents[content].data(), std::min(contents[content].size(), durable.size() - at));
  }
  current = durable;
  unsynced_pages.clear();
  unsynced_sizes.clear();
}

void MemoryFiles::add_volume(std::string directory) {
  std::lock_guard lock(mutex_);
  volumes_.push_back(std::move(directory));
}

void MemoryFiles::cut_power(std::uint64_t seed) {
  std::lock_guard lock(mutex_);
  std::mt19937_64 random(seed);
  for (auto& [volume, pending] : pending_) {
    std::size_t kept = random() % (pending.size() + 1);
    while (kept > 0 && pending[kept - 1].with_next > 0) ++kept;  // a rename is there whole or not at all
    make_durable(pending, kept);
    pending.clear();
  }
  std::set<std::shared_ptr<Inode>> inodes;
  for (const auto& [path, inode] : durable_names_) inodes.insert(inode);
  for (const auto& [path, inode] : durable_names_)
    if (inodes.erase(inode) != 0) inode->cut_power(random);
  names_ = durable_names_;
  locked_.clear();
}

std::string MemoryFiles::content(const std::string& path) {
  std::lock_guard lock(mutex_);
  return names_.at(path)->current;
}

void MemoryFiles::set_content(const std::string& path, const std::string& content) {
  std::lock_guard lock(mutex_);
  auto inode = std::make_shared<Inode>();
  inode->current = inode->durable = content;
  names_[path] = durable_names_[path] = inode;
  directories_.insert(parent_directory(path));
}

std::vector<std::string> MemoryFiles::paths() {
  std::lock_guard lock(mutex_);
  std::vector<std::string> all;
  for (const auto& [path, inode] : names_) all.push_back(path);
  return all;
}

void MemoryFiles::change(const std::string& path, std::shared_ptr<Inode> inode, std::size_t with_next) {
  if (inode) {
    names_[path] = inode;
  } else {
    names_.erase(path);
  }
  pending_[volume_of(path)].push_back({parent_directory(path), path, std::move(inode), with_next});
}

void MemoryFiles::make_durable(std::vector<Change>& pending, std::size_t changes) {
  for (std::size_t i = 0; i < changes; ++i) {
    if (pending[i].inode) {
      durable_names_[pending[i].path] = pending[i].inode;
    } else {
      durable_names_.erase(pending[i].path);
    }
  }
  pending.erase(pending.begin(), pending.begin() + static_cast<std::ptrdiff_t>(changes));
}

Result<std::unique_ptr<File>> MemoryFiles::open(const std::string& path, OpenMode mode) {
  std::lock_guard lock(mutex_);
  auto found = names_.find(path);
  bool creates = mode == OpenMode::create_new || mode == OpenMode::replace;
  if (found == names_.end() && !creates) return missing(path);
  if (found != names_.end() && mode == OpenMode::create_new) return Status(Code::internal, path + ": File exists");
  if (found == names_.end()) {
    if (!directories_.contains(parent_directory(path))) return missing(path);
    change(path, std::make_shared<Inode>());
  } else if (mode == OpenMode::replace) {
    found->second->truncate(0);
  }
  return std::unique_ptr<File>(new MemoryFile(*this, names_[path]));
}

bool MemoryFiles::exists(const std::string& path) {
  std::lock_guard lock(mutex_);
  return names_.contains(path) || directories_.contains(path);
}

Result<std::vector<DirectoryEntry>> MemoryFiles::list(const std::string& directory) {
  std::lock_guard lock(mutex_);
  if (!directories_.contains(directory)) return missing(directory);
  std::vector<DirectoryEntry> entries;
  for (const auto& [path, inode] : names_)
    if (parent_directory(path) == directory)
      entries.push_back({path.substr(directory.size() + 1), inode->current.size(), false});
  for (const std::string& path : directories_)
    if (path != directory && parent_directory(path) == directory)
      entries.push_back({path.substr(directory.size() + 1), 0, true});
  std::sort(entries.begin(), entries.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  return entries;
}

std::string MemoryFiles::volume_of(const std::string& path) const {
  for (const std::string& volume : volumes_)
    if (path.starts_with(volume + "/")) return volume;
  return "/";
}

Status MemoryFiles::rename(const std::string& from, const std::string& to) {
  std::lock_guard lock(mutex_);
  auto found = names_.find(from);
  if (found == names_.end()) return missing(from);
  if (volume_of(from) != volume_of(to)) return {Code::unsupported, from + ": Invalid cross-device link"};
  auto inode = found->second;
  change(to, inode, 1);
  change(from, nullptr);
  return {};
}

Status MemoryFiles::remove(const std::string& path) {
  std::lock_guard lock(mutex_);
  if (!names_.contains(path)) return missing(path);
  change(path, nullptr);
  return {};
}

Status MemoryFiles::make_directory(const std::string& path) {
  std::lock_guard lock(mutex_);
  for (std::string at = path; at != "/" && at != "."; at = parent_directory(at)) directories_.insert(at);
  return {};
}

Result<std::unique_ptr<Directory>> MemoryFiles::open_directory(const std::string& path) {
  return std::unique_ptr<Directory>(new MemoryDirectory(*this, path));
}

void MemoryFiles::sync_directory_of(const std::string& path) {
  std::lock_guard lock(mutex_);
  auto& pending = pending_[volume_of(path + "/")];
  std::size_t upto = pending.size();
  while (upto > 0 && pending[upto - 1].directory != path) --upto;
  while (upto > 0 && pending[upto - 1].with_next > 0) ++upto;
  make_durable(pending, upto);
}

Result<VolumeSpace> MemoryFiles::free_space(const std::string&) {
  return VolumeSpace{std::uint64_t{1} << 40, std::uint64_t{1} << 39};
}

Result<std::unique_ptr<FileLock>> MemoryFiles::lock(const std::string& path) {
  std::lock_guard lock(mutex_);
  if (!locked_.insert(path).second) return Status(Code::unavailable, path + " is locked by another process");
  return std::unique_ptr<FileLock>(new MemoryLock(locked_, path));
}

}  // namespace engram::test
