#pragma once
// A command as the log takes it and gives it back.

#include <cstdint>

#include "storage/base/bytes.h"
#include "storage/base/ids.h"

namespace engram {

/// The largest payload of one record. Commands are far smaller; this is what bounds a reader's memory.
inline constexpr std::uint32_t max_log_payload_bytes = 64u << 20;

struct LogRecord {
  PartitionId partition;
  Lsn lsn;
  std::int64_t accepted_ns = 0;  // wall time at which the command was accepted
  std::uint32_t epoch = 0;       // of the partition's ownership
  Bytes payload;                 // at 8-byte alignment when it comes from a reader
};

/// A record that was read, with its place.
struct StoredRecord : LogRecord {
  LogPosition position;  // of its first byte
  LogPosition end;       // of the byte behind it, padding included
  LogPosition durable;   // the log was synced up to here when the record was written
};

}  // namespace engram
