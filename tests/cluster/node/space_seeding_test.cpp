// Whom a partition on a new volume believes about the cluster's spaces.

#include "cluster/node/space_seeding.h"

#include <catch2/catch.hpp>

#include "actors/messages/frame.h"

using namespace engram;

namespace {

constexpr std::uint32_t partitions = 4;

/// A name whose home is that partition.
std::string name_at(std::uint16_t home) {
  for (int i = 0;; ++i)
    if (std::string name = "space-" + std::to_string(i); home_of_space(name, partitions) == PartitionId{home}) return name;
}

struct Description {
  std::uint64_t id;
  std::string name;
  std::uint64_t max_vertices = 0;
};

bool tell(ToldSpaces& told, std::uint16_t from, const std::vector<Description>& spaces) {
  Frame frame = Frame::build<schema::Answer>([&](schema::Answer::Builder answer) {
    auto list = answer.initDescribeSpaces().initSpaces(static_cast<unsigned>(spaces.size()));
    for (unsigned i = 0; i < spaces.size(); ++i) {
      auto info = list[i].initInfo();
      info.setId(spaces[i].id);
      info.setName(spaces[i].name.c_str());
      info.initQuota().setVertices(spaces[i].max_vertices);
    }
  });
  return told.take({from}, frame.read<schema::Answer>());
}

std::vector<std::uint64_t> ids(const ToldSpaces& told) {
  std::vector<std::uint64_t> ids;
  for (const SpaceSeed& seed : told.seeds()) ids.push_back(seed.id.value);
  return ids;
}

}  // namespace

TEST_CASE("a space's home knows its quota best, whoever is heard first") {
  ToldSpaces told(partitions);
  CHECK(tell(told, 2, {{7, name_at(1), 100}}));
  CHECK(tell(told, 1, {{7, name_at(1), 500}}));
  CHECK(told.seeds().front().quota.vertices == 500);
  CHECK(tell(told, 3, {{7, name_at(1), 100}}));
  CHECK(told.seeds().front().quota.vertices == 500);
}

TEST_CASE("a space whose home has dropped it is not made again, whoever else knows it still") {
  ToldSpaces told(partitions);
  CHECK(tell(told, 2, {{9, name_at(0)}}));
  CHECK(ids(told) == std::vector<std::uint64_t>{9});
  CHECK(tell(told, 0, {}));
  CHECK(ids(told).empty());
}

TEST_CASE("where a space's home is lost too, any partition is believed that knows it") {
  ToldSpaces told(partitions);
  Frame as_new = Frame::build<schema::Answer>([](schema::Answer::Builder answer) { answer.initDescribeSpaces().setIsNew(true); });
  CHECK(told.take({0}, as_new.read<schema::Answer>()));
  CHECK(tell(told, 2, {{9, name_at(0)}}));
  CHECK(ids(told) == std::vector<std::uint64_t>{9});
}

TEST_CASE("an error tells nothing, and its partition has to be asked again") {
  ToldSpaces told(partitions);
  Frame error = Frame::build<schema::Answer>(
      [](schema::Answer::Builder answer) { answer.initError().setCode(schema::ErrorCode::UNAVAILABLE); });
  CHECK(!told.take({0}, error.read<schema::Answer>()));
}
