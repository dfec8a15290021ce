#pragma once
// Text files as export writes them: appended to, and in their place only when they are whole.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "storage/base/result.h"
#include "storage/files/files.h"

namespace engram::import {

/// Appends a cell, in quotes where the reader needs them. `force_quotes` tells the empty text from an absent value.
void append_csv_cell(std::string& out, std::string_view text, bool force_quotes = false);

/// Where text goes that is written from front to back.
class TextOutput {
 public:
  virtual ~TextOutput() = default;
  virtual Status append(std::string_view text) = 0;
  /// All is written: it becomes what others find.
  virtual Status commit() = 0;
  [[nodiscard]] virtual std::uint64_t size_bytes() const = 0;
};

/// Where a file is until it is whole.
std::string partial_path(const std::string& path);

/// Writes to `<path>.partial`, and commit() makes it durable and moves it to `path`: so whoever finds the file finds
/// all of it. Without commit the partial file is removed by the destructor; a crash leaves it, and the next export to
/// that path replaces it. A symbolic link stays one: the file that it leads to is replaced. Not for what is no file: see
/// is_stream.
class AtomicFile final : public TextOutput {
 public:
  static Result<std::unique_ptr<AtomicFile>> create(Files& files, std::string path);
  ~AtomicFile() override;
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  Status append(std::string_view text) override;
  Status commit() override;
  /// Appends everything that `other` holds, which is then gone.
  Status append_all_of(AtomicFile& other);
  [[nodiscard]] std::uint64_t size_bytes() const override { return written_bytes_ + buffer_.size(); }

 private:
  AtomicFile(Files& files, std::string path, std::unique_ptr<File> file);
  Status write_buffer();

  Files& files_;
  std::string path_;
  std::unique_ptr<File> file_;
  std::string buffer_;
  std::uint64_t written_bytes_ = 0;
};

}  // namespace engram::import
