#include "storage/log/spare_segments.h"

#include <algorithm>
#include <array>
#include <utility>

#include "storage/log/layout.h"

namespace engram {

using log_layout::Kind;
using log_layout::path_of;

namespace {
constexpr std::uint64_t slice_bytes = 256 << 10;
alignas(4096) std::array<std::byte, slice_bytes> zeros;
/// A spare is made only while the volume has room for this many more: spares must not be what fills it.
constexpr std::uint64_t free_segments_kept = 4;
}  // namespace

SpareSegments::SpareSegments(Files& files, std::string dir, unsigned target, std::uint64_t segment_bytes)
    : files_(files), dir_(std::move(dir)), target_(target), segment_bytes_(segment_bytes) {}

Status SpareSegments::open(Directory& directory) {
  directory_ = &directory;
  auto entries = files_.list(dir_);
  if (!entries.ok()) return entries.status();
  for (const DirectoryEntry& entry : *entries) {
    auto name = log_layout::parse(entry.name);
    if (!name || (name->kind != Kind::spare && name->kind != Kind::partial_spare)) continue;
    next_number_ = std::max(next_number_, name->number + 1);
    std::string path = dir_ + "/" + entry.name;
    if (ready_.size() + partial_.size() >= target_) {
      if (Status status = files_.remove(path); !status.ok()) return status;
    } else if (name->kind == Kind::spare) {
      ready_.push_back({path, entry.size_bytes});
    } else {
      partial_.push_back(name->number);
    }
  }
  return {};
}

std::optional<SpareSegments::Spare> SpareSegments::take() {
  std::lock_guard lock(mutex_);
  if (ready_.empty()) return std::nullopt;
  Spare spare = std::move(ready_.front());
  ready_.pop_front();
  return spare;
}

void SpareSegments::put_back(Spare spare) {
  std::lock_guard lock(mutex_);
  ready_.push_front(std::move(spare));
}

Status SpareSegments::give(const std::string& path) {
  std::lock_guard lock(mutex_);
  if (ready_.size() + partial_.size() >= target_) return files_.remove(path);
  std::uint64_t number = next_number_++;
  if (Status status = files_.rename(path, path_of(dir_, Kind::partial_spare, number)); !status.ok()) return status;
  // Before anything is written to it: after a power cut the old name must not lead to new bytes.
  if (Status status = directory_->sync(); !status.ok()) return status;
  partial_.push_back(number);
  return {};
}

std::uint64_t SpareSegments::ready() const {
  std::lock_guard lock(mutex_);
  return ready_.size();
}

/// Opens the next file to work on; false if there is none to make, or no room for it.
bool SpareSegments::start_next() {
  auto space = files_.free_space(dir_);
  if (!space.ok() || space->free_bytes < free_segments_kept * segment_bytes_) return false;
  OpenMode mode = OpenMode::read_write;
  {
    std::lock_guard lock(mutex_);
    if (!partial_.empty()) {
      current_number_ = partial_.front();
    } else if (ready_.size() < target_) {
      mode = OpenMode::create_new;
      current_number_ = next_number_++;
      partial_.push_back(current_number_);
    } else {
      return false;
    }
  }
  auto file = files_.open(path_of(dir_, Kind::partial_spare, current_number_), mode);
  auto size = file.ok() ? (*file)->size() : Result<std::uint64_t>(file.status());
  if (!size.ok()) {
    drop_current();
    return false;
  }
  current_file_ = std::move(*file);
  // As many bytes as the log itself writes: through the cache of pages they took 4 to 13 % of a load's time.
  current_file_->bypass_cache();
  current_bytes_ = *size;
  return true;
}

void SpareSegments::drop_current() {
  current_file_.reset();
  std::string path = path_of(dir_, Kind::partial_spare, current_number_);
  if (files_.exists(path)) (void)files_.remove(path);
  std::lock_guard lock(mutex_);
  std::erase(partial_, current_number_);
}

Status SpareSegments::write_slice() {
  if (current_bytes_ < segment_bytes_) {
    std::uint64_t bytes = std::min(slice_bytes, segment_bytes_ - current_bytes_);
    if (Status status = current_file_->write_at(Bytes(zeros).first(bytes), current_bytes_); !status.ok()) return status;
    current_bytes_ += bytes;
    // Each slice by itself: one large flush at the end would hold up the log's syncs for as long as it takes.
    if (Status status = current_file_->sync_data(); !status.ok()) return status;
  }
  if (current_bytes_ < segment_bytes_) return {};
  std::string path = path_of(dir_, Kind::spare, current_number_);
  if (Status status = files_.rename(path_of(dir_, Kind::partial_spare, current_number_), path); !status.ok())
    return status;
  current_file_.reset();
  std::lock_guard lock(mutex_);
  std::erase(partial_, current_number_);
  ready_.push_back({path, current_bytes_});
  return {};
}

bool SpareSegments::step() {
  if (!current_file_ && !start_next()) return false;
  if (write_slice().ok()) return true;
  drop_current();
  return false;
}

}  // namespace engram
