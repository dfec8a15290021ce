#include "cluster/map/partition_map.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <numeric>

using namespace engram;

namespace {

std::vector<std::uint16_t> numbers(const PartitionMap& map, std::uint32_t node) {
  std::vector<std::uint16_t> all;
  for (PartitionId partition : owned_by(map, node)) all.push_back(partition.value);
  return all;
}

}  // namespace

TEST_CASE("where every partition is, written out: it is part of what is on disk") {
  FixedPartitionMap map(3, 8);
  CHECK(map.nodes() == 3);
  CHECK(map.partitions() == 8);
  CHECK(numbers(map, 0) == std::vector<std::uint16_t>{0, 3, 6});
  CHECK(numbers(map, 1) == std::vector<std::uint16_t>{1, 4, 7});
  CHECK(numbers(map, 2) == std::vector<std::uint16_t>{2, 5});
  CHECK(numbers(map, 3).empty());
}

TEST_CASE("a single node owns everything") {
  FixedPartitionMap map(1, 4);
  CHECK(numbers(map, 0) == std::vector<std::uint16_t>{0, 1, 2, 3});
}

TEST_CASE("every partition has one owner, in its first epoch, and nodes have as many as others, give or take one") {
  for (std::uint32_t nodes : {1u, 2u, 3u, 5u, 7u, 16u, 1000u})
    for (std::uint32_t partitions : {nodes, nodes + 1, 1024u, 65536u}) {
      CAPTURE(nodes, partitions);
      FixedPartitionMap map(nodes, partitions);
      std::vector<std::uint32_t> owned(nodes, 0);
      bool first_epoch = true;
      for (std::uint32_t i = 0; i < partitions; ++i) {
        PartitionId partition{static_cast<std::uint16_t>(i)};
        ++owned.at(map.owner(partition));
        first_epoch = first_epoch && map.epoch(partition) == 1;
      }
      CHECK(first_epoch);
      CHECK(std::accumulate(owned.begin(), owned.end(), 0u) == partitions);
      auto [fewest, most] = std::minmax_element(owned.begin(), owned.end());
      CHECK(*fewest >= 1);
      CHECK(*most - *fewest <= 1);
      for (std::uint32_t node : {0u, nodes - 1}) CHECK(owned_by(map, node).size() == owned[node]);
    }
}
