#include "tests/storage/log/log_fixture.h"

#include <algorithm>

#include "tests/support/wait.h"

using namespace engram;
using namespace engram::test;
using Texts = std::vector<std::string>;

namespace {

/// Appends until there are `segments` sealed ones; returns all texts.
Texts fill(LogFixture& t, std::uint64_t segments) {
  Texts all;
  while (t.log->stats().segments <= segments) {
    all.push_back("record " + std::to_string(t.next_lsn) + std::string(200, '.'));
    t.append({all.back()});
  }
  return all;
}

std::size_t count(LogFixture& t, const std::string& part) {
  auto paths = t.disk.paths();
  return static_cast<std::size_t>(
      std::count_if(paths.begin(), paths.end(), [&](const auto& path) { return path.find(part) != std::string::npos; }));
}

}  // namespace

TEST_CASE("a full segment is sealed at its exact end, and the next begins there") {
  LogFixture t;
  t.options.segment_bytes = 4096;
  t.open();
  Texts all = fill(t, 3);
  auto segments = list_segments(t.disk, t.options.dir);
  REQUIRE(segments->size() == 4);
  for (std::size_t i = 0; i < 3; ++i) {
    CHECK((*segments)[i].state == SegmentState::sealed);
    CHECK((*segments)[i].bytes <= 4096);
    CHECK((*segments)[i + 1].first_position.value == (*segments)[i].first_position.value + (*segments)[i].bytes);
  }
  CHECK((*segments)[3].state == SegmentState::open);
  CHECK(t.read() == all);
  t.kill();
  t.open();
  CHECK(t.read() == all);
}

TEST_CASE("a group is never split; one larger than a segment gets a segment for itself") {
  LogFixture t;
  t.options.segment_bytes = 4096;
  t.open();
  t.append({"small"});
  t.append({std::string(10'000, 'a'), std::string(10'000, 'b')});
  t.append({"after"});
  CHECK(t.log->stats().segments == 3);
  CHECK(t.read() == Texts{"small", std::string(10'000, 'a'), std::string(10'000, 'b'), "after"});
}

TEST_CASE("an old segment is sealed by time, an empty one is not") {
  LogFixture t;
  t.options.rotate_after_ns = 1000;
  t.open();
  t.clock.now_ns += 5000;
  REQUIRE(t.log->rotate_if_due().ok());
  CHECK(t.log->stats().segments == 1);
  t.append({"one"});
  REQUIRE(t.log->rotate_if_due().ok());
  CHECK(t.log->stats().segments == 2);
  t.append({"two"});
  REQUIRE(t.log->rotate_if_due().ok());
  CHECK(t.log->stats().segments == 2);
  CHECK(t.read() == Texts{"one", "two"});
}

TEST_CASE("spares are made in the background, used, and found again by the next process") {
  LogFixture t;
  t.options.spare_segments = 2;
  t.open();
  CHECK(t.log->stats().spare_segments == 0);
  t.log->work();
  CHECK(t.log->stats().spare_segments == 2);
  t.append({"one"});
  REQUIRE(t.log->rotate().ok());
  CHECK(t.log->stats().spare_segments == 1);
  t.append({"two"});
  t.kill();
  t.open();
  CHECK(count(t, "spare-") == 0);  // the second one is the open segment
  CHECK(t.read() == Texts{"one", "two"});
  t.log->work();
  CHECK(count(t, "spare-") == 2);
}

TEST_CASE("spares are not what fills the disk") {
  LogFixture t;
  t.options.spare_segments = 2;
  t.files.faults().free_bytes = 3 * t.options.segment_bytes;
  t.open();
  t.log->work();
  CHECK(t.log->stats().spare_segments == 0);
  t.append({"goes on"});
  t.files.faults().free_bytes = Faults::never;
  t.log->work();
  CHECK(t.log->stats().spare_segments == 2);
}

TEST_CASE("a spare that could not be written leaves nothing") {
  LogFixture t;
  t.options.spare_segments = 1;
  t.open();
  t.files.faults().room_bytes = t.options.segment_bytes / 2;
  t.log->work();
  CHECK(t.log->stats().spare_segments == 0);
  CHECK(count(t, "spare-") == 0);
}

TEST_CASE("records left in a recycled file are not read") {
  LogFixture t;
  t.options.segment_bytes = 4096;
  t.options.spare_segments = 1;
  t.open();
  Texts all = fill(t, 1);
  // The sealed file, with the same bytes, becomes the next segment.
  std::string sealed = list_segments(t.disk, t.options.dir)->front().path;
  t.disk.set_content("/data/old", t.disk.content(sealed));
  REQUIRE(t.log->recycle("/data/old").ok());
  t.log->work();
  REQUIRE(t.log->stats().spare_segments == 1);
  REQUIRE(t.log->rotate().ok());
  CHECK(t.log->stats().spare_segments == 0);
  CHECK(t.read() == all);
  t.kill();
  t.open();
  CHECK(t.read() == all);
}

TEST_CASE("what the warm stores have goes to the archive, oldest first; the newest sealed segment stays") {
  LogFixture t;
  t.options.segment_bytes = 4096;
  t.open();
  Texts all = fill(t, 4);
  t.log->release({{{1}, {0}}});
  t.log->work();
  CHECK(t.log->stats().archived_segments == 0);

  t.log->release({{{2}, {1'000'000}}});  // not the partition that has the records
  t.log->work();
  CHECK(t.log->stats().archived_segments == 0);

  t.log->release({{{1}, {20}}});  // within the second segment
  t.log->work();
  CHECK(t.log->stats().archived_segments == 1);
  CHECK(t.log->stats().segments == 4);

  t.log->release({{{1}, {1'000'000}}});
  t.log->work();
  CHECK(t.log->stats().archived_segments == 3);
  CHECK(t.log->stats().segments == 2);
  CHECK(t.log->stats().archive_error.empty());
  Status error;
  CHECK(t.read(error, {}, true) == all);
  CHECK(error.ok());
  t.close();
  t.open();
  CHECK(t.log->stats().archived_segments == 3);
  CHECK(t.read(error, {}, true) == all);
  CHECK(error.ok());
}

TEST_CASE("the archive's manifest has one line a segment, also after a crash before it was written") {
  LogFixture t;
  t.options.segment_bytes = 4096;
  t.open();
  fill(t, 3);
  t.log->release({{{1}, {1'000'000}}});
  t.log->work();
  std::string manifest = t.disk.content("/data/archived/MANIFEST");
  CHECK(std::count(manifest.begin(), manifest.end(), '\n') == 2);
  CHECK(manifest.find(R"({"kind":"segment","segment":"commands-00000000000000000000.sealed.log","first_position":0,)") ==
        0);
  CHECK(manifest.find(R"("partitions":[{"partition":1,"first_lsn":1,"last_lsn":)") != std::string::npos);

  for (std::size_t cut = 0; cut <= manifest.size(); cut += 7) {
    t.kill();
    t.disk.set_content("/data/archived/MANIFEST", manifest.substr(0, cut));
    t.open();
    CHECK(t.disk.content("/data/archived/MANIFEST") == manifest);
  }
}

TEST_CASE("an archive on another volume gets verified copies, and the sources become spares") {
  LogFixture t;
  t.options.segment_bytes = 4096;
  t.options.spare_segments = 2;
  t.disk.add_volume("/data/archived");
  t.open();
  Texts all = fill(t, 4);
  t.log->release({{{1}, {1'000'000}}});
  t.log->work();
  CHECK(t.log->stats().archived_segments == 3);
  CHECK(t.log->stats().archive_error.empty());
  CHECK(t.log->stats().spare_segments == 2);
  CHECK(count(t, "/data/commands-") == 2);
  Status error;
  CHECK(t.read(error, {}, true) == all);
  CHECK(error.ok());
  // Further segments go into the recycled files, which are full of old records.
  Texts more = fill(t, 4);
  all.insert(all.end(), more.begin(), more.end());
  t.kill();
  t.open();
  CHECK(t.read(error, {}, true) == all);
  CHECK(error.ok());
}

TEST_CASE("an archive without room keeps the segment in the log, and is tried again at the next release") {
  LogFixture t;
  t.options.segment_bytes = 4096;
  t.disk.add_volume("/data/archived");
  t.open();
  Texts all = fill(t, 3);
  t.files.faults().room_bytes = 1000;
  t.log->release({{{1}, {1'000'000}}});
  t.log->work();
  CHECK(t.log->stats().archived_segments == 0);
  CHECK(t.log->stats().archive_error.find("No space") != std::string::npos);
  CHECK(t.log->stats().segments == 4);
  CHECK(count(t, ".partial") == 0);
  t.files.faults().room_bytes = Faults::never;
  t.log->release({});
  t.log->work();
  CHECK(t.log->stats().archived_segments == 2);
  CHECK(t.log->stats().archive_error.empty());
  Status error;
  CHECK(t.read(error, {}, true) == all);
}

TEST_CASE("the log's own thread does the same") {
  LogFixture t;
  t.options.segment_bytes = 4096;
  t.options.spare_segments = 2;
  t.options.own_thread = true;
  SystemClock clock;
  auto opened = CommandLog::open(t.disk, clock, t.options);
  REQUIRE(opened.ok());
  t.log = std::move(*opened);
  Texts all = fill(t, 4);
  t.log->release({{{1}, {1'000'000}}});
  CHECK(test::comes_true([&] { return t.log->stats().archived_segments == 3; }));
  t.close();
  Status error;
  CHECK(t.read(error, {}, true) == all);
}
