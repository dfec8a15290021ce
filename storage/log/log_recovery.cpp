#include "storage/log/log_recovery.h"

#include <algorithm>

#include "storage/log/layout.h"
#include "storage/log/log_reader.h"
#include "storage/log/segment_reader.h"

namespace engram {

using log_layout::Kind;
using log_layout::path_of;

namespace {

struct WholePart {
  std::uint64_t bytes = 0;  // of the file: header and whole records, without a seal
  SegmentSummary summary;
  bool tail_cut = false;
};

/// Reads an open segment up to its last whole record. Error corrupt if something was damaged rather than torn.
Result<WholePart> read_whole_part(Files& files, const SegmentInfo& info, std::uint64_t log_id, bool is_last) {
  auto reader = SegmentReader::open(files, info.path, info.first_position, log_id);
  if (!reader.ok()) return reader.status();
  WholePart whole;
  for (StoredRecord record;;) {
    whole.bytes = (*reader)->offset();
    auto step = (*reader)->next(record);
    if (!step.ok()) return step.status();
    if (*step == SegmentReader::Step::seal) return whole;
    if (*step == SegmentReader::Step::no_record) break;
    whole.summary.add(record);
  }
  if (!is_last) return (*reader)->damaged("the segment ends here without a seal, but there are later segments");
  if (Status status = (*reader)->judge_tail(); !status.ok()) return status;
  auto torn = (*reader)->is_torn_record();
  if (!torn.ok()) return torn.status();
  whole.tail_cut = *torn;
  return whole;
}

Status copy_range(const File& from, File& to, std::uint64_t bytes) {
  std::vector<std::byte> block(std::min<std::uint64_t>(bytes, 1 << 20));
  for (std::uint64_t at = 0; at < bytes;) {
    auto got = from.read_at(std::span(block).first(std::min<std::uint64_t>(block.size(), bytes - at)), at);
    if (!got.ok()) return got.status();
    if (*got == 0) return {Code::internal, "a segment became shorter while it was read"};
    if (Status status = to.write_at(Bytes(block).first(*got), at); !status.ok()) return status;
    at += *got;
  }
  return {};
}

/// Writes the whole part and a seal to a new file. The old pages are not trusted: after a failed sync they can be in
/// memory, look clean, and not be on the disk.
Result<SealedSegment> rewrite(Files& files, const LogOptions& options, const SegmentInfo& info, WholePart whole) {
  std::string partial = path_of(options.dir, Kind::partial_segment, info.first_position.value);
  auto from = files.open(info.path, OpenMode::read_only);
  if (!from.ok()) return from.status();
  auto to = files.open(partial, OpenMode::replace);
  if (!to.ok()) return to.status();
  if (Status status = copy_range(**from, **to, whole.bytes); !status.ok()) return status;
  LogPosition seal_position{info.first_position.value + whole.bytes};
  std::string payload = whole.summary.encode(seal_position);
  std::string seal;
  append_record(seal, options.log_id, RecordKind::seal,
                {{}, {}, whole.summary.last_accepted_ns, 0, as_bytes(payload)}, seal_position, seal_position);
  if (Status status = (*to)->write_at(as_bytes(seal), whole.bytes); !status.ok()) return status;
  if (Status status = (*to)->sync_all(); !status.ok()) return status;
  SealedSegment sealed{path_of(options.dir, Kind::sealed_segment, info.first_position.value), info.first_position,
                       whole.bytes + seal.size(), std::move(whole.summary)};
  if (Status status = files.rename(partial, sealed.path); !status.ok()) return status;
  if (Status status = files.sync_directory(options.dir); !status.ok()) return status;
  // Not made a spare: its stale records are at positions that will be used again.
  if (Status status = files.remove(info.path); !status.ok()) return status;
  return sealed;
}

/// Removes what a crash left of earlier recoveries and rotations.
Status remove_leftovers(Files& files, const std::string& dir) {
  auto entries = files.list(dir);
  if (!entries.ok()) return entries.status();
  for (const DirectoryEntry& entry : *entries) {
    auto name = log_layout::parse(entry.name);
    if (!name) continue;
    bool leftover = name->kind == Kind::partial_segment;
    // Recovery had sealed a copy of it, and was stopped before it could remove it.
    if (name->kind == Kind::open_segment) leftover = files.exists(path_of(dir, Kind::sealed_segment, name->number));
    if (!leftover) continue;
    if (Status status = files.remove(dir + "/" + entry.name); !status.ok()) return status;
  }
  return {};
}

Status settle_open(Files& files, const LogOptions& options, const SegmentInfo& info, bool is_last, SettledLog& log) {
  auto whole = read_whole_part(files, info, options.log_id, is_last);
  if (!whole.ok()) return whole.status();
  log.recovery.tail_cut = whole->tail_cut;
  if (whole->summary.records == 0) {
    log.end = info.first_position;
    if (whole->tail_cut) log.recovery.clean = false;
    return {};
  }
  log.recovery.clean = false;
  log.recovery.rewritten_bytes += whole->bytes;
  auto sealed = rewrite(files, options, info, std::move(*whole));
  if (!sealed.ok()) return sealed.status();
  log.end = sealed->end();
  log.sealed.push_back(std::move(*sealed));
  return {};
}

}  // namespace

Result<SettledLog> settle_log(Files& files, const LogOptions& options) {
  if (Status status = remove_leftovers(files, options.dir); !status.ok()) return status;
  auto segments = list_segments(files, options.dir);
  if (!segments.ok()) return segments.status();
  SettledLog log;
  for (std::size_t i = 0; i < segments->size(); ++i) {
    const SegmentInfo& info = (*segments)[i];
    if (i > 0 && info.first_position != log.end)
      return Status(Code::corrupt, "the command log has a gap: the segment before " + info.path +
                                       " ends at position " + std::to_string(log.end.value) +
                                       ": put back what is missing, from the archive or a backup");
    if (info.state == SegmentState::open) {
      Status status = settle_open(files, options, info, i + 1 == segments->size(), log);
      if (!status.ok()) return status;
      continue;
    }
    auto summary = read_seal(files, info.path, info.first_position, options.log_id);
    if (!summary.ok()) return summary.status();
    log.sealed.push_back({info.path, info.first_position, info.bytes, std::move(*summary)});
    log.end = log.sealed.back().end();
  }
  if (!segments->empty()) return log;
  auto archived = list_segments(files, {}, options.archived_dir);
  if (!archived.ok()) return archived.status();
  if (!archived->empty()) log.end = {archived->back().first_position.value + archived->back().bytes};
  return log;
}

}  // namespace engram
