#pragma once
// The segment that is being written: knows where its end is, makes room before it writes, and undoes what did not fit.

#include <memory>
#include <optional>
#include <string>

#include "storage/files/files.h"
#include "storage/log/log_format.h"
#include "storage/log/spare_segments.h"

namespace engram {

class OpenSegment {
 public:
  /// Makes a segment that begins at `first`, from the spare if there is one, and syncs its header. It has no name of the
  /// log yet: see `publish`. After an error nothing is left of it.
  static Result<std::unique_ptr<OpenSegment>> prepare(Files& files, const std::string& dir, std::uint64_t log_id,
                                                      LogPosition first, std::int64_t created_ns,
                                                      std::uint64_t segment_bytes,
                                                      const std::optional<SpareSegments::Spare>& spare);
  /// Gives it its name. The caller syncs the directory.
  Status publish();
  /// Removes a prepared segment that is not needed after all.
  void discard();

  /// Writes at the end; `end` does not move before `commit`. disk_full: nothing of it is there, or there is no room for
  /// `kept_bytes` more behind it. Any other error, here and below: the content of the file is unknown.
  Status write(std::string& group, std::uint64_t kept_bytes = 0);
  /// Syncs, and makes what was written part of the segment.
  Status commit(std::uint64_t bytes, const SegmentSummary& added);

  /// Ends the segment with its seal, cuts the file there and syncs. disk_full: it is still open, and usable.
  Status seal();
  /// Gives a sealed segment its name, which is `path` from then on. The caller syncs the directory.
  Status publish_sealed();

  [[nodiscard]] LogPosition first() const { return first_; }
  [[nodiscard]] LogPosition end() const { return {first_.value + offset_}; }
  [[nodiscard]] std::uint64_t offset() const { return offset_; }
  /// How large the file is once sealed.
  [[nodiscard]] std::uint64_t sealed_bytes() const { return offset_ + record_bytes(summary_.encoded_bytes()); }
  [[nodiscard]] const SegmentSummary& summary() const { return summary_; }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  OpenSegment(Files& files, std::string dir, std::uint64_t log_id, LogPosition first, std::uint64_t segment_bytes)
      : files_(files), dir_(std::move(dir)), log_id_(log_id), first_(first), segment_bytes_(segment_bytes) {}

  Status reserve(std::uint64_t bytes, std::uint64_t kept_bytes);
  Status extend(std::uint64_t to);
  Status cut_back(std::uint64_t to);

  Files& files_;
  std::string dir_;
  std::uint64_t log_id_;
  LogPosition first_;
  std::uint64_t segment_bytes_;
  std::unique_ptr<File> file_;
  std::string path_;
  std::uint64_t offset_ = segment_header_bytes;  // of the end
  std::uint64_t written_bytes_ = 0;              // of the file: pre-written up to here
  SegmentSummary summary_;
};

}  // namespace engram
