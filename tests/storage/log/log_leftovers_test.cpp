// What a start does with the files that an earlier one left, or could not make.

#include "tests/storage/log/log_fixture.h"

using namespace engram;
using namespace engram::test;
using Texts = std::vector<std::string>;

namespace {

const std::string first_segment = "/data/commands-00000000000000000000.log";
const std::string first_sealed = "/data/commands-00000000000000000000.sealed.log";

/// The open segment of a log with these groups, killed.
std::string open_segment_with(const Texts& groups) {
  LogFixture t;
  t.open();
  for (const std::string& group : groups) t.append({group});
  t.kill();
  return t.disk.content(first_segment);
}

/// What the next start makes of it.
std::string sealed_copy_of(const std::string& open_segment) {
  LogFixture t;
  t.disk.set_content(first_segment, open_segment);
  t.open();
  return t.disk.content(first_sealed);
}

}  // namespace

TEST_CASE("an open segment of which there is a sealed copy goes") {
  std::string open = open_segment_with({"one", "two"});
  LogFixture t;
  t.disk.set_content(first_sealed, sealed_copy_of(open));
  SECTION("whole") { t.disk.set_content(first_segment, open); }
  SECTION("with less: the copy has what the disk has lost since") {
    t.disk.set_content(first_segment, open.substr(0, 150));
  }
  SECTION("with nothing") { t.disk.set_content(first_segment, {}); }
  t.open();
  CHECK(t.read() == Texts{"one", "two"});
  CHECK_FALSE(t.disk.exists(first_segment));
}

TEST_CASE("an open segment with records that the sealed file lacks stays, and is named") {
  std::string sealed = sealed_copy_of(open_segment_with({"one", "two"}));
  std::string open;
  SECTION("further ones") { open = open_segment_with({"one", "two", "three"}); }
  SECTION("others") { open = open_segment_with({"one", "twO"}); }
  LogFixture t;
  t.disk.set_content(first_sealed, sealed);
  t.disk.set_content(first_segment, open);
  Status status = t.try_open();
  CHECK(status.code() == Code::corrupt);
  CHECK_THAT(status.message(), Catch::Contains(first_segment) && Catch::Contains(first_sealed));
  CHECK(t.disk.content(first_segment) == open);
  CHECK(t.disk.content(first_sealed) == sealed);
}

TEST_CASE("an open segment beside a sealed copy that is damaged stays") {
  std::string open = open_segment_with({"one", "two"});
  std::string sealed = sealed_copy_of(open);
  LogFixture t;
  t.disk.set_content(first_segment, open);
  t.disk.set_content(first_sealed, sealed.substr(0, sealed.size() - 8));
  CHECK(t.try_open().code() == Code::corrupt);
  CHECK(t.disk.content(first_segment) == open);
}

TEST_CASE("without room for its copy the open segment stays, and nothing else") {
  std::string open = open_segment_with({"one", std::string(5000, 'x')});
  for (std::uint64_t room : {0, 1, 100, 5000, 5200}) {
    LogFixture t;
    t.disk.set_content(first_segment, open);
    t.files.faults().room_bytes = room;
    INFO("room " << room);
    CHECK(t.try_open().code() == Code::disk_full);
    CHECK(t.disk.paths() == Texts{first_segment});
    t.files.faults().room_bytes = Faults::never;
    t.files.faults().syncs_before_error = 0;
    CHECK(t.try_open().code() == Code::internal);
    CHECK(t.disk.paths() == Texts{first_segment});
    t.files.faults().syncs_before_error = Faults::never;
    t.open();
    CHECK(t.read() == Texts{"one", std::string(5000, 'x')});
  }
}

TEST_CASE("a killed log with spares starts on a full disk: the spares make the room") {
  LogFixture t;
  t.options.spare_segments = 2;
  t.open();
  t.log->work();
  Texts all{"one", std::string(20'000, 'x'), "three"};
  for (const std::string& text : all) t.append({text});
  t.kill();
  t.files.faults().room_bytes = 0;
  t.files.faults().free_bytes = 0;
  t.open();
  CHECK(t.read() == all);
  t.append({"four"});
  all.emplace_back("four");
  CHECK(t.read() == all);
  t.files.faults().room_bytes = t.files.faults().free_bytes = Faults::never;
  t.log->work();
  CHECK(t.log->stats().spare_segments == 2);
}
