#pragma once
// Reads one segment, record by record, believing nothing: the file may be cut, damaged, of another log, or hostile.

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "storage/base/result.h"
#include "storage/files/files.h"
#include "storage/log/log_format.h"

namespace engram {

class SegmentReader {
 public:
  enum class Step : std::uint8_t {
    record,
    seal,       // the segment is complete; its summary is in `summary`
    no_record,  // what is here is not a whole record: the end, or damage; see judge_tail
  };

  /// Opens the segment that its name says begins at `first_position`. `log_id` 0: whatever the header says.
  /// Errors: corrupt (another log or position than expected), unsupported (a newer format), internal.
  static Result<std::unique_ptr<SegmentReader>> open(Files& files, const std::string& path, LogPosition first_position,
                                                     std::uint64_t log_id);

  /// The next record or the seal. Stays where it is after `no_record`, so that it may be asked again. Errors: of the disk.
  Result<Step> next(StoredRecord& record);
  /// To be asked after `no_record`. ok: what follows was never acknowledged, or is nothing, and may be cut.
  /// Error corrupt: a whole record further on was written after this place had been synced, so something was damaged.
  Status judge_tail();
  /// After `no_record`: whether there is a part of a record here, rather than nothing.
  Result<bool> is_torn_record();
  /// The error for damage at the present place.
  [[nodiscard]] Status damaged(const std::string& why) const;
  /// Forgets what was buffered, so that the next read sees what a writer has done meanwhile.
  void forget_buffer() { buffered_bytes_ = 0; }

  /// Where the next record begins or would begin.
  [[nodiscard]] LogPosition position() const { return {first_.value + offset_}; }
  [[nodiscard]] std::uint64_t offset() const { return offset_; }
  [[nodiscard]] Result<std::uint64_t> file_bytes() const { return file_->size(); }
  [[nodiscard]] const SegmentSummary& summary() const { return summary_; }
  [[nodiscard]] std::uint64_t log_id() const { return log_id_; }
  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] bool has_header() const { return has_header_; }

 private:
  SegmentReader(std::unique_ptr<File> file, std::string path, LogPosition first, std::uint64_t log_id)
      : file_(std::move(file)), path_(std::move(path)), first_(first), log_id_(log_id) {}

  Status read_header();
  Result<Bytes> view(std::uint64_t offset, std::uint64_t bytes);
  /// The whole record at `offset`, checksum verified, or empty bytes.
  Result<Bytes> record_at(std::uint64_t offset, RecordHeader& header);
  /// Whether a whole record behind `offset` says that the log was synced beyond it.
  Result<std::optional<std::uint64_t>> find_later_durable(std::uint64_t offset);

  std::unique_ptr<File> file_;
  std::string path_;
  LogPosition first_;
  std::uint64_t log_id_;
  bool has_header_ = false;
  std::uint64_t offset_ = 0;
  SegmentSummary summary_;
  SegmentSummary counted_;
  std::vector<std::uint64_t> buffer_;  // of words, for the alignment of payloads
  std::uint64_t buffer_target_bytes_ = 0;
  std::uint64_t buffer_offset_ = 0;
  std::uint64_t buffered_bytes_ = 0;
};

/// The summary in the seal at the end of a sealed segment, without reading the records.
Result<SegmentSummary> read_seal(Files& files, const std::string& path, LogPosition first_position,
                                 std::uint64_t log_id);

}  // namespace engram
