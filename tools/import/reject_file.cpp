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
  } else if (files.exists(rejects->path_)) {
    if (Status status = files.remove(rejects->path_); !status.ok()) return status;
  }
  return rejects;
}

Status RejectFile::add(const RowError& error, std::string_view row) {
  if (file_ == nullptr && stream_ == nullptr) {
    auto file = files_.open(path_, OpenMode::replace);
    if (!file.ok()) return file.status();
    file_ = std::move(file).value();
  }
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
  return status;
}

}  // namespace engram::import
