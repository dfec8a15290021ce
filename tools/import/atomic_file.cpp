#include "tools/import/atomic_file.h"

#include <algorithm>

#include "tools/import/output_path.h"

namespace engram::import {

namespace {
constexpr std::size_t buffer_bytes = std::size_t{1} << 20;
}  // namespace

std::string partial_path(const std::string& path) { return path + ".partial"; }

void append_csv_cell(std::string& out, std::string_view text, bool force_quotes) {
  if (!force_quotes && text.find_first_of(",\"\r\n") == std::string_view::npos) {
    out += text;
    return;
  }
  out += '"';
  for (char byte : text) {
    if (byte == '"') out += '"';
    out += byte;
  }
  out += '"';
}

Result<std::unique_ptr<AtomicFile>> AtomicFile::create(Files& files, std::string path) {
  path = behind_links(std::move(path));
  auto file = files.open(partial_path(path), OpenMode::replace);
  if (!file.ok()) return file.status();
  return std::unique_ptr<AtomicFile>(new AtomicFile(files, std::move(path), std::move(file).value()));
}

AtomicFile::AtomicFile(Files& files, std::string path, std::unique_ptr<File> file)
    : files_(files), path_(std::move(path)), file_(std::move(file)) {}

AtomicFile::~AtomicFile() {
  if (file_ == nullptr) return;
  file_.reset();
  static_cast<void>(files_.remove(partial_path(path_)));
}

Status AtomicFile::append(std::string_view text) {
  buffer_ += text;
  return buffer_.size() < buffer_bytes ? Status() : write_buffer();
}

Status AtomicFile::write_buffer() {
  Status status = file_->write_at(as_bytes(buffer_), written_bytes_);
  if (!status.ok()) return status;
  written_bytes_ += buffer_.size();
  buffer_.clear();
  return {};
}

Status AtomicFile::append_all_of(AtomicFile& other) {
  if (Status status = other.write_buffer(); !status.ok()) return status;
  std::string piece(buffer_bytes, '\0');
  for (std::uint64_t at = 0; at < other.written_bytes_;) {
    auto count = other.file_->read_at(std::as_writable_bytes(std::span(piece)), at);
    if (!count.ok()) return count.status();
    if (count.value() == 0) return {Code::internal, other.path_ + ".partial became shorter while it was read"};
    if (Status status = append(std::string_view(piece).substr(0, count.value())); !status.ok()) return status;
    at += count.value();
  }
  return {};
}

Status AtomicFile::commit() {
  if (Status status = write_buffer(); !status.ok()) return status;
  if (Status status = file_->sync_all(); !status.ok()) return status;
  if (Status status = files_.rename(partial_path(path_), path_); !status.ok()) return status;
  file_.reset();
  return files_.sync_directory(parent_directory(path_));
}

}  // namespace engram::import
