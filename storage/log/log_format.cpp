#include "storage/log/log_format.h"

#include <algorithm>

#include "storage/base/checksum.h"

namespace engram {
namespace {

template <typename T>
void append_raw(std::string& out, const T& value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof(T));
}

template <typename T>
T read_raw(Bytes bytes, std::size_t offset) {
  T value;
  std::memcpy(&value, bytes.data() + offset, sizeof(T));
  return value;
}

std::uint64_t checksum_of_record(Bytes record, std::uint64_t log_id) {
  return checksum64(record.subspan(sizeof(RecordHeader::checksum)), log_id);
}

std::uint64_t checksum_of_header(Bytes header) {
  return checksum64(header.first(segment_header_bytes - sizeof(SegmentHeader::checksum)));
}

// A seal's payload: this, the entries, the position of the seal.
struct SealHead {
  std::uint64_t records = 0;
  std::int64_t first_accepted_ns = 0;
  std::int64_t last_accepted_ns = 0;
  std::uint64_t partitions = 0;
};
struct SealEntry {
  std::uint64_t partition = 0;
  std::uint64_t first_lsn = 0;
  std::uint64_t last_lsn = 0;
};

}  // namespace

void append_record(std::string& out, std::uint64_t log_id, RecordKind kind, const LogRecord& record,
                   LogPosition position, LogPosition durable) {
  std::size_t start = out.size();
  RecordHeader header;
  header.payload_bytes = static_cast<std::uint32_t>(record.payload.size());
  header.kind = static_cast<std::uint16_t>(kind);
  header.partition = record.partition.value;
  header.lsn = record.lsn.value;
  header.accepted_ns = record.accepted_ns;
  header.position = position.value;
  header.durable = durable.value;
  header.epoch = record.epoch;
  append_raw(out, header);
  out.append(as_text(record.payload));
  out.resize(start + record_bytes(record.payload.size()), '\0');
  std::uint64_t checksum = checksum_of_record(as_bytes(std::string_view(out).substr(start)), log_id);
  std::memcpy(out.data() + start, &checksum, sizeof(checksum));
}

std::string encode_segment_header(std::uint64_t log_id, LogPosition first_position, std::int64_t created_ns) {
  SegmentHeader header;
  header.log_id = log_id;
  header.first_position = first_position.value;
  header.created_ns = created_ns;
  std::string out;
  append_raw(out, header);
  header.checksum = checksum_of_header(as_bytes(out));
  out.clear();
  append_raw(out, header);
  return out;
}

std::optional<SegmentHeader> decode_segment_header(Bytes bytes) {
  if (bytes.size() < segment_header_bytes) return std::nullopt;
  auto header = read_raw<SegmentHeader>(bytes, 0);
  if (header.magic != SegmentHeader::magic_value) return std::nullopt;
  if (header.checksum != checksum_of_header(bytes.first(segment_header_bytes))) return std::nullopt;
  return header;
}

std::optional<RecordHeader> plausible_header(Bytes bytes, LogPosition position) {
  if (bytes.size() < sizeof(RecordHeader)) return std::nullopt;
  auto header = read_raw<RecordHeader>(bytes, 0);
  bool known_kind = header.kind == static_cast<std::uint16_t>(RecordKind::command) ||
                    header.kind == static_cast<std::uint16_t>(RecordKind::seal);
  if (header.position != position.value || !known_kind || header.payload_bytes > max_log_payload_bytes)
    return std::nullopt;
  return header;
}

bool checksum_matches(Bytes record, std::uint64_t log_id) {
  return read_raw<std::uint64_t>(record, 0) == checksum_of_record(record, log_id);
}

void SegmentSummary::add(const LogRecord& record) {
  if (records == 0) first_accepted_ns = record.accepted_ns;
  last_accepted_ns = record.accepted_ns;
  ++records;
  auto [range, is_new] = partitions.try_emplace(record.partition, Range{record.lsn, record.lsn});
  range->second.first = std::min(range->second.first, record.lsn);
  range->second.last = std::max(range->second.last, record.lsn);
}

void SegmentSummary::merge(const SegmentSummary& later) {
  if (later.records == 0) return;
  if (records == 0) first_accepted_ns = later.first_accepted_ns;
  last_accepted_ns = later.last_accepted_ns;
  records += later.records;
  for (const auto& [partition, range] : later.partitions) {
    auto [mine, is_new] = partitions.try_emplace(partition, range);
    mine->second.first = std::min(mine->second.first, range.first);
    mine->second.last = std::max(mine->second.last, range.last);
  }
}

std::uint64_t SegmentSummary::encoded_bytes() const {
  return sizeof(SealHead) + partitions.size() * sizeof(SealEntry) + sizeof(std::uint64_t);
}

std::string SegmentSummary::encode(LogPosition position) const {
  std::string out;
  append_raw(out, SealHead{records, first_accepted_ns, last_accepted_ns, partitions.size()});
  for (const auto& [partition, range] : partitions)
    append_raw(out, SealEntry{partition.value, range.first.value, range.last.value});
  append_raw(out, position.value);
  return out;
}

std::optional<SegmentSummary> SegmentSummary::decode(Bytes payload) {
  if (payload.size() < sizeof(SealHead) + sizeof(std::uint64_t)) return std::nullopt;
  auto head = read_raw<SealHead>(payload, 0);
  std::size_t entry_bytes = payload.size() - sizeof(SealHead) - sizeof(std::uint64_t);
  if (entry_bytes % sizeof(SealEntry) != 0 || head.partitions != entry_bytes / sizeof(SealEntry)) return std::nullopt;
  SegmentSummary summary{head.records, head.first_accepted_ns, head.last_accepted_ns, {}};
  for (std::size_t i = 0; i < head.partitions; ++i) {
    auto entry = read_raw<SealEntry>(payload, sizeof(SealHead) + i * sizeof(SealEntry));
    if (entry.partition > 0xFFFF) return std::nullopt;
    summary.partitions[{static_cast<std::uint16_t>(entry.partition)}] = {{entry.first_lsn}, {entry.last_lsn}};
  }
  return summary;
}

}  // namespace engram
