#include <catch2/catch.hpp>

#include "storage/hot/vertex_head.h"
#include "tests/storage/hot/model.h"

namespace engram {
namespace {

using namespace test;

TEST_CASE("a head comes back as it was packed") {
  for (std::uint64_t seed = 1; seed <= 2000; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    std::string key(1 + below(random, 1024), 'k');
    std::string properties = text_property(below(random, 100));
    NewHead head{{random() >> below(random, 64)}, key, static_cast<std::int64_t>(random()),
                 static_cast<std::int64_t>(random()), random() >> below(random, 64), {}, as_bytes(properties)};
    std::vector<NameId> sorted;
    for (std::uint32_t label = 1; label < 10; ++label) {
      if (below(random, 2) == 0) sorted.push_back({label * 1000});
    }
    head.labels = sorted;
    std::shuffle(head.labels.begin(), head.labels.end(), random);

    BlobRef blob = pack_head(head);
    Result<VertexHead> parsed = parse_head(blob.bytes());
    REQUIRE(parsed.ok());
    CHECK(parsed->space == head.space);
    CHECK(parsed->key == key);
    CHECK(parsed->created_ns == head.created_ns);
    CHECK(parsed->changed_ns == head.changed_ns);
    CHECK(parsed->version == head.version);
    CHECK(parsed->label_count == sorted.size());
    CHECK(parsed->labels() == sorted);
    CHECK(as_text(parsed->properties) == properties);
    for (std::uint32_t label = 0; label < 11'000; label += 500)
      CHECK(parsed->has_label({label}) == (std::count(sorted.begin(), sorted.end(), NameId{label}) == 1));
  }
}

TEST_CASE("a head matches its own space and key only") {
  BlobRef blob = pack_head({{7}, "alice", 1, 1, 1, {}, {}});
  CHECK(head_matches(blob.bytes(), {7}, "alice"));
  CHECK(!head_matches(blob.bytes(), {8}, "alice"));
  CHECK(!head_matches(blob.bytes(), {7}, "alic"));
  CHECK(!head_matches(blob.bytes(), {7}, "alicf"));
  CHECK(!head_matches({}, {7}, "alice"));
}

TEST_CASE("a cut head is refused") {
  BlobRef blob = pack_head({{7}, "alice", 1, 2, 300, {{5}, {500}}, {}});
  for (std::size_t size = 0; size < blob.size(); ++size) {
    CAPTURE(size);
    CHECK(parse_head(blob.bytes().first(size)).status().code() == Code::corrupt);
  }
}

TEST_CASE("a head with a short key, one label and no properties takes less than 24 bytes") {
  CHECK(pack_head({{0}, "1234567", 1'700'000'000'000'000'000, 1'700'000'000'000'000'000, 400'000, {{1}}, {}}).size() < 24);
}

}  // namespace
}  // namespace engram
