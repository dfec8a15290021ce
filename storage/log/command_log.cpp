#include "storage/log/command_log.h"

#include <algorithm>
#include <mutex>
#include <utility>

#include "storage/base/failpoint.h"
#include "storage/log/log_background.h"
#include "storage/log/log_recovery.h"
#include "storage/log/open_segment.h"

namespace engram {
namespace {

constexpr std::size_t kept_buffer_bytes = 8 << 20;
constexpr std::uint64_t reserve_bytes = 1 << 20;  // or less of small segments; some decisions take half of it

/// Whether a segment could not be begun for now, and nothing is wrong with the log.
bool is_shortage(Code code) { return code == Code::disk_full || code == Code::overloaded; }

Status validate(const LogOptions& options) {
  if (options.log_id == 0)
    return {Code::invalid_argument, "the command log has no id: create the data directory anew", "log_id"};
  if (options.segment_bytes < 4096)
    return {Code::invalid_argument, "log segments must have at least 4096 bytes", "log.segment_bytes", 4096};
  return {};
}

}  // namespace

struct CommandLog::Impl {
  Impl(Files& files_in, const Clock& clock_in, LogOptions options_in)
      : files(files_in),
        clock(clock_in),
        options(std::move(options_in)),
        spares(files, options.dir, options.spare_segments, options.segment_bytes),
        archive(files, options.archived_dir, options.log_id),
        background(clock, spares, archive) {}

  Files& files;
  const Clock& clock;
  LogOptions options;
  std::unique_ptr<Directory> directory;  // kept open: once the segment is sealed, nothing may depend on a new descriptor
  SpareSegments spares;
  SegmentArchive archive;
  LogBackground background;  // stops before what it works on goes away

  std::unique_ptr<OpenSegment> segment;
  std::int64_t segment_opened_ns = 0;
  std::deque<SealedSegment> sealed;  // in the directory and not given to the background
  LogRecovery recovery;
  Status failure;  // set once; refuses everything from then on
  bool closed = false;
  std::string buffer;

  mutable std::mutex stats_mutex;  // guards what follows
  LogStats counted;

  Status fail(const Status& cause);
  Result<std::unique_ptr<OpenSegment>> prepare_segment(LogPosition first);
  Status begin_segment(std::unique_ptr<OpenSegment> next);
  Status seal_segment();
  Status rotate();
  bool is_full(std::uint64_t more_bytes) const;
  Status write_group(std::span<const LogRecord> records, LogRoom room);
  void publish_counts();
};

/// The process must stop: what the disk has is unknown, and asking again may be answered with a lie.
Status CommandLog::Impl::fail(const Status& cause) {
  if (failure.ok())
    failure = Status(cause.code() == Code::disk_full ? Code::internal : cause.code(),
                     "the command log has failed and the engine must stop: " + cause.message() +
                         ". Check the disk; nothing that was acknowledged is lost");
  return failure;
}

Result<std::unique_ptr<OpenSegment>> CommandLog::Impl::prepare_segment(LogPosition first) {
  auto spare = spares.take();
  auto prepared =
      OpenSegment::prepare(files, options.dir, options.log_id, first, clock.wall_ns(), options.segment_bytes, spare);
  // It could not even be opened.
  if (spare && prepared.status().code() == Code::overloaded) spares.put_back(std::move(*spare));
  return prepared;
}

Status CommandLog::Impl::begin_segment(std::unique_ptr<OpenSegment> next) {
  if (Status status = next->publish(); !status.ok()) return status;
  if (Status status = directory->sync(); !status.ok()) return status;
  segment = std::move(next);
  segment_opened_ns = clock.monotonic_ns();
  publish_counts();
  background.wake();
  return {};
}

/// Ends the open segment. disk_full: it goes on as it was. Another error: the log has failed.
Status CommandLog::Impl::seal_segment() {
  Failpoints::hit("log.before_seal");
  SegmentSummary summary = segment->summary();
  Status status = segment->seal();
  if (status.code() == Code::disk_full) return status;
  if (status.ok()) status = segment->publish_sealed();
  if (!status.ok()) return fail(status);
  sealed.push_back({segment->path(), segment->first(), segment->offset(), std::move(summary)});
  Failpoints::hit("log.after_seal");
  return {};
}

Status CommandLog::Impl::rotate() {
  // The next one first: if there is no room or no file descriptor for it, nothing has happened.
  auto next = prepare_segment({segment->first().value + segment->sealed_bytes()});
  if (!next.ok()) return is_shortage(next.status().code()) ? next.status() : fail(next.status());
  if (Status status = seal_segment(); !status.ok()) {
    (*next)->discard();
    return status;
  }
  Status status = begin_segment(std::move(*next));
  return status.ok() ? status : fail(status);
}

bool CommandLog::Impl::is_full(std::uint64_t more_bytes) const {
  if (segment->summary().records == 0) return false;  // a group larger than a segment gets one for itself
  return segment->sealed_bytes() + more_bytes > options.segment_bytes;
}

Status CommandLog::Impl::write_group(std::span<const LogRecord> records, LogRoom room) {
  SegmentSummary added;
  buffer.clear();
  LogPosition durable = segment->end();
  for (const LogRecord& record : records) {
    append_record(buffer, options.log_id, RecordKind::command, record, {durable.value + buffer.size()}, durable);
    added.add(record);
  }
  if (Failpoints::hit("log.before_append")) return {Code::disk_full, "failpoint log.before_append"};
  std::uint64_t kept_bytes = room == LogRoom::ordinary ? std::min(reserve_bytes, options.segment_bytes / 16) : 0;
  if (Status status = segment->write(buffer, kept_bytes); !status.ok())
    return status.code() == Code::disk_full ? status : fail(status);
  Failpoints::hit("log.after_append");
  if (Failpoints::hit("log.before_sync")) return fail({Code::internal, "cannot sync: failpoint log.before_sync"});
  std::int64_t started_ns = clock.monotonic_ns();
  Status status = segment->commit(buffer.size(), added);
  std::int64_t sync_ns = clock.monotonic_ns() - started_ns;
  if (!status.ok()) return fail(status);
  Failpoints::hit("log.after_sync");
  std::lock_guard lock(stats_mutex);
  counted.records += records.size();
  counted.bytes += buffer.size();
  ++counted.groups;
  ++counted.syncs;
  counted.last_sync_ns = sync_ns;
  counted.total_sync_ns += sync_ns;
  counted.end_position = segment->end().value;
  return {};
}

void CommandLog::Impl::publish_counts() {
  std::lock_guard lock(stats_mutex);
  counted.end_position = segment ? segment->end().value : counted.end_position;
  counted.segments = sealed.size() + (segment ? 1 : 0);
  counted.segment_bytes = 0;
  for (const SealedSegment& one : sealed) counted.segment_bytes += one.bytes;
}

CommandLog::CommandLog(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
CommandLog::~CommandLog() = default;

Result<std::unique_ptr<CommandLog>> CommandLog::open(Files& files, const Clock& clock, LogOptions options) {
  if (Status status = validate(options); !status.ok()) return status;
  if (options.archived_dir.empty()) options.archived_dir = options.dir + "/archived";
  auto impl = std::make_unique<Impl>(files, clock, std::move(options));
  if (Status status = files.make_directory(impl->options.dir); !status.ok()) return status;
  auto directory = files.open_directory(impl->options.dir);
  if (!directory.ok()) return directory.status();
  impl->directory = std::move(*directory);
  auto settled = settle_log(files, impl->options);
  if (!settled.ok()) return settled.status();
  if (Status status = impl->archive.open(); !status.ok()) return status;
  if (Status status = impl->spares.open(*impl->directory); !status.ok()) return status;
  impl->sealed = std::move(settled->sealed);
  impl->recovery = settled->recovery;
  auto segment = impl->prepare_segment(settled->end);
  if (!segment.ok()) return segment.status();
  if (Status status = impl->begin_segment(std::move(*segment)); !status.ok()) return status;
  if (impl->options.own_thread) impl->background.start();
  return std::unique_ptr<CommandLog>(new CommandLog(std::move(impl)));
}

Result<LogPosition> CommandLog::append_group(std::span<const LogRecord> records, LogRoom room) {
  Impl& log = *impl_;
  if (!log.failure.ok()) return log.failure;
  if (records.empty()) return log.segment->end();
  std::uint64_t bytes = 0;
  for (const LogRecord& record : records) {
    if (record.payload.size() > max_log_payload_bytes)
      return Status(Code::too_large, "a command of " + std::to_string(record.payload.size()) +
                                         " bytes does not fit into the log: split it", "payload",
                    max_log_payload_bytes);
    bytes += record_bytes(record.payload.size());
  }
  if (log.is_full(bytes)) {
    Status status = log.rotate();
    // Without file descriptors this segment becomes larger, and the next group tries again. The reserve is in this
    // segment too: where there is no room for the next one, it also becomes a little larger.
    bool goes_on = room == LogRoom::ordinary ? status.code() == Code::overloaded : is_shortage(status.code());
    if (!status.ok() && !goes_on) return status;
  }
  Status status = log.write_group(records, room);
  if (log.buffer.capacity() > kept_buffer_bytes) log.buffer = std::string();
  if (!status.ok()) return status;
  return log.segment->end();
}

bool CommandLog::failed() const { return !impl_->failure.ok() && !impl_->closed; }

LogPosition CommandLog::end() const { return impl_->segment->end(); }

Status CommandLog::rotate_if_due() {
  Impl& log = *impl_;
  if (!log.failure.ok()) return log.failure;
  if (log.options.rotate_after_ns == 0) return {};
  if (log.clock.monotonic_ns() - log.segment_opened_ns < log.options.rotate_after_ns) return {};
  return rotate();
}

Status CommandLog::rotate() {
  if (!impl_->failure.ok()) return impl_->failure;
  if (impl_->segment->summary().records == 0) return {};
  return impl_->rotate();
}

Status CommandLog::close() {
  Impl& log = *impl_;
  log.background.stop();
  if (!log.failure.ok()) return log.failure;
  if (log.segment->summary().records == 0) {
    if (Status status = log.spares.give(log.segment->path()); !status.ok()) return log.fail(status);
  } else if (Status status = log.seal_segment(); !status.ok()) {
    return status;
  }
  if (Status status = log.directory->sync(); !status.ok()) return log.fail(status);
  log.failure = Status(Code::unavailable, "the command log is closed");
  log.closed = true;
  return {};
}

void CommandLog::release(const std::map<PartitionId, Lsn>& durable) {
  Impl& log = *impl_;
  std::deque<SealedSegment> released;
  auto is_durable = [&](const SealedSegment& segment) {
    return std::all_of(segment.summary.partitions.begin(), segment.summary.partitions.end(), [&](const auto& entry) {
      auto known = durable.find(entry.first);
      return known != durable.end() && entry.second.last <= known->second;
    });
  };
  // The newest stays: it says where the log goes on, even if the archive is lost.
  while (log.sealed.size() > 1 && is_durable(log.sealed.front())) {
    released.push_back(std::move(log.sealed.front()));
    log.sealed.pop_front();
  }
  log.publish_counts();
  log.background.archive(std::move(released));
}

Status CommandLog::recycle(const std::string& path) {
  if (Status status = impl_->spares.give(path); !status.ok()) return status;
  impl_->background.wake();
  return {};
}

void CommandLog::work() { impl_->background.run_pending(); }

const LogRecovery& CommandLog::recovery() const { return impl_->recovery; }

LogStats CommandLog::stats() const {
  LogStats stats;
  {
    std::lock_guard lock(impl_->stats_mutex);
    stats = impl_->counted;
  }
  auto waiting = impl_->background.waiting();
  stats.segments += waiting.segments;
  stats.segment_bytes += waiting.bytes;
  stats.archive_error = std::move(waiting.archive_error);
  stats.spare_segments = impl_->spares.ready();
  stats.archived_segments = impl_->archive.segments();
  stats.archived_bytes = impl_->archive.bytes();
  return stats;
}

}  // namespace engram
