#include "tools/offline/verify_log.h"

#include <algorithm>
#include <set>

#include "storage/log/layout.h"
#include "storage/log/log_reader.h"
#include "storage/log/segment_archive.h"
#include "tools/offline/command_text.h"

namespace engram::cli {

namespace {

constexpr std::uint64_t progress_every = 64;

class LogCheck {
 public:
  LogCheck(Files& files, const LogPlaces& places, LsnSequence sequence, Findings& findings,
           const std::function<void(double)>& progress)
      : files_(files), places_(places), sequence_(std::move(sequence)), findings_(findings), progress_(progress) {}

  LogCounts run() {
    auto segments = list_segments(files_, places_.data_dir, places_.archived_dir);
    if (!segments.ok()) {
      found(segments.status(), {});
      return counts_;
    }
    segments_ = std::move(segments).value();
    for (const SegmentInfo& segment : segments_) {
      ++counts_.segments;
      counts_.bytes += segment.bytes;
      if (segment.state == SegmentState::archived) ++counts_.archived_segments;
    }
    check_manifest();
    if (segments_.empty() || segments_.front().first_position.value == 0) sequence_.expect_whole_log();
    // What is damaged ends a reader: the next one begins with the segment behind.
    for (std::optional<LogPosition> from = LogPosition{0}; from;) from = read_from(*from);
    if (Status status = sequence_.end(); !status.ok()) found(status, {});
    return counts_;
  }

 private:
  void found(const Status& status, std::optional<LogPosition> at) {
    Finding finding{"log", status.message(), {}, {}, {}, {}, {}};
    if (at)
      for (const SegmentInfo& segment : segments_)
        if (segment.first_position <= *at && at->value < segment.first_position.value + segment.bytes) {
          finding.file = segment.path;
          finding.offset = at->value - segment.first_position.value;
        }
    findings_.add(std::move(finding));
  }

  /// Where to go on after damage; nothing at the end of the log.
  std::optional<LogPosition> read_from(LogPosition from) {
    LogReaderOptions options{places_.data_dir, places_.archived_dir, places_.log_id, from};
    auto reader = LogReader::open(files_, options);
    if (!reader.ok()) {
      found(reader.status(), {});
      return std::nullopt;
    }
    StoredRecord record;
    while (true) {
      auto more = (*reader)->next(record);
      if (!more.ok()) return behind_damage(more.status(), std::max(from, (*reader)->end()));
      if (!*more) return std::nullopt;
      check_record(record);
      if (counts_.records % progress_every == 0 && progress_)
        progress_(static_cast<double>(record.end.value - segments_.front().first_position.value) /
                  static_cast<double>(counts_.bytes));
    }
  }

  std::optional<LogPosition> behind_damage(const Status& status, LogPosition at) {
    found(status, at);
    sequence_.skip_to_anywhere();
    for (const SegmentInfo& segment : segments_)
      if (segment.first_position > at) return segment.first_position;
    return std::nullopt;
  }

  void check_record(const StoredRecord& record) {
    ++counts_.records;
    if (Status status = sequence_.next(record.partition, record.lsn, record.epoch); !status.ok()) {
      found(status, record.position);
      sequence_.skip_to_anywhere();
    }
    if (auto summary = summarize(record.payload); !summary.ok()) {
      counts_.commands_parse = false;
      found(summary.status(), record.position);
    }
  }

  /// The manifest names what was archived, so that a missing file is found too.
  void check_manifest() {
    std::string path = places_.archived_dir + "/" + log_layout::manifest_name;
    if (places_.archived_dir.empty() || !files_.exists(path)) return;
    auto file = files_.open(path, OpenMode::read_only);
    if (!file.ok()) return found(file.status(), {});
    auto manifest = read_manifest(**file);
    if (!manifest.ok()) return found(manifest.status(), {});
    for (const std::string& name : manifest->segments) {
      if (files_.exists(places_.archived_dir + "/" + name) || files_.exists(places_.data_dir + "/" + name)) continue;
      findings_.add({"log", "the archive's manifest names " + name + ", which is not there: put it back", {}, {}, {},
                     places_.archived_dir + "/" + name, {}});
    }
  }

  Files& files_;
  const LogPlaces& places_;
  LsnSequence sequence_;
  Findings& findings_;
  const std::function<void(double)>& progress_;
  std::vector<SegmentInfo> segments_;
  LogCounts counts_;
};

}  // namespace

LogCounts check_log(Files& files, const LogPlaces& places, LsnSequence sequence, Findings& findings,
                    const std::function<void(double share)>& progress) {
  return LogCheck(files, places, std::move(sequence), findings, progress).run();
}

}  // namespace engram::cli
