#include <catch2/catch.hpp>

#include "storage/log/layout.h"
#include "storage/log/log_format.h"

using namespace engram;
using log_layout::Kind;

TEST_CASE("file names sort as positions do, and are read back") {
  CHECK(log_layout::name_of(Kind::open_segment, 5) == "commands-00000000000000000005.log");
  CHECK(log_layout::name_of(Kind::sealed_segment, ~0ull) == "commands-18446744073709551615.sealed.log");
  for (Kind kind : {Kind::open_segment, Kind::sealed_segment, Kind::partial_segment, Kind::spare, Kind::partial_spare}) {
    auto name = log_layout::parse(log_layout::name_of(kind, 123456789));
    REQUIRE(name);
    CHECK(name->kind == kind);
    CHECK(name->number == 123456789);
  }
}

TEST_CASE("other files are left alone") {
  for (const char* name : {"", "NODE", "commands-.log", "commands-5.log", "commands-0000000000000000000x.log",
                           "commands-99999999999999999999.log", "commands-00000000000000000005.log~",
                           "commands-00000000000000000005.sealed.log.partial"})
    CHECK_FALSE(log_layout::parse(name));
}

TEST_CASE("a seal's summary survives the way to disk and back") {
  SegmentSummary summary;
  summary.add({{3}, {10}, 100, 0, {}});
  summary.add({{65535}, {1}, 200, 0, {}});
  summary.add({{3}, {11}, 300, 0, {}});
  std::string bytes = summary.encode({4096});
  CHECK(bytes.size() == summary.encoded_bytes());
  auto decoded = SegmentSummary::decode(as_bytes(bytes));
  REQUIRE(decoded);
  CHECK(*decoded == summary);
  CHECK(decoded->partitions[{3}].first == Lsn{10});
  CHECK(decoded->partitions[{3}].last == Lsn{11});
  for (std::size_t cut = 0; cut < bytes.size(); ++cut)
    CHECK_FALSE(SegmentSummary::decode(as_bytes(std::string_view(bytes).substr(0, cut))));
}

TEST_CASE("a record is valid at its own position of its own log only") {
  std::string bytes;
  append_record(bytes, 77, RecordKind::command, {{1}, {2}, 3, 4, as_bytes("hello")}, {640}, {64});
  CHECK(bytes.size() == record_bytes(5));
  CHECK(bytes.size() % 8 == 0);
  REQUIRE(plausible_header(as_bytes(bytes), {640}));
  CHECK_FALSE(plausible_header(as_bytes(bytes), {648}));
  CHECK(checksum_matches(as_bytes(bytes), 77));
  CHECK_FALSE(checksum_matches(as_bytes(bytes), 78));
}
