#include "storage/log/open_segment.h"

#include <algorithm>
#include <vector>

#include "storage/base/planted_bug.h"
#include "storage/log/layout.h"

namespace engram {

using log_layout::Kind;
using log_layout::path_of;

namespace {
/// A file that is not pre-written grows by so much at a time, so that most of its syncs are as cheap as in one that is.
constexpr std::uint64_t growth_bytes = 256 << 10;
constexpr std::uint64_t page_bytes = 4096;
}  // namespace

Result<std::unique_ptr<OpenSegment>> OpenSegment::prepare(Files& files, const std::string& dir, std::uint64_t log_id,
                                                          LogPosition first, std::int64_t created_ns,
                                                          std::uint64_t segment_bytes,
                                                          const std::optional<SpareSegments::Spare>& spare) {
  std::unique_ptr<OpenSegment> segment(new OpenSegment(files, dir, log_id, first, segment_bytes));
  segment->path_ = spare ? spare->path : path_of(dir, Kind::partial_segment, first.value);
  segment->written_bytes_ = spare ? spare->bytes : 0;
  auto file = files.open(segment->path_, spare ? OpenMode::read_write : OpenMode::replace);
  if (!file.ok()) return file.status();
  segment->file_ = std::move(*file);
  std::string header = encode_segment_header(log_id, first, created_ns);
  Status status = segment->file_->write_at(as_bytes(header), 0);
  if (status.ok()) status = segment->file_->sync_all();
  if (!status.ok()) {
    segment->discard();
    return status;
  }
  segment->written_bytes_ = std::max(segment->written_bytes_, segment_header_bytes);
  return segment;
}

Status OpenSegment::publish() {
  std::string path = path_of(dir_, Kind::open_segment, first_.value);
  if (Status status = files_.rename(path_, path); !status.ok()) return status;
  path_ = path;
  return {};
}

void OpenSegment::discard() {
  file_.reset();
  if (files_.exists(path_)) (void)files_.remove(path_);
}

Status OpenSegment::extend(std::uint64_t to) {
  static const std::vector<std::byte> zeros(growth_bytes);
  std::uint64_t from = written_bytes_;
  for (std::uint64_t at = from; at < to;) {
    std::uint64_t bytes = std::min(growth_bytes, to - at);
    if (Status status = file_->write_at(Bytes(zeros).first(bytes), at); !status.ok()) {
      if (status.code() != Code::disk_full) return status;
      Status cut = file_->truncate(from);
      return cut.ok() ? status : cut;
    }
    at += bytes;
  }
  written_bytes_ = to;
  return {};
}

/// Makes sure that the next `bytes` overwrite what is there: a full disk shows here, before anything of a group is written.
Status OpenSegment::reserve(std::uint64_t bytes, std::uint64_t kept_bytes) {
  std::uint64_t need = offset_ + bytes + kept_bytes;
  if (need <= written_bytes_) return {};
  std::uint64_t generous = std::max(need, std::min(written_bytes_ + growth_bytes, segment_bytes_));
  Status status = extend(generous);
  if (status.code() == Code::disk_full && generous > need) status = extend(need);
  return status;
}

/// Takes back what was written behind `to`. It must not come back after a power cut, so this is synced.
Status OpenSegment::cut_back(std::uint64_t to) {
  if (Status status = file_->truncate(to); !status.ok()) return status;
  if (Status status = file_->sync_all(); !status.ok()) return status;
  written_bytes_ = to;
  return {};
}

Status OpenSegment::write(std::string& group, std::uint64_t kept_bytes) {
  std::size_t bytes = group.size();
  if (Status status = reserve(bytes, kept_bytes); !status.ok()) return status;
  // With zeros to the end of its last page, as far as the file goes: of a page that is not in the cache the system would
  // read what a part of it leaves as it was.
  std::uint64_t end = offset_ + bytes;
  std::uint64_t page_end = (end + page_bytes - 1) / page_bytes * page_bytes;
  group.append(std::min(page_end, written_bytes_) - end, '\0');
  Status status = file_->write_at(as_bytes(group), offset_);
  group.resize(bytes);
  if (status.code() != Code::disk_full) return status;
  // Copy-on-write file systems need space even to overwrite.
  Status cut = cut_back(offset_);
  return cut.ok() ? status : Status(Code::internal, cut.message());
}

Status OpenSegment::commit(std::uint64_t bytes, const SegmentSummary& added) {
  Status synced = planted_bug("skip the sync") ? Status() : file_->sync_data();
  if (!synced.ok()) return synced;
  offset_ += bytes;
  summary_.merge(added);
  return {};
}

Status OpenSegment::seal() {
  std::string payload = summary_.encode(end());
  std::string record;
  append_record(record, log_id_, RecordKind::seal, {{}, {}, summary_.last_accepted_ns, 0, as_bytes(payload)}, end(),
                end());
  if (Status status = write(record); !status.ok()) return status;
  std::uint64_t bytes = offset_ + record.size();
  Status status = file_->truncate(bytes);
  if (status.ok()) status = file_->sync_all();
  // Also for lack of room: what the file has is unknown, and it is shorter than what was pre-written.
  if (!status.ok()) return {Code::internal, status.message()};
  offset_ = bytes;
  written_bytes_ = bytes;
  return {};
}

Status OpenSegment::publish_sealed() {
  std::string path = path_of(dir_, Kind::sealed_segment, first_.value);
  if (Status status = files_.rename(path_, path); !status.ok()) return status;
  path_ = path;
  return {};
}

}  // namespace engram
