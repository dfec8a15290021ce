// The bytes become an open segment, and a sealed one: whatever they are, reading and recovery end, stay in bounds, and
// what recovery kept is read back without an error.

#include <cstdlib>

#include "storage/base/checksum.h"
#include "storage/log/command_log.h"
#include "storage/log/log_format.h"
#include "storage/log/log_reader.h"
#include "tests/support/memory_files.h"

namespace {

using namespace engram;

constexpr std::uint64_t log_id = 0x1234567890ABCDEF;

/// How many records there are; ends the program if they are not in order, or beyond the file.
std::size_t read_all(Files& files, bool& whole) {
  auto reader = LogReader::open(files, {"/data", {}, log_id, {}});
  whole = reader.ok();
  std::size_t records = 0;
  LogPosition last;
  for (StoredRecord record; whole; ++records) {
    auto more = (*reader)->next(record);
    whole = more.ok();
    if (!whole || !*more) break;
    if (record.position < last || record.end <= record.position) std::abort();
    last = record.end;
  }
  return records;
}

/// Gives header and records the positions and checksums that they claim to have: mutations get past them only so.
std::string repaired(std::string bytes) {
  if (bytes.size() < segment_header_bytes) return bytes;
  auto at = [&](std::size_t offset) { return as_bytes(bytes).subspan(offset); };
  std::uint64_t checksum = checksum64(at(0).first(segment_header_bytes - 8));
  std::memcpy(bytes.data() + segment_header_bytes - 8, &checksum, 8);
  for (std::size_t offset = segment_header_bytes; offset + sizeof(RecordHeader) <= bytes.size();) {
    RecordHeader header;
    std::memcpy(&header, bytes.data() + offset, sizeof(header));
    std::uint64_t size = record_bytes(header.payload_bytes);
    if (size > bytes.size() - offset) break;
    header.position = offset;
    std::memcpy(bytes.data() + offset, &header, sizeof(header));
    checksum = checksum64(at(offset).first(size).subspan(8), log_id);
    std::memcpy(bytes.data() + offset, &checksum, 8);
    offset += size;
  }
  return bytes;
}

void check(const std::string& bytes) {
  bool whole = false;
  test::MemoryFiles sealed;
  sealed.set_content("/data/commands-00000000000000000000.sealed.log", bytes);
  read_all(sealed, whole);

  test::MemoryFiles open;
  open.set_content("/data/commands-00000000000000000000.log", bytes);
  std::size_t before = read_all(open, whole);
  SystemClock clock;
  LogOptions options;
  options.dir = "/data";
  options.log_id = log_id;
  options.own_thread = false;
  options.spare_segments = 0;
  auto log = CommandLog::open(open, clock, options);
  if (log.ok() != whole) std::abort();
  if (!log.ok()) return;
  std::size_t after = read_all(open, whole);
  if (!whole || after != before) std::abort();
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::string bytes(reinterpret_cast<const char*>(data), size);
  check(bytes);
  check(repaired(bytes));
  return 0;
}
