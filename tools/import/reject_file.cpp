#include "tools/import/reject_file.h"

#include <algorithm>

#include "tools/import/output_path.h"

namespace engram::import {

namespace {
constexpr std::size_t buffer_bytes = std::size_t{64} << 10;
}

Result<std::unique_ptr<RejectFile>> RejectFile::create(Files& files, const std::string& path,
                                                       const std::vector<std::string>& inputs) {
  for (const auto& input : inputs) {
    if (would_overwrite(path, input))
      return Status(Code::invalid_argument, "reject=" + path + " is what the import reads (" +
                                                (input == "-" ? "standard input" : input) + "): name another file");
  }
  std::unique_ptr<RejectFile> rejects(new RejectFile(files, behind_links(path)));
  if (is_stream(path)) {
    auto stream = open_stream(path);
    if (!stream.ok()) return stream.status();
    rejects->stream_ = std::move(stream).value();
  } else if (Status status = rejects->check_writable(); !status.ok()) {
    return status;
  }
  return rejects;
}

/// A new file can be made here only by making it.
Status RejectFile::check_writable() {
  bool older = files_.exists(path_);
  auto file = files_.open(path_, older ? OpenMode::read_write : OpenMode::create_new);
  if (!file.ok()) return file.status();
  return older ? Status() : files_.remove(path_);
}

Status RejectFile::begin() {
  if (stream_ != nullptr || !files_.exists(path_) || files_.remove(path_).ok()) return {};
  return open(OpenMode::replace);  // the folder takes no changes: it is emptied instead
}

Status RejectFile::open(OpenMode mode) {
  auto file = files_.open(path_, mode);
  if (file.ok()) file_ = std::move(file).value();
  return noted(file.status());
}

Status RejectFile::noted(Status status) {
  failed_ |= !status.ok();
  return status;
}

Status RejectFile::add(const RowError& error, std::string_view row) {
  if (file_ == nullptr && stream_ == nullptr)
    if (Status status = open(OpenMode::replace); !status.ok()) return status;
  std::string reason = error.text();
  std::replace(reason.begin(), reason.end(), '\n', ' ');
  buffer_.append("# ").append(reason).append("\n").append(row).append("\n");
  ++count_;
  return buffer_.size() < buffer_bytes ? Status() : flush();
}

Status RejectFile::flush() {
  if (buffer_.empty()) return {};
  Status status = stream_ != nullptr ? stream_->append(buffer_) : file_->write_at(as_bytes(buffer_), written_bytes_);
  written_bytes_ += buffer_.size();
  buffer_.clear();
  return noted(std::move(status));
}

}  // namespace engram::import
