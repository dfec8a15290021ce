#pragma once
// The file of rows that an import could not use: each as it stood in the input, under a comment with its place and the
// reason.

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "storage/base/result.h"
#include "storage/files/files.h"
#include "tools/import/atomic_file.h"
#include "tools/import/record.h"

namespace engram::import {

/// Made with the first rejected row: an import without any leaves no file. An older file of that name is removed when
/// rows begin to be sent, so that what is there is always of the last run that did something. What is no regular file (a
/// pipe, a device, standard output) stays and is written to.
class RejectFile {
 public:
  /// An error if it is one of the inputs, or cannot be written; an older file stays. Waits for the reader of a pipe.
  static Result<std::unique_ptr<RejectFile>> create(Files& files, const std::string& path,
                                                    const std::vector<std::string>& inputs = {});

  /// Removes an older file.
  Status begin();
  Status add(const RowError& error, std::string_view row);
  /// Writes what is buffered. To be called at the end; rows that were added before a crash may be missing.
  Status flush();
  [[nodiscard]] std::uint64_t count() const { return count_; }
  /// Whether the file could not be written at some time.
  [[nodiscard]] bool failed() const { return failed_; }

 private:
  RejectFile(Files& files, std::string path) : files_(files), path_(std::move(path)) {}
  [[nodiscard]] Status check_writable();
  Status open(OpenMode mode);
  Status noted(Status status);

  Files& files_;
  std::string path_;                     // behind symbolic links
  std::unique_ptr<File> file_;           // one of the two
  std::unique_ptr<TextOutput> stream_;
  std::string buffer_;
  std::uint64_t written_bytes_ = 0;
  std::uint64_t count_ = 0;
  bool failed_ = false;
};

}  // namespace engram::import
