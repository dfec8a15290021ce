#include "storage/log/log_reader.h"

#include <algorithm>
#include <utility>

#include "storage/log/layout.h"
#include "storage/log/segment_reader.h"

namespace engram {
namespace {

constexpr int listing_attempts = 5;  // an engine may rename segments while they are listed

Status append_segments(Files& files, const std::string& dir, bool archived, std::vector<SegmentInfo>& out) {
  if (dir.empty() || !files.exists(dir)) return {};
  auto entries = files.list(dir);
  if (!entries.ok()) return entries.status();
  for (const DirectoryEntry& entry : *entries) {
    auto name = log_layout::parse(entry.name);
    if (entry.is_directory || !name) continue;
    bool sealed = name->kind == log_layout::Kind::sealed_segment;
    if (!sealed && (archived || name->kind != log_layout::Kind::open_segment)) continue;
    SegmentState state = archived ? SegmentState::archived : sealed ? SegmentState::sealed : SegmentState::open;
    out.push_back({dir + "/" + entry.name, state, {name->number}, entry.size_bytes});
  }
  return {};
}

/// Of two files of one segment: the one in the directory rather than the archive, the sealed one rather than the open.
int rank_of(SegmentState state) {
  if (state == SegmentState::sealed) return 0;
  return state == SegmentState::open ? 1 : 2;
}

}  // namespace

Result<std::vector<SegmentInfo>> list_segments(Files& files, const std::string& dir, const std::string& archived_dir) {
  std::vector<SegmentInfo> segments;
  if (Status status = append_segments(files, archived_dir, true, segments); !status.ok()) return status;
  if (Status status = append_segments(files, dir, false, segments); !status.ok()) return status;
  std::sort(segments.begin(), segments.end(), [](const SegmentInfo& a, const SegmentInfo& b) {
    return std::pair(a.first_position, rank_of(a.state)) < std::pair(b.first_position, rank_of(b.state));
  });
  auto same = [](const SegmentInfo& a, const SegmentInfo& b) { return a.first_position == b.first_position; };
  segments.erase(std::unique(segments.begin(), segments.end(), same), segments.end());
  return segments;
}

struct LogReader::Impl {
  Impl(Files& files_in, LogReaderOptions options_in) : files(files_in), options(std::move(options_in)) {}

  Files& files;
  LogReaderOptions options;
  std::vector<SegmentInfo> segments;
  std::size_t current = 0;  // index of the segment that `reader` reads, or of the next one to open
  std::unique_ptr<SegmentReader> reader;
  LogPosition end_position;
  std::uint64_t done_bytes = 0;
  std::uint64_t total_bytes = 0;
  bool at_end = false;
  Status failure;

  Status list();
  Status open_current();
  Result<bool> finish_segment();
  Result<bool> finish_unsealed();
  Result<SegmentReader::Step> step(StoredRecord& record);
  Result<bool> next(StoredRecord& record);
};

/// Lists the segments from the one that holds `options.from` on.
Status LogReader::Impl::list() {
  auto listed = list_segments(files, options.dir, options.archived_dir);
  if (!listed.ok()) return listed.status();
  segments = std::move(*listed);
  auto behind = std::upper_bound(segments.begin(), segments.end(), options.from,
                                 [](LogPosition at, const SegmentInfo& info) { return at < info.first_position; });
  if (behind != segments.begin()) segments.erase(segments.begin(), behind - 1);
  total_bytes = done_bytes;
  for (const SegmentInfo& info : segments) total_bytes += info.bytes;
  if (options.from.value == 0 || segments.empty() || segments.front().first_position <= options.from) return {};
  return {Code::corrupt, "the command log in " + options.dir + " begins at position " +
                             std::to_string(segments.front().first_position.value) + ", but position " +
                             std::to_string(options.from.value) +
                             " is needed: put back the earlier segments, or read the archive too"};
}

Status LogReader::Impl::open_current() {
  LogPosition first = segments[current].first_position;
  for (int attempt = 1;; ++attempt) {
    auto opened = SegmentReader::open(files, segments[current].path, first, options.log_id);
    if (opened.ok()) {
      reader = std::move(*opened);
      options.log_id = reader->log_id();
      return {};
    }
    // It may have been sealed or archived since it was listed.
    if (attempt == listing_attempts || files.exists(segments[current].path)) return opened.status();
    auto listed = list_segments(files, options.dir, options.archived_dir);
    if (!listed.ok()) return listed.status();
    for (const SegmentInfo& info : *listed)
      if (info.first_position == first) segments[current] = info;
  }
}

/// After a seal: goes on to the next segment. False: there is none.
Result<bool> LogReader::Impl::finish_segment() {
  LogPosition end = reader->position();
  if (segments[current].state != SegmentState::open) {
    auto size = reader->file_bytes();
    if (!size.ok()) return size.status();
    if (*size != reader->offset()) return reader->damaged("there are bytes behind the seal");
  }
  end_position = end;
  done_bytes += segments[current].bytes;
  reader.reset();
  ++current;
  for (int attempt = 1; current == segments.size() || segments[current].first_position != end; ++attempt) {
    bool more = current < segments.size();
    // A writer may have sealed this one and begun another since they were listed.
    auto listed = list_segments(files, options.dir, options.archived_dir);
    if (!listed.ok()) return listed.status();
    std::erase_if(*listed, [&](const SegmentInfo& info) { return info.first_position < end; });
    if (listed->empty() && !more) return false;
    bool found = !listed->empty() && listed->front().first_position == end;
    if (!found && attempt == listing_attempts)
      return Status(Code::corrupt, "the command log has a gap: " + segments[current - 1].path + " ends at position " +
                                       std::to_string(end.value) +
                                       ", and no segment begins there: put back what is missing");
    if (!found) continue;
    segments.resize(current);
    segments.insert(segments.end(), listed->begin(), listed->end());
  }
  return true;
}

/// What is next in the segment. A writer may be at work in the open one: a place counts as empty or damaged only if it
/// still is after all that could have been seen of the writer.
Result<SegmentReader::Step> LogReader::Impl::step(StoredRecord& record) {
  auto next = [&] { return reader->next(record); };
  auto is_undecided = [](const Result<SegmentReader::Step>& step) {
    return step.ok() && step.value() == SegmentReader::Step::no_record;
  };
  auto found = next();
  if (!is_undecided(found) || segments[current].state != SegmentState::open) return found;
  reader->forget_buffer();  // the writer may have been at this place when it was read
  found = next();
  if (!is_undecided(found)) return found;
  Status tail = reader->judge_tail();
  if (tail.ok()) return found;
  // Or it wrote ahead of the search. The record that the search found was written after this place had been synced: read
  // now, it is whole, or was damaged.
  reader->forget_buffer();
  found = next();
  return is_undecided(found) ? Result<SegmentReader::Step>(tail) : found;
}

/// After no_record: the end of the log, or damage. `step` has judged what is behind.
Result<bool> LogReader::Impl::finish_unsealed() {
  if (segments[current].state != SegmentState::open)
    return reader->damaged("the record here is damaged, and the segment is sealed, so it was whole once");
  if (current + 1 < segments.size())
    return reader->damaged("the segment ends here without a seal, but there are later segments");
  end_position = reader->position();
  done_bytes += segments[current].bytes;
  at_end = true;
  return false;
}

Result<bool> LogReader::Impl::next(StoredRecord& record) {
  while (!at_end) {
    if (!reader) {
      if (current == segments.size()) break;
      if (Status status = open_current(); !status.ok()) return status;
    }
    auto found = step(record);
    if (!found.ok()) return found.status();
    if (*found == SegmentReader::Step::record) {
      end_position = record.end;
      if (record.position < options.from) continue;
      return true;
    }
    if (*found == SegmentReader::Step::seal) {
      auto more = finish_segment();
      if (!more.ok() || !*more) {
        at_end = true;
        return more;
      }
      continue;
    }
    return finish_unsealed();
  }
  at_end = true;
  return false;
}

LogReader::LogReader(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
LogReader::~LogReader() = default;

Result<std::unique_ptr<LogReader>> LogReader::open(Files& files, LogReaderOptions options) {
  auto impl = std::make_unique<Impl>(files, std::move(options));
  if (Status status = impl->list(); !status.ok()) return status;
  if (!impl->segments.empty()) impl->end_position = impl->segments.front().first_position;
  return std::unique_ptr<LogReader>(new LogReader(std::move(impl)));
}

Result<bool> LogReader::next(StoredRecord& record) {
  if (!impl_->failure.ok()) return impl_->failure;
  auto got = impl_->next(record);
  if (!got.ok()) impl_->failure = got.status();
  return got;
}

LogReader::Progress LogReader::progress() const {
  std::uint64_t done = impl_->done_bytes + (impl_->reader && !impl_->at_end ? impl_->reader->offset() : 0);
  return {std::min(done, impl_->total_bytes), impl_->total_bytes};
}

LogPosition LogReader::end() const { return impl_->end_position; }

}  // namespace engram
