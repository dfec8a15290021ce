// Thousands of random histories of two links. A failure names its seed; run it alone by setting `first` and `last` to it.

#include "tests/cluster/peers/link_simulation.h"

using namespace engram::test;

TEST_CASE("whatever happens to connections, the promises of a link hold") {
  std::uint64_t first = 1, last = 2'000;
  LinkSimulation::Tally tally;
  for (std::uint64_t seed = first; seed <= last; ++seed) {
    INFO("seed " << seed);
    LinkSimulation(seed).run(300, tally);
  }
  INFO("answered " << tally.answered << ", unknown " << tally.unknown << ", overloaded " << tally.overloaded << ", resent "
                   << tally.resent << ", streamed " << tally.streamed << ", lost " << tally.lost << ", unanswered "
                   << tally.unanswered);
  for (std::uint64_t count : {tally.answered, tally.unknown, tally.overloaded, tally.resent, tally.streamed, tally.lost,
                              tally.unanswered})
    CHECK(count > last - first);
}
