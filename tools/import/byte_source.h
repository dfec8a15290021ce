#pragma once
// Where the bytes of an import come from: a file, a compressed file, standard input, or memory.

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>

#include "storage/base/result.h"

namespace engram::import {

class ByteSource {
 public:
  virtual ~ByteSource() = default;
  /// Reads at least one byte; 0 at the end of the input.
  virtual Result<std::size_t> read(std::span<char> into) = 0;
  /// How much of the input was used up, in the unit of `total_bytes`: what a progress bar shows.
  [[nodiscard]] virtual std::uint64_t consumed_bytes() const = 0;
  /// The size of the input as it is stored (compressed, if it is); 0 if it is not known.
  [[nodiscard]] virtual std::uint64_t total_bytes() const = 0;
  /// A regular file: who opens it again reads it from its beginning.
  [[nodiscard]] virtual bool can_be_opened_again() const = 0;
};

/// Opens a file; "-" is standard input, and a name that ends in ".zst" is decompressed on the way.
Result<std::unique_ptr<ByteSource>> open_source(const std::string& path);

/// The same for all names of one pipe, "-" included; nothing for what is no pipe. Does not open it: that waits for a writer.
std::optional<std::pair<std::uint64_t, std::uint64_t>> pipe_identity(const std::string& path);

/// Decompresses zstd, one or several frames. A stream that ends within a frame is an error.
Result<std::unique_ptr<ByteSource>> decompress_zstd(std::unique_ptr<ByteSource> compressed, std::string name);

/// Bytes in memory. `piece_bytes` bounds what one read gives, so that a test can cut rows at every place.
class MemorySource final : public ByteSource {
 public:
  explicit MemorySource(std::string bytes, std::size_t piece_bytes = SIZE_MAX)
      : bytes_(std::move(bytes)), piece_bytes_(piece_bytes) {}
  Result<std::size_t> read(std::span<char> into) override;
  [[nodiscard]] std::uint64_t consumed_bytes() const override { return at_; }
  [[nodiscard]] std::uint64_t total_bytes() const override { return bytes_.size(); }
  [[nodiscard]] bool can_be_opened_again() const override { return false; }

 private:
  std::string bytes_;
  std::size_t piece_bytes_;
  std::size_t at_ = 0;
};

}  // namespace engram::import
