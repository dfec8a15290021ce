#include "tools/import/byte_source.h"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#include "storage/base/error_text.h"

namespace engram::import {

namespace {

/// A file descriptor that is read from front to back: a file, a pipe, a terminal.
class DescriptorSource final : public ByteSource {
 public:
  DescriptorSource(int descriptor, std::string name) : descriptor_(descriptor), name_(std::move(name)) {}
  DescriptorSource(int descriptor, std::string name, const struct stat& attributes)
      : descriptor_(descriptor), name_(std::move(name)), is_file_(S_ISREG(attributes.st_mode)) {
    if (is_file_) total_bytes_ = static_cast<std::uint64_t>(attributes.st_size);
  }
  ~DescriptorSource() override {
    if (descriptor_ != STDIN_FILENO) ::close(descriptor_);
  }
  DescriptorSource(const DescriptorSource&) = delete;
  DescriptorSource& operator=(const DescriptorSource&) = delete;

  Result<std::size_t> read(std::span<char> into) override {
    for (;;) {
      ssize_t count = ::read(descriptor_, into.data(), into.size());
      if (count >= 0) {
        consumed_bytes_ += static_cast<std::uint64_t>(count);
        return static_cast<std::size_t>(count);
      }
      if (errno != EINTR) return Status(Code::unavailable, name_ + " cannot be read: " + error_text(errno));
    }
  }
  [[nodiscard]] std::uint64_t consumed_bytes() const override { return consumed_bytes_; }
  [[nodiscard]] std::uint64_t total_bytes() const override { return total_bytes_; }
  [[nodiscard]] bool can_be_opened_again() const override { return is_file_; }

 private:
  int descriptor_;
  std::string name_;
  bool is_file_ = false;
  std::uint64_t total_bytes_ = 0;
  std::uint64_t consumed_bytes_ = 0;
};

class ZstdSource final : public ByteSource {
 public:
  ZstdSource(std::unique_ptr<ByteSource> compressed, std::string name)
      : compressed_(std::move(compressed)), name_(std::move(name)), stream_(ZSTD_createDStream()),
        buffer_(ZSTD_DStreamInSize()) {}
  ~ZstdSource() override { ZSTD_freeDStream(stream_); }
  ZstdSource(const ZstdSource&) = delete;
  ZstdSource& operator=(const ZstdSource&) = delete;

  Result<std::size_t> read(std::span<char> into) override {
    ZSTD_outBuffer output{into.data(), into.size(), 0};
    while (output.pos == 0) {
      if (input_.pos == input_.size) {
        auto count = compressed_->read(buffer_);
        if (!count.ok()) return count.status();
        if (count.value() == 0) {
          if (!within_frame_) return std::size_t{0};
          return Status(Code::corrupt, name_ + " ends in the middle of its compressed data: was the copy cut off?");
        }
        input_ = {buffer_.data(), count.value(), 0};
      }
      std::size_t left = ZSTD_decompressStream(stream_, &output, &input_);
      if (ZSTD_isError(left) != 0)
        return Status(Code::corrupt, name_ + " is not valid zstd: " + ZSTD_getErrorName(left));
      within_frame_ = left != 0;
    }
    return output.pos;
  }
  [[nodiscard]] std::uint64_t consumed_bytes() const override { return compressed_->consumed_bytes(); }
  [[nodiscard]] std::uint64_t total_bytes() const override { return compressed_->total_bytes(); }
  [[nodiscard]] bool can_be_opened_again() const override { return compressed_->can_be_opened_again(); }

 private:
  std::unique_ptr<ByteSource> compressed_;
  std::string name_;
  ZSTD_DStream* stream_;
  std::vector<char> buffer_;
  ZSTD_inBuffer input_{nullptr, 0, 0};
  bool within_frame_ = false;
};

}  // namespace

Result<std::unique_ptr<ByteSource>> decompress_zstd(std::unique_ptr<ByteSource> compressed, std::string name) {
  return std::unique_ptr<ByteSource>(std::make_unique<ZstdSource>(std::move(compressed), std::move(name)));
}

Result<std::unique_ptr<ByteSource>> open_source(const std::string& path) {
  if (path == "-") {
    return std::unique_ptr<ByteSource>(std::make_unique<DescriptorSource>(STDIN_FILENO, "standard input"));
  }
  int descriptor = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return Status(Code::invalid_argument, path + " cannot be opened: " + error_text(errno));
  struct stat attributes{};
  if (::fstat(descriptor, &attributes) != 0 || S_ISDIR(attributes.st_mode)) {
    ::close(descriptor);
    return Status(Code::invalid_argument, path + " is a directory: name the files in it");
  }
  auto source = std::make_unique<DescriptorSource>(descriptor, path, attributes);
  if (path.ends_with(".zst")) return decompress_zstd(std::move(source), path);
  return std::unique_ptr<ByteSource>(std::move(source));
}

std::optional<std::pair<std::uint64_t, std::uint64_t>> pipe_identity(const std::string& path) {
  struct stat attributes{};
  int error = path == "-" ? ::fstat(STDIN_FILENO, &attributes) : ::stat(path.c_str(), &attributes);
  if (error != 0 || !S_ISFIFO(attributes.st_mode)) return std::nullopt;
  return std::pair<std::uint64_t, std::uint64_t>(attributes.st_dev, attributes.st_ino);
}

Result<std::size_t> MemorySource::read(std::span<char> into) {
  std::size_t count = std::min({into.size(), piece_bytes_, bytes_.size() - at_});
  std::memcpy(into.data(), bytes_.data() + at_, count);
  at_ += count;
  return count;
}

}  // namespace engram::import
