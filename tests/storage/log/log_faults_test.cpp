#include "tests/storage/log/log_fixture.h"

using namespace engram;
using namespace engram::test;
using Texts = std::vector<std::string>;

TEST_CASE("a failed sync is not acknowledged, never tried again, and stops the log for good") {
  LogFixture t;
  t.open();
  t.append({"one"});
  t.files.faults().syncs_before_error = 0;
  Status status = t.try_append({"two"});
  CHECK(status.code() == Code::internal);
  CHECK(status.message().find("must stop") != std::string::npos);
  CHECK(t.log->failed());

  t.files.faults().syncs_before_error = Faults::never;
  auto operations = t.files.faults().operations;
  CHECK(t.try_append({"three"}).code() == Code::internal);
  CHECK_FALSE(t.log->rotate().ok());
  CHECK_FALSE(t.log->rotate_if_due().ok());
  CHECK_FALSE(t.log->close().ok());
  CHECK(t.files.faults().operations == operations);

  t.kill();
  t.open();
  Texts found = t.read();
  REQUIRE(found.size() >= 1);
  CHECK(found[0] == "one");
}

TEST_CASE("after a failed sync the next process copies what it keeps to a new file, and syncs it") {
  LogFixture t;
  t.open();
  t.append({"one"});
  t.files.faults().syncs_before_error = 0;
  REQUIRE_FALSE(t.try_append({"two"}).ok());
  t.kill();
  t.files.faults().syncs_before_error = Faults::never;
  t.open();
  Texts kept = t.read();
  t.kill();
  // Whatever it said is there must survive now, although the failed sync may have left it in memory only.
  t.disk.cut_power(1);
  t.open();
  CHECK(t.read() == kept);
}

TEST_CASE("a full disk refuses the group whole, and the log goes on when there is room again") {
  LogFixture t;
  t.options.segment_bytes = 1 << 20;
  t.open();
  t.append({"one"});
  for (bool copy_on_write : {false, true}) {
    for (std::uint64_t room : {0, 1, 60, 300, 1000}) {
      t.files.faults().overwriting_needs_room = copy_on_write;
      t.files.faults().room_bytes = room;
      auto end = t.log->end();
      Status status = t.try_append({std::string(500'000, 'x'), "small"});
      INFO("room " << room << ", copy on write " << copy_on_write);
      REQUIRE(status.code() == Code::disk_full);
      REQUIRE_FALSE(t.log->failed());
      REQUIRE(t.log->end() == end);
      t.files.faults().room_bytes = Faults::never;
    }
  }
  t.append({"two"});
  CHECK(t.read() == Texts{"one", "two"});
  t.kill();
  t.open();
  CHECK(t.read() == Texts{"one", "two"});
}

TEST_CASE("on a full disk there is room for what settles transactions, and for nothing else") {
  LogFixture t;
  t.options.segment_bytes = 1 << 20;
  t.open();
  t.append({"one"});
  t.files.faults().room_bytes = 0;
  Texts all{"one"};
  while (t.try_append({std::string(1000, 'o')}).ok()) all.emplace_back(1000, 'o');
  for (int i = 0; i < 50; ++i) {
    all.emplace_back(1000, 's');
    LogRecord settling{{1}, {t.next_lsn++}, t.clock.now_ns, 7, as_bytes(all.back())};
    Status status = t.log->append_group({&settling, 1}, LogRoom::reserve).status();
    INFO(i << ": " << status.message());
    REQUIRE(status.ok());
    REQUIRE(t.try_append({"x"}).code() == Code::disk_full);
  }
  t.files.faults().room_bytes = Faults::never;
  t.append({"two"});
  all.emplace_back("two");
  CHECK(t.read() == all);
  t.kill();
  t.open();
  CHECK(t.read() == all);
}

TEST_CASE("a group that was refused never comes back, whatever is written after it") {
  // On a copy-on-write file system a part of the refused group is written before the disk is full.
  for (std::uint64_t room = 0; room < 4000; room += 40) {
    LogFixture t;
    bool cut_power = room % 80 == 0;
    t.open();
    t.append({"one"});
    t.files.faults().overwriting_needs_room = true;
    t.files.faults().room_bytes = room;
    Texts refused(20, "refused");
    if (t.try_append(refused).ok()) continue;
    t.files.faults().room_bytes = Faults::never;
    INFO("room " << room);
    t.kill();
    if (cut_power) t.disk.cut_power(room);
    t.open();
    REQUIRE(t.read() == Texts{"one"});
    t.append({"samelen"});
    t.kill();
    t.open();
    REQUIRE(t.read() == Texts{"one", "samelen"});
  }
}

TEST_CASE("without room for the next segment the open one stays, whole") {
  LogFixture t;
  t.options.segment_bytes = 4096;
  t.open();
  Texts all;
  while (t.log->stats().segment_bytes == 0 && t.log->end().value < 3500) {
    all.push_back(std::string(200, 'a'));
    t.append({all.back()});
  }
  for (std::uint64_t room = 0; room < 64; room += 8) {
    t.files.faults().room_bytes = room;
    REQUIRE(t.try_append({std::string(1000, 'b')}).code() == Code::disk_full);
    REQUIRE(t.log->rotate().code() == Code::disk_full);
    REQUIRE_FALSE(t.log->failed());
  }
  t.files.faults().room_bytes = Faults::never;
  all.push_back(std::string(1000, 'b'));
  t.append({all.back()});
  CHECK(t.log->stats().segments == 2);
  CHECK(t.read() == all);
}

TEST_CASE("a sync that fails for lack of room while sealing is a failed sync all the same") {
  LogFixture t;
  t.open();
  t.append({"one"});
  t.files.faults().sync_error = Code::disk_full;
  t.files.faults().syncs_before_error = 1;  // that of the next segment
  CHECK(t.log->rotate().code() == Code::internal);
  CHECK(t.log->failed());
  t.files.faults().syncs_before_error = Faults::never;
  auto operations = t.files.faults().operations;
  CHECK(t.try_append({"two"}).code() == Code::internal);
  CHECK(t.files.faults().operations == operations);
  t.kill();
  t.open();
  CHECK(t.read() == Texts{"one"});
}

TEST_CASE("without file descriptors the open segment grows, and is sealed when there are some again") {
  LogFixture t;
  t.options.segment_bytes = 4096;
  t.options.rotate_after_ns = 1000;
  bool spares = GENERATE(false, true);
  t.options.spare_segments = spares ? 1 : 0;
  t.open();
  t.log->work();
  t.files.faults().no_descriptors = true;
  Texts all;
  for (int i = 0; i < 20; ++i) {
    all.push_back(std::to_string(i) + std::string(1000, 'x'));
    t.append({all.back()});
    t.clock.now_ns += 5000;
    REQUIRE(t.log->rotate_if_due().code() == Code::overloaded);
    REQUIRE(t.log->rotate().code() == Code::overloaded);
    REQUIRE_FALSE(t.log->failed());
  }
  CHECK(t.log->stats().segments == 1);
  CHECK(t.log->stats().spare_segments == t.options.spare_segments);
  t.files.faults().no_descriptors = false;
  all.emplace_back("with descriptors");
  t.append({all.back()});
  CHECK(t.log->stats().segments == 2);
  CHECK(t.log->stats().spare_segments == 0);
  CHECK(t.read() == all);
  t.kill();
  t.open();
  CHECK(t.read() == all);
}

TEST_CASE("file descriptors that run out while a segment is sealed change nothing, nor at a clean stop") {
  LogFixture t;
  t.open();
  t.append({"one"});
  t.files.faults().before_sync = [&] { t.files.faults().no_descriptors = true; };  // the next segment is open by then
  REQUIRE(t.log->rotate().ok());
  CHECK(t.log->stats().segments == 2);
  bool empty = GENERATE(false, true);
  if (!empty) t.append({"two"});
  t.close();
  t.files.faults() = {};
  t.open();
  CHECK(t.log->recovery().clean);
  CHECK(t.read() == (empty ? Texts{"one"} : Texts{"one", "two"}));
}

TEST_CASE("a read-only volume is told at the start") {
  LogFixture t;
  t.files.faults().read_only = true;
  Status status = t.try_open();
  CHECK(status.code() == Code::unavailable);
  CHECK(status.message().find("read-only") != std::string::npos);
}

TEST_CASE("a closed log takes nothing more, but has not failed") {
  LogFixture t;
  t.open();
  t.append({"one"});
  REQUIRE(t.log->close().ok());
  CHECK_FALSE(t.log->failed());
  CHECK(t.try_append({"two"}).code() == Code::unavailable);
}
