#pragma once
// Moves sealed segments that no start needs any more to the archive, which may be on another volume, and keeps its
// manifest: one JSON line a segment, so that retention and restore need not open the segments.
//
// In a crash: the segment is in the log's directory or whole in the archive, or both; never in neither. A manifest line
// that is missing is added by the next `open`.

#include <cstdint>
#include <mutex>
#include <set>
#include <string>
#include <vector>

#include "storage/files/files.h"
#include "storage/log/log_format.h"

namespace engram {

/// A segment that is complete.
struct SealedSegment {
  std::string path;
  LogPosition first_position;
  std::uint64_t bytes = 0;
  SegmentSummary summary;

  [[nodiscard]] LogPosition end() const { return {first_position.value + bytes}; }
};

struct Manifest {
  std::vector<std::string> segments;  // the names of the files
  std::uint64_t bytes = 0;            // of whole lines
  bool cut = false;                   // half a line is behind them, of a crash
};
Result<Manifest> read_manifest(const File& file);

class SegmentArchive {
 public:
  SegmentArchive(Files& files, std::string dir, std::uint64_t log_id);
  /// Makes the directory, and mends what a crash left.
  Status open();

  /// Afterwards the segment is in the archive and in the manifest. `source_left` is true if it was copied to another
  /// volume: the source is then the caller's to recycle.
  Status add(const SealedSegment& segment, bool& source_left);

  [[nodiscard]] std::uint64_t segments() const;
  [[nodiscard]] std::uint64_t bytes() const;

 private:
  Status open_manifest();
  Status append_line(const SealedSegment& segment, const std::string& name);
  void count(std::uint64_t bytes);

  Files& files_;
  std::string dir_;
  std::uint64_t log_id_;
  std::set<std::string> listed_;  // names that have a manifest line
  std::uint64_t manifest_bytes_ = 0;
  mutable std::mutex mutex_;  // guards the counts
  std::uint64_t segments_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace engram
