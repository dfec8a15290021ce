#include "tests/storage/log/log_fixture.h"

#include "storage/log/segment_reader.h"

using namespace engram;
using namespace engram::test;
using Texts = std::vector<std::string>;

TEST_CASE("what was appended is read back, whole and in order") {
  LogFixture t;
  t.open();
  t.append({"one"});
  t.append({"two", "", std::string(10'000, 'x')}, 2);
  CHECK(t.read() == Texts{"one", "two", "", std::string(10'000, 'x')});

  auto reader = LogReader::open(t.disk, {t.options.dir, "", 0, {}});
  StoredRecord record;
  REQUIRE((*reader)->next(record).value());
  CHECK(record.partition == PartitionId{1});
  CHECK(record.lsn == Lsn{1});
  CHECK(record.accepted_ns == t.clock.now_ns);
  CHECK(record.epoch == 7);
  REQUIRE((*reader)->next(record).value());
  CHECK(record.partition == PartitionId{2});
  CHECK(record.lsn == Lsn{2});
  CHECK(reinterpret_cast<std::uintptr_t>(record.payload.data()) % 8 == 0);
}

TEST_CASE("a closed log opens clean, and goes on where it was") {
  LogFixture t;
  t.open();
  t.append({"one", "two"});
  auto end = t.log->end();
  t.close();
  t.open();
  CHECK(t.log->recovery().clean);
  CHECK(t.log->end() > end);
  t.append({"three"});
  CHECK(t.read() == Texts{"one", "two", "three"});
}

TEST_CASE("a killed log opens with every record, in a new file") {
  LogFixture t;
  t.open();
  t.append({"one"});
  t.append({"two"});
  t.kill();
  t.open();
  CHECK_FALSE(t.log->recovery().clean);
  CHECK_FALSE(t.log->recovery().tail_cut);
  CHECK(t.log->recovery().rewritten_bytes > 0);
  CHECK(t.read() == Texts{"one", "two"});
  t.append({"three"});
  t.kill();
  t.open();
  CHECK(t.read() == Texts{"one", "two", "three"});
}

TEST_CASE("opening and closing without records leaves no segments behind") {
  LogFixture t;
  for (int i = 0; i < 5; ++i) {
    t.open();
    CHECK(t.log->end() == LogPosition{64});
    if (i % 2 == 0) {
      t.close();
    } else {
      t.kill();
    }
  }
  t.open();
  t.append({"one"});
  t.close();
  for (int i = 0; i < 5; ++i) {
    t.open();
    t.close();
  }
  CHECK(t.disk.paths() == Texts{"/data/commands-00000000000000000000.sealed.log"});
  CHECK(t.read() == Texts{"one"});
}

TEST_CASE("a group makes one sync, and the position returned is the end") {
  LogFixture t;
  t.open();
  auto syncs = t.log->stats().syncs;
  auto before = t.log->end();
  t.append(Texts(100, "record"));
  CHECK(t.log->stats().syncs == syncs + 1);
  CHECK(t.log->stats().records == 100);
  CHECK(t.log->end().value == before.value + 100 * record_bytes(6));
  CHECK(t.log->stats().end_position == t.log->end().value);
}

TEST_CASE("an empty group is durable at once") {
  LogFixture t;
  t.open();
  auto position = t.log->append_group({});
  REQUIRE(position.ok());
  CHECK(*position == t.log->end());
  CHECK(t.log->stats().groups == 0);
}

TEST_CASE("a payload over the limit is refused, and the log goes on") {
  LogFixture t;
  t.open();
  std::vector<std::byte> large(std::size_t{max_log_payload_bytes} + 1);
  LogRecord record{{1}, {1}, 0, 0, large};
  CHECK(t.log->append_group({&record, 1}).status().code() == Code::too_large);
  t.append({"one"});
  CHECK(t.read() == Texts{"one"});
}

TEST_CASE("a reader may start at any position") {
  LogFixture t;
  t.options.segment_bytes = 4096;
  t.open();
  Texts all;
  std::vector<LogPosition> positions;
  for (int i = 0; i < 100; ++i) {
    all.push_back("record " + std::to_string(i) + std::string(100, '.'));
    t.append({all.back()});
  }
  auto reader = LogReader::open(t.disk, {t.options.dir, "", t.options.log_id, {}});
  for (StoredRecord record; (*reader)->next(record).value();) positions.push_back(record.position);
  REQUIRE(positions.size() == 100);
  for (std::size_t i = 0; i < 100; ++i) {
    Status error;
    CHECK(t.read(error, positions[i]) == Texts(all.begin() + static_cast<std::ptrdiff_t>(i), all.end()));
    CHECK(error.ok());
  }
  Status error;
  CHECK(t.read(error, t.log->end()).empty());
  CHECK(error.ok());
}

TEST_CASE("progress goes from nothing to everything") {
  LogFixture t;
  t.options.segment_bytes = 4096;
  t.open();
  for (int i = 0; i < 100; ++i) t.append({std::string(100, 'x')});
  auto reader = LogReader::open(t.disk, {t.options.dir, "", t.options.log_id, {}});
  CHECK((*reader)->progress().done_bytes == 0);
  CHECK((*reader)->progress().total_bytes > 100 * 100);
  std::uint64_t last = 0;
  for (StoredRecord record; (*reader)->next(record).value();) {
    CHECK((*reader)->progress().done_bytes >= last);
    last = (*reader)->progress().done_bytes;
  }
  CHECK((*reader)->progress().done_bytes == (*reader)->progress().total_bytes);
  CHECK((*reader)->end() == t.log->end());
}

TEST_CASE("a reader follows a log that is written, rotated and sealed meanwhile") {
  LogFixture t;
  t.options.segment_bytes = 4096;
  t.open();
  t.append({"first"});
  auto reader = LogReader::open(t.disk, {t.options.dir, "", t.options.log_id, {}});
  StoredRecord record;
  REQUIRE((*reader)->next(record).value());
  for (int i = 0; i < 100; ++i) t.append({std::to_string(i) + std::string(100, '.')});
  for (int i = 0; i < 100; ++i) {
    auto more = (*reader)->next(record);
    INFO(more.status().message());
    REQUIRE(more.ok());
    REQUIRE(*more);
    CHECK(as_text(record.payload) == std::to_string(i) + std::string(100, '.'));
  }
  CHECK_FALSE((*reader)->next(record).value());
}

TEST_CASE("a reader that a writer overtakes at any moment finds no damage") {
  // Larger than what is read at once: the second group is seen by another read than the place of the first.
  const Texts groups{std::string(1'500'000, 'a'), "small", std::string(1'500'000, 'b'), "at last"};
  for (int overtaken_at = 1; overtaken_at < 12; ++overtaken_at) {
    LogFixture t;
    t.options.segment_bytes = 8 << 20;
    t.options.spare_segments = 1;
    t.open();
    t.log->work();
    t.append({"first"});
    REQUIRE(t.log->rotate().ok());  // into the spare, which is pre-written
    int reads = 0;
    t.files.faults().before_read = [&] {
      if (++reads != overtaken_at) return;
      for (const std::string& group : groups) t.append({group});
    };
    INFO("overtaken at read " << overtaken_at);
    auto reader = LogReader::open(t.files, {t.options.dir, "", t.options.log_id, {}});
    REQUIRE(reader.ok());
    Texts found;
    for (StoredRecord record;;) {
      auto more = (*reader)->next(record);
      INFO(more.status().message());
      REQUIRE(more.ok());
      if (!*more) break;
      found.emplace_back(as_text(record.payload));
    }
    Texts all{"first"};
    if (found.size() > 1) all.insert(all.end(), groups.begin(), groups.end());
    CHECK(found == all);
  }
}

TEST_CASE("a segment of another log is refused by name") {
  LogFixture t;
  t.open();
  t.append({"one"});
  t.close();
  t.options.log_id = 99;
  Status status = t.try_open();
  CHECK(status.code() == Code::corrupt);
  CHECK(status.message().find("commands-00000000000000000000.sealed.log") != std::string::npos);
}

TEST_CASE("a log without id, or with tiny segments, is not opened") {
  LogFixture t;
  t.options.log_id = 0;
  CHECK(t.try_open().code() == Code::invalid_argument);
  t.options.log_id = 1;
  t.options.segment_bytes = 100;
  CHECK(t.try_open().code() == Code::invalid_argument);
}
