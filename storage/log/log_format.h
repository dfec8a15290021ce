#pragma once
// The bytes of a segment: a header, then records one behind the other, at last a seal. docs/disk-format.md explains why.
// Everything is little-endian and begins at a multiple of 8 bytes from the start of the file.

#include <map>
#include <optional>
#include <string>

#include "storage/log/log_record.h"

namespace engram {

struct SegmentHeader {
  static constexpr std::uint64_t magic_value = 0x474F4C4D4152474E;  // "NGRAMLOG"
  static constexpr std::uint32_t current_version = 1;

  std::uint64_t magic = magic_value;
  std::uint32_t version = current_version;
  std::uint32_t reserved = 0;
  std::uint64_t log_id = 0;
  std::uint64_t first_position = 0;  // of this header's first byte: header and seal count as bytes of the log
  std::int64_t created_ns = 0;
  std::uint64_t reserved_more[2] = {0, 0};
  std::uint64_t checksum = 0;  // of all before it
};
static_assert(sizeof(SegmentHeader) == 64);

enum class RecordKind : std::uint16_t { command = 1, seal = 2 };

struct RecordHeader {
  std::uint64_t checksum = 0;  // of all behind it, payload and padding included, seeded with the log's id
  std::uint32_t payload_bytes = 0;
  std::uint16_t kind = 0;  // RecordKind
  std::uint16_t partition = 0;
  std::uint64_t lsn = 0;
  std::int64_t accepted_ns = 0;
  std::uint64_t position = 0;  // of this header's first byte: a record anywhere else is not one
  std::uint64_t durable = 0;   // the log was synced up to here when this was written
  std::uint32_t epoch = 0;
  std::uint32_t reserved = 0;
};
static_assert(sizeof(RecordHeader) == 56);

inline constexpr std::uint64_t segment_header_bytes = sizeof(SegmentHeader);

/// The bytes that a record with such a payload takes, header and padding included.
inline std::uint64_t record_bytes(std::uint64_t payload_bytes) {
  return sizeof(RecordHeader) + ((payload_bytes + 7) & ~std::uint64_t{7});
}

/// Appends a record at `position`. `out` must be at a multiple of 8 bytes of the segment.
void append_record(std::string& out, std::uint64_t log_id, RecordKind kind, const LogRecord& record,
                   LogPosition position, LogPosition durable);
std::string encode_segment_header(std::uint64_t log_id, LogPosition first_position, std::int64_t created_ns);

/// The header, or nothing if the bytes are not one that was written whole (of whatever version).
std::optional<SegmentHeader> decode_segment_header(Bytes bytes);

/// The record header at the start of `bytes` if it may be one at `position`; only the checksum tells for sure.
std::optional<RecordHeader> plausible_header(Bytes bytes, LogPosition position);
/// Whether header, payload and padding are what was written. `record` has record_bytes(payload_bytes) bytes.
bool checksum_matches(Bytes record, std::uint64_t log_id);

/// What a sealed segment holds, kept in its seal so that nobody must read the segment to know.
struct SegmentSummary {
  struct Range {
    Lsn first;
    Lsn last;
    bool operator==(const Range&) const = default;
  };
  std::uint64_t records = 0;
  std::int64_t first_accepted_ns = 0;
  std::int64_t last_accepted_ns = 0;
  std::map<PartitionId, Range> partitions;
  bool operator==(const SegmentSummary&) const = default;

  void add(const LogRecord& record);
  /// Adds what came behind.
  void merge(const SegmentSummary& later);
  /// The payload of a seal at `position`. Its last 8 bytes, which are the last of the file, are that position.
  [[nodiscard]] std::string encode(LogPosition position) const;
  [[nodiscard]] std::uint64_t encoded_bytes() const;
  static std::optional<SegmentSummary> decode(Bytes payload);
};

}  // namespace engram
