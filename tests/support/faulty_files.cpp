#include "tests/support/faulty_files.h"

#include <algorithm>

namespace engram::test {
namespace {

Status dead() { return {Code::internal, "the process is dead"}; }

/// Counts an operation that changes something, and says whether it may.
Status permit(Faults& faults) {
  if (faults.operations_before_crash == 0) return dead();
  if (faults.operations_before_crash != Faults::never) --faults.operations_before_crash;
  ++faults.operations;
  if (faults.read_only) return {Code::unavailable, "the volume is read-only"};
  return {};
}

Status no_descriptors() { return {Code::overloaded, "Too many open files"}; }

class FaultyFile final : public File {
 public:
  FaultyFile(std::unique_ptr<File> below, std::shared_ptr<Faults> faults)
      : below_(std::move(below)), faults_(std::move(faults)) {}

  [[nodiscard]] Result<std::size_t> read_at(std::span<std::byte> into, std::uint64_t offset) const override {
    if (faults_->before_read) faults_->before_read();
    return below_->read_at(into, offset);
  }

  Status write_at(Bytes bytes, std::uint64_t offset) override {
    if (faults_->operations_before_crash == 1) {
      // The process dies within the write.
      (void)below_->write_at(bytes.first(bytes.size() / 2), offset);
      faults_->operations_before_crash = 0;
      return dead();
    }
    if (Status status = permit(*faults_); !status.ok()) return status;
    std::uint64_t fits = room_for(bytes.size(), offset);
    if (Status status = below_->write_at(bytes.first(fits), offset); !status.ok() || fits == bytes.size()) return status;
    return {Code::disk_full, "No space left on device"};
  }

  Status sync_data() override {
    if (Status status = before_sync(); !status.ok()) return status;
    return below_->sync_data();
  }
  Status sync_all() override {
    if (Status status = before_sync(); !status.ok()) return status;
    return below_->sync_all();
  }
  [[nodiscard]] Result<std::uint64_t> size() const override { return below_->size(); }
  Status truncate(std::uint64_t size_bytes) override {
    if (Status status = permit(*faults_); !status.ok()) return status;
    return below_->truncate(size_bytes);
  }

 private:
  /// How many of the bytes fit, and takes their room.
  std::uint64_t room_for(std::uint64_t bytes, std::uint64_t offset) {
    if (faults_->room_bytes == Faults::never) return bytes;
    auto size = below_->size();
    std::uint64_t free_of_charge = 0;
    if (!faults_->overwriting_needs_room && size.ok() && *size > offset)
      free_of_charge = std::min(bytes, *size - offset);
    std::uint64_t charged = std::min(bytes - free_of_charge, faults_->room_bytes);
    faults_->room_bytes -= charged;
    return free_of_charge + charged;
  }

  Status before_sync() {
    if (Status status = permit(*faults_); !status.ok()) return status;
    if (faults_->before_sync) faults_->before_sync();
    if (faults_->syncs_before_error == 0) return {faults_->sync_error, "the sync fails"};
    if (faults_->syncs_before_error != Faults::never) --faults_->syncs_before_error;
    return {};
  }

  std::unique_ptr<File> below_;
  std::shared_ptr<Faults> faults_;
};

class FaultyDirectory final : public Directory {
 public:
  FaultyDirectory(std::unique_ptr<Directory> below, std::shared_ptr<Faults> faults)
      : below_(std::move(below)), faults_(std::move(faults)) {}

  Status sync() override {
    if (Status status = permit(*faults_); !status.ok()) return status;
    return below_->sync();
  }

 private:
  std::unique_ptr<Directory> below_;
  std::shared_ptr<Faults> faults_;
};

}  // namespace

Result<std::unique_ptr<File>> FaultyFiles::open(const std::string& path, OpenMode mode) {
  if (faults_->no_descriptors) return no_descriptors();
  if (mode == OpenMode::create_new || mode == OpenMode::replace) {
    if (Status status = permit(*faults_); !status.ok()) return status;
  }
  auto file = below_.open(path, mode);
  if (!file.ok()) return file;
  return std::unique_ptr<File>(new FaultyFile(std::move(*file), faults_));
}

Result<std::vector<DirectoryEntry>> FaultyFiles::list(const std::string& directory) {
  if (faults_->no_descriptors) return no_descriptors();
  return below_.list(directory);
}

Status FaultyFiles::rename(const std::string& from, const std::string& to) {
  if (Status status = permit(*faults_); !status.ok()) return status;
  return below_.rename(from, to);
}

Status FaultyFiles::remove(const std::string& path) {
  if (Status status = permit(*faults_); !status.ok()) return status;
  auto file = below_.open(path, OpenMode::read_only);
  auto size = file.ok() ? (*file)->size() : Result<std::uint64_t>(file.status());
  if (size.ok() && faults_->room_bytes != Faults::never) faults_->room_bytes += *size;
  return below_.remove(path);
}

Status FaultyFiles::make_directory(const std::string& path) {
  if (below_.exists(path)) return {};
  if (Status status = permit(*faults_); !status.ok()) return status;
  return below_.make_directory(path);
}

Result<std::unique_ptr<Directory>> FaultyFiles::open_directory(const std::string& path) {
  if (faults_->no_descriptors) return no_descriptors();
  auto directory = below_.open_directory(path);
  if (!directory.ok()) return directory;
  return std::unique_ptr<Directory>(new FaultyDirectory(std::move(*directory), faults_));
}

Result<VolumeSpace> FaultyFiles::free_space(const std::string& path) {
  auto space = below_.free_space(path);
  if (space.ok() && faults_->free_bytes != Faults::never) space->free_bytes = faults_->free_bytes;
  return space;
}

}  // namespace engram::test
