#include "storage/log/segment_reader.h"

#include <algorithm>

#include "storage/base/hex.h"
#include "storage/base/planted_bug.h"

namespace engram {
namespace {

constexpr std::uint64_t largest_buffer_target_bytes = 1 << 20;

}  // namespace

Result<std::unique_ptr<SegmentReader>> SegmentReader::open(Files& files, const std::string& path,
                                                           LogPosition first_position, std::uint64_t log_id) {
  auto file = files.open(path, OpenMode::read_only);
  if (!file.ok()) return file.status();
  auto size = (*file)->size();
  if (!size.ok()) return size.status();
  std::unique_ptr<SegmentReader> reader(new SegmentReader(std::move(*file), path, first_position, log_id));
  reader->buffer_target_bytes_ = std::clamp<std::uint64_t>(*size, segment_header_bytes, largest_buffer_target_bytes);
  if (Status status = reader->read_header(); !status.ok()) return status;
  return reader;
}

Status SegmentReader::read_header() {
  auto bytes = view(0, segment_header_bytes);
  if (!bytes.ok()) return bytes.status();
  auto header = decode_segment_header(*bytes);
  if (!header) return {};  // `next` says no_record, and judge_tail decides
  if (header->version > SegmentHeader::current_version)
    return {Code::unsupported, path_ + " has log format " + std::to_string(header->version) +
                                   ", this version reads up to " + std::to_string(SegmentHeader::current_version) +
                                   ": use the newer version that wrote it"};
  if (log_id_ != 0 && header->log_id != log_id_)
    return {Code::corrupt, path_ + " belongs to another log (id " + hex(header->log_id) + ", expected " +
                               hex(log_id_) + "): move it out of this directory"};
  if (header->first_position != first_.value)
    return {Code::corrupt, path_ + " begins at position " + std::to_string(header->first_position) +
                               ", not where its name says: it was renamed; give it back its name"};
  log_id_ = header->log_id;
  has_header_ = true;
  offset_ = segment_header_bytes;
  return {};
}

Result<Bytes> SegmentReader::view(std::uint64_t offset, std::uint64_t bytes) {
  if (offset < buffer_offset_ || offset + bytes > buffer_offset_ + buffered_bytes_) {
    std::uint64_t start = offset & ~std::uint64_t{7};
    std::uint64_t want = std::max(buffer_target_bytes_, bytes + 8);
    if (buffer_.size() * 8 < want) buffer_.resize((want + 7) / 8);
    auto got = file_->read_at(std::as_writable_bytes(std::span(buffer_)), start);
    if (!got.ok()) {
      buffered_bytes_ = 0;
      return got.status();
    }
    buffer_offset_ = start;
    buffered_bytes_ = *got;
  }
  std::uint64_t skip = offset - buffer_offset_;
  if (skip >= buffered_bytes_) return Bytes();
  auto all = std::as_bytes(std::span(buffer_));
  return all.subspan(skip, std::min(bytes, buffered_bytes_ - skip));
}

Result<Bytes> SegmentReader::record_at(std::uint64_t offset, RecordHeader& header) {
  auto head = view(offset, sizeof(RecordHeader));
  if (!head.ok()) return head;
  auto plausible = plausible_header(*head, {first_.value + offset});
  if (!plausible) return Bytes();
  header = *plausible;
  std::uint64_t bytes = record_bytes(header.payload_bytes);
  if (offset + bytes > buffer_offset_ + buffered_bytes_) {
    // Before the buffer grows for a size that may be an invention.
    auto size = file_->size();
    if (!size.ok()) return size.status();
    if (offset + bytes > *size) return Bytes();
  }
  auto record = view(offset, bytes);
  if (!record.ok()) return record;
  if (record->size() < bytes || !checksum_matches(*record, log_id_)) return Bytes();
  return record;
}

Result<SegmentReader::Step> SegmentReader::next(StoredRecord& record) {
  if (!has_header_) return Step::no_record;
  RecordHeader header;
  auto bytes = record_at(offset_, header);
  if (!bytes.ok()) return bytes.status();
  if (bytes->empty()) return Step::no_record;
  Bytes payload = bytes->subspan(sizeof(RecordHeader), header.payload_bytes);
  if (header.kind == static_cast<std::uint16_t>(RecordKind::seal)) {
    auto summary = SegmentSummary::decode(payload);
    if (!summary || *summary != counted_) return damaged("its seal does not describe the records before it");
    summary_ = std::move(*summary);
    offset_ += bytes->size();
    return Step::seal;
  }
  record.partition = {header.partition};
  record.lsn = {header.lsn};
  record.accepted_ns = header.accepted_ns;
  record.epoch = header.epoch;
  record.payload = payload;
  record.position = position();
  record.durable = {header.durable};
  offset_ += bytes->size();
  record.end = position();
  counted_.add(record);
  return Step::record;
}

Result<std::optional<std::uint64_t>> SegmentReader::find_later_durable(std::uint64_t offset) {
  auto size = file_->size();
  if (!size.ok()) return size.status();
  std::uint64_t bad_position = first_.value + offset;
  for (std::uint64_t at = offset + 8; at + sizeof(RecordHeader) <= *size;) {
    RecordHeader header;
    auto record = record_at(at, header);
    if (!record.ok()) return record.status();
    if (!record->empty() && header.durable > bad_position) return std::optional(at);
    at += record->empty() ? 8 : record->size();
  }
  return std::optional<std::uint64_t>();
}

Status SegmentReader::judge_tail() {
  auto later = find_later_durable(offset_);
  if (!later.ok()) return later.status();
  if (!*later || planted_bug("cut in the middle")) return {};
  return damaged("a whole record follows at offset " + std::to_string(**later) +
                 ", written after this place had been synced");
}

Result<bool> SegmentReader::is_torn_record() {
  auto head = view(offset_, sizeof(RecordHeader));
  if (!head.ok()) return head.status();
  bool whole_header = has_header_ && head->size() == sizeof(RecordHeader);
  return whole_header ? plausible_header(*head, position()).has_value() : !head->empty();
}

Status SegmentReader::damaged(const std::string& why) const {
  return {Code::corrupt, "the command log is damaged: " + path_ + " at offset " + std::to_string(offset_) + ": " + why +
                             ". Nothing was changed. Keep a copy of the file, check the disk, and restore the segment "
                             "from a backup or a replica"};
}

Result<SegmentSummary> read_seal(Files& files, const std::string& path, LogPosition first_position,
                                 std::uint64_t log_id) {
  auto bad = [&](const char* why) {
    return Status(Code::corrupt, "the command log is damaged: " + path + ": " + why +
                                     ". Restore the segment from a backup or a replica");
  };
  auto file = files.open(path, OpenMode::read_only);
  if (!file.ok()) return file.status();
  auto size = (*file)->size();
  if (!size.ok()) return size.status();
  if (*size < segment_header_bytes + record_bytes(0)) return bad("it is too short for a sealed segment");
  std::uint64_t seal_position = 0;
  auto got = (*file)->read_at(std::as_writable_bytes(std::span(&seal_position, 1)), *size - sizeof(seal_position));
  if (!got.ok()) return got.status();
  std::uint64_t seal_offset = seal_position - first_position.value;
  if (seal_position < first_position.value || seal_offset % 8 != 0 || seal_offset < segment_header_bytes ||
      seal_offset >= *size || *size - seal_offset > record_bytes(max_log_payload_bytes))
    return bad("its seal is cut off or damaged");
  std::vector<std::byte> seal(*size - seal_offset);
  got = (*file)->read_at(seal, seal_offset);
  if (!got.ok()) return got.status();
  auto header = plausible_header(seal, {seal_position});
  if (!header || header->kind != static_cast<std::uint16_t>(RecordKind::seal) ||
      record_bytes(header->payload_bytes) != seal.size() || !checksum_matches(seal, log_id))
    return bad("its seal is cut off or damaged");
  auto summary = SegmentSummary::decode(Bytes(seal).subspan(sizeof(RecordHeader), header->payload_bytes));
  if (!summary) return bad("its seal is damaged");
  return *summary;
}

}  // namespace engram
