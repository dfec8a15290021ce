// Power cuts at every kind of moment: every acknowledged group is there, in order, and what was not acknowledged is there
// as a prefix of its group or not at all.

#include "tests/storage/log/log_fixture.h"

#include <random>

using namespace engram;
using namespace engram::test;
using Texts = std::vector<std::string>;

namespace {

/// Checks that `found` is what was acknowledged and then perhaps the beginning of the group that was under way.
void check_history(const Texts& found, const Texts& acknowledged, const Texts& under_way) {
  REQUIRE(found.size() >= acknowledged.size());
  REQUIRE(found.size() <= acknowledged.size() + under_way.size());
  for (std::size_t i = 0; i < found.size(); ++i)
    REQUIRE(found[i] == (i < acknowledged.size() ? acknowledged[i] : under_way[i - acknowledged.size()]));
}

struct Script {
  explicit Script(std::uint64_t seed_in) : seed(seed_in), random(seed_in) {
    t.options.segment_bytes = 4096 + random() % 8192;
    t.options.spare_segments = random() % 3;
    if (random() % 2 == 0) t.disk.add_volume("/data/archived");
  }

  LogFixture t;
  std::uint64_t seed;
  std::mt19937_64 random;
  Texts acknowledged;
  Texts under_way;
  std::uint64_t number = 0;

  Texts group() {
    Texts texts(1 + random() % 6);
    for (std::string& text : texts) {
      text = "seed " + std::to_string(seed) + " number " + std::to_string(++number) + " ";
      text.append(random() % 16 == 0 ? random() % 9000 : random() % 300, static_cast<char>('a' + random() % 26));
    }
    return texts;
  }

  /// Works until the process dies.
  void live() {
    t.files.faults().operations_before_crash = 1 + random() % 120;
    under_way.clear();
    if (!t.try_open().ok()) return;
    for (;;) {
      under_way = group();
      if (!t.try_append(under_way).ok()) return;
      acknowledged.insert(acknowledged.end(), under_way.begin(), under_way.end());
      under_way.clear();
      if (random() % 4 == 0) t.log->work();
      if (random() % 8 == 0) t.log->release({{{1}, {random() % (t.next_lsn + 1)}}});
      if (random() % 16 == 0 && !t.log->rotate().ok()) return;
      if (random() % 32 == 0) return (void)t.log->close();
    }
  }

  void check() {
    t.files.faults().operations_before_crash = Faults::never;
    Status status = t.try_open();
    INFO(status.message());
    REQUIRE(status.ok());
    Status error;
    Texts found = t.read(error, {}, true);
    INFO(error.message());
    REQUIRE(error.ok());
    check_history(found, acknowledged, under_way);
    acknowledged = found;  // a record that is there once stays there
    t.next_lsn = found.size() + 1;
    t.kill();
  }
};

}  // namespace

TEST_CASE("power cuts at random moments, over and over") {
  for (std::uint64_t seed = 1; seed <= 1500; ++seed) {
    INFO("seed " << seed);
    Script script(seed);
    for (int life = 0; life < 5; ++life) {
      script.live();
      script.t.kill();
      script.t.disk.cut_power(seed * 1000 + static_cast<std::uint64_t>(life));
      script.check();
      if (script.random() % 2 == 0) script.t.disk.cut_power(seed * 1000 + 500 + static_cast<std::uint64_t>(life));
    }
  }
}

TEST_CASE("kills at random moments, over and over") {
  for (std::uint64_t seed = 1; seed <= 500; ++seed) {
    INFO("seed " << seed);
    Script script(seed);
    for (int life = 0; life < 5; ++life) {
      script.live();
      script.t.kill();
      script.check();
    }
  }
}
