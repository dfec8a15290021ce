#include "storage/log/segment_archive.h"

#include "storage/base/failpoint.h"
#include "storage/base/hex.h"
#include "storage/files/copy.h"
#include "storage/log/layout.h"
#include "storage/log/segment_reader.h"

namespace engram {

using log_layout::Kind;

namespace {

std::string manifest_line(const SealedSegment& segment, const std::string& name, const FileDigest& digest) {
  std::string line = R"({"kind":"segment","segment":")" + name + R"(","first_position":)" +
                     std::to_string(segment.first_position.value) + R"(,"end_position":)" +
                     std::to_string(segment.end().value) + R"(,"bytes":)" + std::to_string(digest.bytes) +
                     R"(,"checksum":")" + hex(digest.checksum) + R"(","records":)" +
                     std::to_string(segment.summary.records) + R"(,"first_accepted_ns":)" +
                     std::to_string(segment.summary.first_accepted_ns) + R"(,"last_accepted_ns":)" +
                     std::to_string(segment.summary.last_accepted_ns) + R"(,"partitions":[)";
  const char* separator = "";
  for (const auto& [partition, range] : segment.summary.partitions) {
    line += separator;
    line += R"({"partition":)" + std::to_string(partition.value) + R"(,"first_lsn":)" +
            std::to_string(range.first.value) + R"(,"last_lsn":)" + std::to_string(range.last.value) + "}";
    separator = ",";
  }
  return line + "]}\n";
}

/// The segment's name in a line that manifest_line made; empty if it is another kind of line.
std::string name_in(std::string_view line) {
  constexpr std::string_view before = R"({"kind":"segment","segment":")";
  if (!line.starts_with(before)) return {};
  return std::string(line.substr(before.size(), line.find('"', before.size()) - before.size()));
}

}  // namespace

Result<Manifest> read_manifest(const File& file) {
  auto size = file.size();
  if (!size.ok()) return size.status();
  std::string text(*size, '\0');
  auto got = file.read_at(std::as_writable_bytes(std::span(text)), 0);
  if (!got.ok()) return got.status();
  text.resize(*got);
  Manifest manifest;
  for (std::size_t start = 0, newline; (newline = text.find('\n', start)) != std::string::npos; start = newline + 1) {
    std::string name = name_in(std::string_view(text).substr(start, newline - start));
    if (!name.empty()) manifest.segments.push_back(std::move(name));
    manifest.bytes = newline + 1;
  }
  manifest.cut = manifest.bytes != *size;
  return manifest;
}

SegmentArchive::SegmentArchive(Files& files, std::string dir, std::uint64_t log_id)
    : files_(files), dir_(std::move(dir)), log_id_(log_id) {}

Status SegmentArchive::open() {
  if (Status status = files_.make_directory(dir_); !status.ok()) return status;
  if (Status status = open_manifest(); !status.ok()) return status;
  auto entries = files_.list(dir_);
  if (!entries.ok()) return entries.status();
  for (const DirectoryEntry& entry : *entries) {
    if (entry.name.ends_with(".sealed.log.partial")) {
      if (Status status = files_.remove(dir_ + "/" + entry.name); !status.ok()) return status;
      continue;
    }
    auto name = log_layout::parse(entry.name);
    if (!name || name->kind != Kind::sealed_segment) continue;
    count(entry.size_bytes);
    if (listed_.contains(entry.name)) continue;
    SealedSegment segment{dir_ + "/" + entry.name, {name->number}, entry.size_bytes, {}};
    auto summary = read_seal(files_, segment.path, segment.first_position, log_id_);
    if (!summary.ok()) return summary.status();
    segment.summary = std::move(*summary);
    if (Status status = append_line(segment, entry.name); !status.ok()) return status;
  }
  return {};
}

Status SegmentArchive::open_manifest() {
  std::string path = dir_ + "/" + log_layout::manifest_name;
  if (!files_.exists(path)) return {};
  auto file = files_.open(path, OpenMode::read_write);
  if (!file.ok()) return file.status();
  auto manifest = read_manifest(**file);
  if (!manifest.ok()) return manifest.status();
  listed_.insert(manifest->segments.begin(), manifest->segments.end());
  manifest_bytes_ = manifest->bytes;
  return manifest->cut ? (*file)->truncate(manifest_bytes_) : Status();  // the segment of half a line gets a new one
}

Status SegmentArchive::append_line(const SealedSegment& segment, const std::string& name) {
  if (listed_.contains(name)) return {};
  auto digest = digest_file(files_, dir_ + "/" + name);
  if (!digest.ok()) return digest.status();
  std::string path = dir_ + "/" + log_layout::manifest_name;
  bool is_new = !files_.exists(path);
  auto file = files_.open(path, is_new ? OpenMode::create_new : OpenMode::read_write);
  if (!file.ok()) return file.status();
  std::string line = manifest_line(segment, name, *digest);
  // Half a line of an attempt that failed may be there.
  if (Status status = (*file)->truncate(manifest_bytes_); !status.ok()) return status;
  if (Status status = (*file)->write_at(as_bytes(line), manifest_bytes_); !status.ok()) return status;
  if (Status status = (*file)->sync_all(); !status.ok()) return status;
  if (is_new) {
    if (Status status = files_.sync_directory(dir_); !status.ok()) return status;
  }
  manifest_bytes_ += line.size();
  listed_.insert(name);
  return {};
}

void SegmentArchive::count(std::uint64_t bytes) {
  std::lock_guard lock(mutex_);
  ++segments_;
  bytes_ += bytes;
}

Status SegmentArchive::add(const SealedSegment& segment, bool& source_left) {
  source_left = false;
  std::string name = log_layout::name_of(Kind::sealed_segment, segment.first_position.value);
  std::string target = dir_ + "/" + name;
  bool was_there = files_.exists(target);
  Failpoints::hit("log.before_archive");
  bool moved_before = was_there && !files_.exists(segment.path);  // only its manifest line failed
  Status moved = moved_before ? Status() : files_.rename(segment.path, target);
  if (moved.code() == Code::unsupported) {
    auto copied = copy_file(files_, segment.path, target);
    if (!copied.ok()) return copied.status();
    source_left = true;
  } else {
    if (!moved.ok()) return moved;
    // The archive first: the segment may be in both directories after a power cut, but not in neither.
    if (Status status = files_.sync_directory(dir_); !status.ok()) return status;
    if (Status status = files_.sync_directory(parent_directory(segment.path)); !status.ok()) return status;
  }
  Failpoints::hit("log.after_archive");
  if (Status status = append_line(segment, name); !status.ok()) return status;
  if (!was_there) count(segment.bytes);
  return {};
}

std::uint64_t SegmentArchive::segments() const {
  std::lock_guard lock(mutex_);
  return segments_;
}

std::uint64_t SegmentArchive::bytes() const {
  std::lock_guard lock(mutex_);
  return bytes_;
}

}  // namespace engram
