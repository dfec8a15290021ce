#include "tools/import/output_path.h"

#include <cerrno>
#include <filesystem>
#include <optional>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "storage/base/descriptor.h"
#include "storage/base/error_text.h"
#include "storage/files/files.h"

namespace engram::import {

namespace {

using Attributes = struct stat;

std::optional<Attributes> attributes_of(const std::string& path) {
  Attributes found{};
  if (::stat(path.c_str(), &found) != 0) return std::nullopt;
  return found;
}

std::optional<Attributes> attributes_of(int descriptor) {
  Attributes found{};
  if (::fstat(descriptor, &found) != 0) return std::nullopt;
  return found;
}

bool is_one(const std::optional<Attributes>& a, const std::optional<Attributes>& b) {
  return a && b && a->st_dev == b->st_dev && a->st_ino == b->st_ino;
}

/// Standard output or standard error, if the path leads to it; -1 if not.
int own_descriptor(const std::string& path) {
  auto there = attributes_of(path);
  for (int descriptor : {STDOUT_FILENO, STDERR_FILENO})
    if (is_one(there, attributes_of(descriptor))) return descriptor;
  return -1;
}

class Stream final : public TextOutput {
 public:
  Stream(Descriptor descriptor, std::string path) : descriptor_(std::move(descriptor)), path_(std::move(path)) {}

  Status append(std::string_view text) override {
    while (!text.empty()) {
      ssize_t written = ::write(descriptor_.get(), text.data(), text.size());
      if (written < 0 && errno == EINTR) continue;
      if (written < 0) return {Code::internal, path_ + " cannot be written: " + error_text(errno)};
      text.remove_prefix(static_cast<std::size_t>(written));
      size_bytes_ += static_cast<std::uint64_t>(written);
    }
    return {};
  }
  Status commit() override { return {}; }
  [[nodiscard]] std::uint64_t size_bytes() const override { return size_bytes_; }

 private:
  Descriptor descriptor_;
  std::string path_;
  std::uint64_t size_bytes_ = 0;
};

}  // namespace

std::string behind_links(std::string path) {
  constexpr int most_links = 40;  // as the system follows them
  for (int i = 0; i < most_links; ++i) {
    std::error_code error;
    auto target = std::filesystem::read_symlink(path, error);
    if (error) break;
    path = (std::filesystem::path(path).parent_path() / target).string();
  }
  return path;
}

bool is_stream(const std::string& path) {
  auto there = attributes_of(path);
  return there && (!S_ISREG(there->st_mode) || own_descriptor(path) >= 0);
}

bool is_standard_output(const std::string& path) { return is_one(attributes_of(path), attributes_of(STDOUT_FILENO)); }

bool is_same_file(const std::string& a, const std::string& b) {
  if (a == "-" || b == "-") return false;
  auto one = attributes_of(a);
  auto other = attributes_of(b);
  if (one || other) return is_one(one, other);
  std::filesystem::path first = behind_links(a);
  std::filesystem::path second = behind_links(b);
  return first.filename() == second.filename() &&
         is_one(attributes_of(parent_directory(first.string())), attributes_of(parent_directory(second.string())));
}

bool would_overwrite(const std::string& output, const std::string& input) {
  auto there = attributes_of(output);
  if (!there || S_ISCHR(there->st_mode)) return false;  // a terminal is read and written
  return is_one(there, input == "-" ? attributes_of(STDIN_FILENO) : attributes_of(input));
}

Result<std::unique_ptr<TextOutput>> open_stream(const std::string& path) {
  // Opened anew, a file that standard output goes to would be written from its beginning.
  int own = own_descriptor(path);
  int opened = -1;
  do {
    opened = own >= 0 ? ::fcntl(own, F_DUPFD_CLOEXEC, 3) : ::open(path.c_str(), O_WRONLY | O_APPEND | O_CLOEXEC);
  } while (opened < 0 && errno == EINTR);
  if (opened < 0) return Status(Code::internal, path + " cannot be opened: " + error_text(errno));
  return std::unique_ptr<TextOutput>(std::make_unique<Stream>(Descriptor(opened), path));
}

}  // namespace engram::import
