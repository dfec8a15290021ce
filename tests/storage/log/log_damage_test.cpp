// The two promises about damage: what was torn by a crash is cut, and nothing else ever is.

#include "tests/storage/log/log_fixture.h"

#include "storage/base/checksum.h"
#include "storage/log/log_format.h"

using namespace engram;
using namespace engram::test;
using Texts = std::vector<std::string>;

namespace {

const std::string first_segment = "/data/commands-00000000000000000000.log";
const std::string first_sealed = "/data/commands-00000000000000000000.sealed.log";

/// A log with three groups of records, killed; returns where each record ends in the file.
std::vector<std::size_t> write_three_groups(LogFixture& t, Texts& all) {
  t.open();
  std::vector<std::size_t> ends;
  for (const Texts& group : {Texts{"one", "two two"}, Texts{"three"}, Texts{"", "five five five", "six"}}) {
    std::size_t at = t.log->end().value;
    t.append(group);
    for (const std::string& text : group) {
      at += record_bytes(text.size());
      ends.push_back(at);
      all.push_back(text);
    }
  }
  t.kill();
  return ends;
}

}  // namespace

TEST_CASE("a tail cut at any byte leaves exactly the records that are whole") {
  LogFixture made;
  Texts all;
  auto ends = write_three_groups(made, all);
  std::string whole = made.disk.content(first_segment);
  for (std::size_t cut = 0; cut <= ends.back() + 16; ++cut) {
    LogFixture t;
    t.disk.set_content(first_segment, whole.substr(0, cut));
    std::size_t expected = 0;
    while (expected < ends.size() && ends[expected] <= cut) ++expected;
    INFO("cut at " << cut);
    t.open();
    REQUIRE(t.read() == Texts(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(expected)));
    t.append({"and on"});
    t.kill();
    t.open();
    REQUIRE(t.read().size() == expected + 1);
  }
}

TEST_CASE("a bit flipped anywhere in a sealed segment is found") {
  LogFixture made;
  made.open();
  made.append({"one", "two two"});
  made.append({"three"});
  made.close();
  std::string whole = made.disk.content(first_sealed);
  for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
    LogFixture t;
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    t.disk.set_content(first_sealed, flipped);
    Status error;
    t.read(error);
    INFO("bit " << bit % 8 << " of byte " << bit / 8);
    REQUIRE((error.code() == Code::corrupt || error.code() == Code::unsupported));
    REQUIRE(error.message().find(first_sealed) != std::string::npos);
  }
}

TEST_CASE("a bit flipped in an open segment is an error where it was synced, and a cut in the last group only") {
  LogFixture made;
  Texts all;
  auto ends = write_three_groups(made, all);
  std::string whole = made.disk.content(first_segment);
  std::size_t last_group = ends[2];
  for (std::size_t bit = 0; bit < ends.back() * 8; ++bit) {
    LogFixture t;
    std::string flipped = whole;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << bit % 8));
    t.disk.set_content(first_segment, flipped);
    INFO("bit " << bit % 8 << " of byte " << bit / 8);
    Status status = t.try_open();
    if (bit / 8 < last_group) {
      REQUIRE(status.code() == Code::corrupt);
      REQUIRE(status.message().find(first_segment + " at offset ") != std::string::npos);
      REQUIRE(t.disk.content(first_segment) == flipped);  // never truncated, never rewritten
      continue;
    }
    REQUIRE(status.ok());
    std::size_t expected = 3;
    while (ends[expected] <= bit / 8) ++expected;
    REQUIRE(t.read() == Texts(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(expected)));
  }
}

TEST_CASE("a sealed segment that is cut anywhere, or has more bytes, is an error") {
  LogFixture made;
  made.open();
  made.append({"one", "two"});
  made.close();
  std::string whole = made.disk.content(first_sealed);
  for (std::size_t cut = 0; cut <= whole.size() + 8; ++cut) {
    if (cut == whole.size()) continue;
    LogFixture t;
    t.disk.set_content(first_sealed, (whole + std::string(8, '\0')).substr(0, cut));
    INFO("cut at " << cut);
    Status error;
    t.read(error);
    REQUIRE(error.code() == Code::corrupt);
    REQUIRE(t.try_open().code() == Code::corrupt);
  }
}

TEST_CASE("a missing segment is an error, wherever it is missing") {
  LogFixture t;
  t.options.segment_bytes = 4096;
  t.open();
  while (t.log->stats().segments < 5) t.append({std::string(500, 'x')});
  t.kill();
  auto segments = list_segments(t.disk, t.options.dir).value();
  for (std::size_t missing = 1; missing + 1 < segments.size(); ++missing) {
    std::string content = t.disk.content(segments[missing].path);
    REQUIRE(t.disk.remove(segments[missing].path).ok());
    Status error;
    t.read(error);
    CHECK(error.code() == Code::corrupt);
    CHECK(error.message().find("gap") != std::string::npos);
    CHECK(t.try_open().code() == Code::corrupt);
    t.disk.set_content(segments[missing].path, content);
  }
  REQUIRE(t.disk.remove(segments.front().path).ok());
  Status error;
  t.read(error, {64});
  CHECK(error.code() == Code::corrupt);
  CHECK(error.message().find("put back the earlier segments") != std::string::npos);
}

TEST_CASE("an unsealed segment that is followed by another is damage, not a torn tail") {
  LogFixture t;
  t.open();
  t.append({"one"});
  std::string unsealed = t.disk.content(first_segment);
  REQUIRE(t.log->rotate().ok());
  t.append({"two"});
  t.kill();
  REQUIRE(t.disk.remove(first_sealed).ok());
  t.disk.set_content(first_segment, unsealed);
  CHECK(t.try_open().code() == Code::corrupt);
  Status error;
  t.read(error);
  CHECK(error.code() == Code::corrupt);
}

TEST_CASE("a crash between sealing and renaming loses nothing") {
  LogFixture t;
  t.open();
  t.append({"one"});
  t.close();
  t.disk.set_content(first_segment, t.disk.content(first_sealed));
  REQUIRE(t.disk.remove(first_sealed).ok());
  t.open();
  CHECK(t.read() == Texts{"one"});
  CHECK(t.disk.exists(first_sealed));
  CHECK_FALSE(t.disk.exists(first_segment));
}

TEST_CASE("a segment of a newer format is named, not read") {
  LogFixture t;
  t.open();
  t.append({"one"});
  t.close();
  std::string content = t.disk.content(first_sealed);
  content[8] = 2;  // the version, and the checksum that goes with it
  std::uint64_t checksum = checksum64(as_bytes(std::string_view(content).substr(0, 56)));
  std::memcpy(content.data() + 56, &checksum, 8);
  t.disk.set_content(first_sealed, content);
  Status error;
  t.read(error);
  CHECK(error.code() == Code::unsupported);
}
