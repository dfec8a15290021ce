#include "actors/query/frontier.h"

#include <algorithm>
#include <array>

#include "storage/base/ids.h"

namespace engram {

void sort_ids(std::vector<std::uint64_t>& ids) {
  constexpr std::size_t worth_radix = 128;
  if (ids.size() < worth_radix) {
    std::sort(ids.begin(), ids.end());
    return;
  }
  std::uint64_t differing = 0;
  for (std::uint64_t id : ids) differing |= id ^ ids.front();
  std::vector<std::uint64_t> other(ids.size());
  for (unsigned shift = 0; shift < 64; shift += 8) {
    if ((differing >> shift & 0xff) == 0) continue;
    std::array<std::uint32_t, 256> places{};
    for (std::uint64_t id : ids) ++places[id >> shift & 0xff];
    std::uint32_t before = 0;
    for (std::uint32_t& place : places) {
      std::uint32_t count = place;
      place = before;
      before += count;
    }
    for (std::uint64_t id : ids) other[places[id >> shift & 0xff]++] = id;
    ids.swap(other);
  }
}

Frontier::Frontier(std::vector<std::uint64_t> ids) : ids_(std::move(ids)) {
  sort_ids(ids_);
  for (std::size_t begin = 0; begin < ids_.size();) {
    PartitionId partition = VertexId{ids_[begin]}.partition();
    auto in_partition = [&](std::uint64_t id) { return VertexId{id}.partition() == partition; };
    auto end = std::partition_point(ids_.begin() + static_cast<std::ptrdiff_t>(begin), ids_.end(), in_partition);
    Run run{begin, static_cast<std::size_t>(end - ids_.begin())};
    longest_ = std::max(longest_, run.end - run.begin);
    runs_.push_back(run);
    begin = run.end;
  }
}

std::vector<Frontier::Part> Frontier::next_wave() {
  std::vector<Part> parts;
  std::size_t offset = wave_++ * max_request_vertices;
  for (const Run& run : runs_) {
    if (run.begin + offset >= run.end) continue;
    std::size_t first = run.begin + offset;
    std::size_t count = std::min(max_request_vertices, run.end - first);
    parts.push_back({first, std::span(ids_).subspan(first, count)});
  }
  return parts;
}

}  // namespace engram
