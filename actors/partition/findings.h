#pragma once
// What checks find wrong, in a form that people and scripts can use. Kept are the first ones only: one cause can damage a
// million edges.

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "storage/base/ids.h"

namespace engram {

struct Finding {
  std::string check;  // "reverse_edge", "log" ...: what was checked, a stable name
  std::string message;
  std::optional<PartitionId> partition;
  std::string vertex;  // its key
  std::string edge;    // "source -TYPE-> target"
  std::string file;    // of the log or of a warm store
  std::optional<std::uint64_t> offset;  // in the file
};

class Findings {
 public:
  explicit Findings(std::size_t max_kept = 100) : max_kept_(max_kept) {}

  void add(Finding finding) {
    if (count_++ < max_kept_) kept_.push_back(std::move(finding));
  }
  [[nodiscard]] std::uint64_t count() const { return count_; }
  [[nodiscard]] const std::vector<Finding>& kept() const { return kept_; }

 private:
  std::size_t max_kept_;
  std::uint64_t count_ = 0;
  std::vector<Finding> kept_;
};

}  // namespace engram
