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

/// Writes the whole part and a seal to a new file, and gives it its name. On an error nothing is left of it.
Status write_sealed(Files& files, const LogOptions& options, const SegmentInfo& info, std::uint64_t whole_bytes,
                    const std::string& seal, const std::string& sealed_path) {
  std::string partial = path_of(options.dir, Kind::partial_segment, info.first_position.value);
  auto write = [&]() -> Status {
    auto from = files.open(info.path, OpenMode::read_only);
    if (!from.ok()) return from.status();
    auto to = files.open(partial, OpenMode::replace);
    if (!to.ok()) return to.status();
    if (Status status = copy_range(**from, **to, whole_bytes); !status.ok()) return status;
    if (Status status = (*to)->write_at(as_bytes(seal), whole_bytes); !status.ok()) return status;
    return (*to)->sync_all();
  };
  Status status = write();
  if (status.ok()) status = files.rename(partial, sealed_path);
  if (!status.ok() && files.exists(partial)) (void)files.remove(partial);
  return status;
}

/// Removes the spares, which are made again when there is room. False: there were none.
Result<bool> remove_spares(Files& files, const std::string& dir) {
  auto entries = files.list(dir);
  if (!entries.ok()) return entries.status();
  bool removed = false;
  for (const DirectoryEntry& entry : *entries) {
    auto name = log_layout::parse(entry.name);
    if (!name || (name->kind != Kind::spare && name->kind != Kind::partial_spare)) continue;
    if (Status status = files.remove(dir + "/" + entry.name); !status.ok()) return status;
    removed = true;
  }
  return removed;
}

/// Moves the whole part into a new, sealed file. The old pages are not trusted: after a failed sync they can be in memory,
/// look clean, and not be on the disk.
Result<SealedSegment> rewrite(Files& files, const LogOptions& options, const SegmentInfo& info, WholePart whole) {
  LogPosition seal_position{info.first_position.value + whole.bytes};
  std::string payload = whole.summary.encode(seal_position);
  std::string seal;
  append_record(seal, options.log_id, RecordKind::seal,
                {{}, {}, whole.summary.last_accepted_ns, 0, as_bytes(payload)}, seal_position, seal_position);
  SealedSegment sealed{path_of(options.dir, Kind::sealed_segment, info.first_position.value), info.first_position,
                       whole.bytes + seal.size(), std::move(whole.summary)};
  Status written = write_sealed(files, options, info, whole.bytes, seal, sealed.path);
  if (written.code() == Code::disk_full) {
    auto removed = remove_spares(files, options.dir);
    if (!removed.ok()) return removed.status();
    if (*removed) written = write_sealed(files, options, info, whole.bytes, seal, sealed.path);
  }
  if (!written.ok()) return written;
  if (Status status = files.sync_directory(options.dir); !status.ok()) return status;
  // Not made a spare: its stale records are at positions that will be used again.
  if (Status status = files.remove(info.path); !status.ok()) return status;
  return sealed;
}

bool same_record(const StoredRecord& a, const StoredRecord& b) {
  return a.position == b.position && a.partition == b.partition && a.lsn == b.lsn && a.accepted_ns == b.accepted_ns &&
         a.epoch == b.epoch && std::ranges::equal(a.payload, b.payload);
}

/// ok: the sealed file has all that the open one has. Recovery had made it of the open one, and was stopped before it
/// could remove that. Whatever else left the two there, no record may go with the open one.
Status check_copied(Files& files, const SegmentInfo& open, const std::string& sealed_path, std::uint64_t log_id) {
  if (auto seal = read_seal(files, sealed_path, open.first_position, log_id); !seal.ok()) return seal.status();
  auto from = SegmentReader::open(files, open.path, open.first_position, log_id);
  if (!from.ok()) return from.status();
  auto to = SegmentReader::open(files, sealed_path, open.first_position, log_id);
  if (!to.ok()) return to.status();
  for (StoredRecord record, copy;;) {
    auto step = (*from)->next(record);
    if (!step.ok()) return step.status();
    if (*step != SegmentReader::Step::record) return {};
    auto copied = (*to)->next(copy);
    if (!copied.ok()) return copied.status();
    if (*copied != SegmentReader::Step::record || !same_record(record, copy))
      return {Code::corrupt, "the command log has two files of one segment: " + open.path + " has a record at position " +
                                 std::to_string(record.position.value) + " that " + sealed_path +
                                 " lacks. Nothing was changed. Keep a copy of both, and move the one that is wrong out of "
                                 "this directory"};
  }
}

/// Removes what a crash left of earlier recoveries and rotations.
Status remove_leftovers(Files& files, const LogOptions& options) {
  auto entries = files.list(options.dir);
  if (!entries.ok()) return entries.status();
  for (const DirectoryEntry& entry : *entries) {
    auto name = log_layout::parse(entry.name);
    if (!name) continue;
    std::string path = options.dir + "/" + entry.name;
    bool leftover = name->kind == Kind::partial_segment;
    std::string sealed_path = path_of(options.dir, Kind::sealed_segment, name->number);
    if (name->kind == Kind::open_segment && files.exists(sealed_path)) {
      SegmentInfo open{path, SegmentState::open, {name->number}, entry.size_bytes};
      if (Status status = check_copied(files, open, sealed_path, options.log_id); !status.ok()) return status;
      leftover = true;
    }
    if (!leftover) continue;
    if (Status status = files.remove(path); !status.ok()) return status;
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
  if (Status status = remove_leftovers(files, options); !status.ok()) return status;
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
