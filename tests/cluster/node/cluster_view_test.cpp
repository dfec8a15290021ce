// The cluster as a node sees it; with several real nodes: tests/cluster/nodes/view_test.cpp.

#include <catch2/catch.hpp>

#include "cluster/node/cluster_view.h"
#include "storage/files/posix_files.h"
#include "tests/support/temporary_directory.h"

using namespace engram;
using namespace engram::test;

TEST_CASE("the map that every client asks for again and again is made without asking how the nodes are") {
  TemporaryDirectory directory;
  ConfigSources sources;
  sources.machine = {2, std::uint64_t{1} << 30};
  sources.flags = {{"data.dir", directory.path()}};
  auto loaded = load_config(sources);
  REQUIRE(loaded.ok());
  PosixFiles files;
  SystemRandom random;
  SystemClock clock;
  auto membership = Membership::open(*loaded, files, random, clock, [](const Status&) {});
  REQUIRE(membership.ok());
  int asked = 0;
  ClusterView view(**membership, "db.example:9470", [&] {
    ++asked;
    return NodeStatus();
  });
  auto members = view.members();
  REQUIRE(members.size() == 1);
  CHECK(members[0].ordinal == 0);
  CHECK(members[0].address == "db.example:9470");
  CHECK(members[0].connected);
  CHECK(asked == 0);
}
