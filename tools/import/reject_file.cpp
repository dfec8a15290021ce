#include "tools/import/reject_file.h"

#include <algorithm>

namespace engram::import {

namespace {
constexpr std::size_t buffer_bytes = std::size_t{64} << 10;
}

Result<std::unique_ptr<RejectFile>> RejectFile::create(Files& files, std::string path) {
  if (files.exists(path))
    if (Status status = files.remove(path); !status.ok()) return status;
  return std::unique_ptr<RejectFile>(new RejectFile(files, std::move(path)));
}

Status RejectFile::add(const RowError& error, std::string_view row) {
  if (file_ == nullptr) {
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
  if (file_ == nullptr || buffer_.empty()) return {};
  Status status = file_->write_at(as_bytes(buffer_), written_bytes_);
  written_bytes_ += buffer_.size();
  buffer_.clear();
  return status;
}

}  // namespace engram::import
