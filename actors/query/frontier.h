#pragma once
// The vertices of one step of a traversal, in ascending order, cut into one request a partition.

#include <cstdint>
#include <span>
#include <vector>

namespace engram {

/// Sorts ids ascending: by radix over those bytes that differ, since a comparing sort would be the costliest part of a
/// hop.
void sort_ids(std::vector<std::uint64_t>& ids);

class Frontier {
 public:
  /// A request carries at most so many vertices, and a partition has one request at a time: answers stay bounded.
  static constexpr std::size_t max_request_vertices = 8192;

  Frontier() = default;
  /// `ids` are distinct; they are sorted here.
  explicit Frontier(std::vector<std::uint64_t> ids);

  [[nodiscard]] const std::vector<std::uint64_t>& ids() const { return ids_; }
  [[nodiscard]] bool empty() const { return ids_.empty(); }
  /// One wave takes all of it.
  [[nodiscard]] bool fits_one_wave() const { return longest_ <= max_request_vertices; }

  struct Part {
    std::size_t first = 0;  // index into ids()
    std::span<const std::uint64_t> ids;
  };
  /// The next vertices to ask for: at most one part a partition, in the order of partitions. Empty: all were asked for.
  std::vector<Part> next_wave();
  /// From the first wave again.
  void rewind() { wave_ = 0; }

 private:
  struct Run {  // the ids of one partition
    std::size_t begin = 0;
    std::size_t end = 0;
  };
  std::vector<std::uint64_t> ids_;
  std::vector<Run> runs_;
  std::size_t longest_ = 0;
  std::size_t wave_ = 0;
};

}  // namespace engram
