#pragma once
// Files that were written once already and wait to become segments: syncing into such a file takes half the time of
// syncing into one that grows (`fallocate` alone gains nothing).
//
// `take` and `give` belong to the log's thread, `step` to the background. Stale bytes in a recycled file are harmless: a
// record is valid only at its own position in its own log, and positions only grow.

#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <string>

#include "storage/files/files.h"

namespace engram {

class SpareSegments {
 public:
  struct Spare {
    std::string path;
    std::uint64_t bytes = 0;
  };

  SpareSegments(Files& files, std::string dir, unsigned target, std::uint64_t segment_bytes);
  /// Finds what an earlier process left. `directory` is the log's, and outlives this: with it nothing here that has
  /// begun to change a file's name needs a new file descriptor.
  Status open(Directory& directory);

  /// A ready spare, which now belongs to the caller. Nothing: none is ready; do not wait for one.
  std::optional<Spare> take();
  /// Takes back one that was taken and not touched: it is the next to be taken.
  void put_back(Spare spare);
  /// Makes the file a spare, or removes it if there are enough.
  Status give(const std::string& path);
  /// Writes one small slice of a spare, so that the log's own syncs are not disturbed for long. False: nothing to do, or
  /// too little free space.
  bool step();
  [[nodiscard]] std::uint64_t ready() const;

 private:
  bool start_next();
  Status write_slice();
  void drop_current();

  Files& files_;
  std::string dir_;
  std::size_t target_;
  std::uint64_t segment_bytes_;
  Directory* directory_ = nullptr;

  mutable std::mutex mutex_;  // guards what follows
  std::deque<Spare> ready_;
  std::deque<std::uint64_t> partial_;  // numbers of files that are shorter than a segment
  std::uint64_t next_number_ = 1;

  std::unique_ptr<File> current_file_;  // of the background only
  std::uint64_t current_number_ = 0;
  std::uint64_t current_bytes_ = 0;
};

}  // namespace engram
