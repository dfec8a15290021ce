#include <catch2/catch.hpp>
#include <set>

#include "tests/storage/hot/model.h"

namespace engram {
namespace {

using namespace test;

/// What the warm store would hold: chunks by separator, as take_changes hands them out.
class StoredChunks {
 public:
  /// Returns how many bytes were handed out.
  std::size_t take(Adjacency& adjacency) {
    std::size_t bytes = 0;
    std::set<EdgeSlot> seen;
    adjacency.take_changes([&](const EdgeSlot& separator, BlobRef chunk) {
      REQUIRE(seen.insert(separator).second);
      bytes += chunk.size();
      if (chunk) {
        chunks_[separator] = chunk;
        copies_[separator] = std::string(as_text(chunk.bytes()));
      } else {
        chunks_.erase(separator);
        copies_.erase(separator);
      }
    });
    return bytes;
  }
  [[nodiscard]] Result<Adjacency> load(Side side) const {
    std::vector<std::pair<EdgeSlot, Bytes>> parts;
    for (const auto& [separator, chunk] : chunks_) parts.emplace_back(separator, chunk.bytes());
    return Adjacency::load(side, parts);
  }
  /// No change to the adjacency may reach what was handed out.
  [[nodiscard]] bool untouched() const {
    for (const auto& [separator, copy] : copies_) {
      if (as_text(chunks_.at(separator).bytes()) != copy) return false;
    }
    return true;
  }
  [[nodiscard]] bool sound(Side side) const {
    for (const auto& [separator, chunk] : chunks_) {
      if (!Adjacency::check_chunk(side, chunk.bytes()).ok()) return false;
    }
    return true;
  }
  [[nodiscard]] std::size_t count() const { return chunks_.size(); }

 private:
  std::map<EdgeSlot, BlobRef> chunks_;
  std::map<EdgeSlot, std::string> copies_;
};

struct Workload {
  std::uint64_t neighbours;
  std::size_t steps;
  std::size_t properties_bytes;
  unsigned erase_percent;
};

void run_against_model(std::uint64_t seed, Side side, const Workload& workload) {
  Random random(seed);
  Adjacency adjacency = Adjacency::empty(side);
  AdjacencyModel model(side);
  StoredChunks stored;
  Adjacency copy;
  AdjacencyModel copied_model(side);
  for (std::size_t step = 0; step < workload.steps; ++step) {
    EdgeSlot slot = random_slot(random, workload.neighbours);
    if (below(random, 100) < workload.erase_percent) {
      REQUIRE(adjacency.erase(slot) == (model.edges.erase(slot) == 1));
    } else {
      ModelEdge edge = random_edge(random, side, workload.properties_bytes);
      REQUIRE(adjacency.put(to_entry(slot, edge)) == model.edges.insert_or_assign(slot, edge).second);
    }
    std::optional<EdgeEntry> found = adjacency.find(slot);
    REQUIRE(found.has_value() == (model.edges.count(slot) == 1));
    if (found) REQUIRE(to_model(*found) == model.edges.at(slot));

    if (below(random, workload.steps / 8 + 1) == 0) {
      stored.take(adjacency);
      REQUIRE(!adjacency.dirty());
      Result<Adjacency> loaded = stored.load(side);
      REQUIRE(loaded.ok());
      REQUIRE(model.difference(*loaded) == "");
      if (below(random, 2) == 0) adjacency = std::move(loaded).value();
    }
    if (below(random, workload.steps / 4 + 1) == 0) {
      copy = adjacency;
      copied_model = model;
    }
  }
  REQUIRE(model.difference(adjacency) == "");
  if (copy.loaded()) REQUIRE(copied_model.difference(copy) == "");
  REQUIRE(stored.untouched());
  stored.take(adjacency);
  REQUIRE(stored.sound(side));
  Result<Adjacency> loaded = stored.load(side);
  REQUIRE(loaded.ok());
  REQUIRE(model.difference(*loaded) == "");
  REQUIRE((loaded->memory_bytes() > 0) == (loaded->degree() > 0));

  EdgeSlot from = random_slot(random, workload.neighbours);
  auto expected = model.edges.lower_bound(from);
  Adjacency::Cursor cursor = loaded->seek(from);
  EdgeEntry entry;
  for (int i = 0; i < 400 && expected != model.edges.end(); ++i, ++expected) {
    REQUIRE(cursor.next(entry));
    REQUIRE(entry.slot == expected->first);
  }
  if (expected == model.edges.end()) REQUIRE(!cursor.next(entry));
}

TEST_CASE("an adjacency does what a sorted map does, whatever the order of changes") {
  const Workload small{20, 60, 40, 40};          // one chunk, comes and goes
  const Workload medium{400, 700, 40, 25};       // splits and merges
  const Workload heavy{60, 120, 9000, 30};       // chunks that are split by bytes, single entries larger than a chunk
  const Workload shrinking{600, 1200, 20, 60};
  for (std::uint64_t seed = 1; seed <= 1000; ++seed) {
    CAPTURE(seed);
    Side side = seed % 3 == 0 ? Side::in : Side::out;
    run_against_model(seed, side, small);
    if (seed % 4 == 0) run_against_model(seed, side, medium);
    if (seed % 8 == 1) run_against_model(seed, Side::out, heavy);
    if (seed % 8 == 2) run_against_model(seed, side, shrinking);
  }
}

TEST_CASE("emptying a large adjacency leaves nothing in the store") {
  Adjacency adjacency = Adjacency::empty(Side::in);
  StoredChunks stored;
  for (std::uint64_t i = 0; i < 3000; ++i) adjacency.put({{{1}, {i}, 0}});
  stored.take(adjacency);
  REQUIRE(stored.count() > 5);
  for (std::uint64_t i = 0; i < 3000; ++i) REQUIRE(adjacency.erase({{1}, {i}, 0}));
  stored.take(adjacency);
  CHECK(stored.count() == 0);
  CHECK(adjacency.loaded());
  CHECK(adjacency.degree() == 0);
  CHECK(adjacency.memory_bytes() == 0);
}

TEST_CASE("a chunk that goes and comes back is stored, not deleted") {
  Adjacency adjacency = Adjacency::empty(Side::in);
  StoredChunks stored;
  for (std::uint64_t i = 0; i < 257; ++i) adjacency.put({{{1}, {i}, 0}});
  stored.take(adjacency);
  REQUIRE(stored.count() == 2);
  REQUIRE(adjacency.erase({{1}, {256}, 0}));
  REQUIRE(adjacency.put({{{1}, {256}, 0}}));
  stored.take(adjacency);
  CHECK(stored.count() == 2);
  CHECK(stored.load(Side::in)->degree() == 257);
}

TEST_CASE("what is not loaded has no edges, and says so") {
  Adjacency adjacency;
  CHECK(!adjacency.loaded());
  CHECK(!adjacency.dirty());
  CHECK(adjacency.degree() == 0);
  CHECK(!adjacency.find({{1}, {2}, 0}).has_value());
  CHECK(!adjacency.erase({{1}, {2}, 0}));
  EdgeEntry entry;
  CHECK(!adjacency.begin().next(entry));
  CHECK(!adjacency.seek({{1}, {2}, 0}).next(entry));
  CHECK(Adjacency::empty(Side::out).loaded());
}

TEST_CASE("an edge may be put back with its own properties") {
  Adjacency adjacency = Adjacency::empty(Side::out);
  std::string properties = text_property(300);
  adjacency.put({{{1}, {7}, 0}, 2.0, 10, 10, 1, as_bytes(properties)});
  adjacency.put({{{1}, {9}, 0}, 2.0, 10, 10, 1, as_bytes(properties)});
  for (int i = 0; i < 50; ++i) {
    EdgeEntry entry = *adjacency.find({{1}, {7}, 0});
    entry.weight = i % 2 == 0 ? 1.0 : 0.1;  // the properties move by eight bytes
    adjacency.put(entry);
    REQUIRE(as_text(adjacency.find({{1}, {7}, 0})->properties) == properties);
  }
}

TEST_CASE("a vertex with a million edges: one change touches one chunk") {
  Adjacency adjacency = Adjacency::empty(Side::in);
  Random random(1);
  for (std::uint64_t i = 0; i < 1'000'000; ++i) adjacency.put({{{1}, {random() % 100'000'000}, 0}});
  StoredChunks stored;
  stored.take(adjacency);
  for (int i = 0; i < 50; ++i) {
    adjacency.put({{{1}, {random() % 100'000'000}, 0}});
    REQUIRE(stored.take(adjacency) < 2 * Adjacency::max_chunk_bytes);
  }
  CHECK(stored.untouched());
  CHECK(adjacency.memory_bytes() < 6 * adjacency.degree());
}

TEST_CASE("edges put in ascending order leave full chunks") {
  Adjacency adjacency = Adjacency::empty(Side::in);
  for (std::uint64_t i = 0; i < 25'600; ++i) adjacency.put({{{1}, {i}, 0}});
  StoredChunks stored;
  stored.take(adjacency);
  CHECK(stored.count() == 100);
}

TEST_CASE("an edge without properties takes at most 24 bytes at its source and 40 at both ends") {
  Random random(1);
  Adjacency out = Adjacency::empty(Side::out);
  Adjacency in = Adjacency::empty(Side::in);
  for (std::uint64_t i = 0; i < 2000; ++i) {
    // A command each, over a day, neighbours all over four partitions.
    std::int64_t now_ns = 1'700'000'000'000'000'000 + static_cast<std::int64_t>(i) * 43'200'000'000;
    EdgeSlot slot{{1}, VertexId::of({static_cast<std::uint16_t>(below(random, 4))}, {below(random, 1 << 30)}), 0};
    out.put({slot, 0.5, now_ns, now_ns, 1'000'000 + i * 1000, {}});
    in.put({slot, 0.5});
  }
  CHECK(out.memory_bytes() < 24 * out.degree());
  CHECK(out.memory_bytes() + in.memory_bytes() < 40 * out.degree());
}

TEST_CASE("load refuses chunks whose separators or contents do not fit together") {
  Adjacency adjacency = Adjacency::empty(Side::in);
  for (std::uint64_t i = 0; i < 600; ++i) adjacency.put({{{1}, {i}, 0}});
  std::vector<std::pair<EdgeSlot, BlobRef>> chunks;
  adjacency.take_changes([&](const EdgeSlot& separator, BlobRef chunk) { chunks.emplace_back(separator, chunk); });
  REQUIRE(chunks.size() == 3);
  std::vector<std::pair<EdgeSlot, Bytes>> parts;
  for (const auto& [separator, chunk] : chunks) parts.emplace_back(separator, chunk.bytes());
  REQUIRE(Adjacency::load(Side::in, parts).ok());

  SECTION("the first chunk is missing") { parts.erase(parts.begin()); }
  SECTION("two chunks are exchanged") { std::swap(parts[1], parts[2]); }
  SECTION("an entry lies behind the next separator") { parts[2].first = {{1}, {400}, 0}; }
  SECTION("an entry lies before its separator") { parts[1].first = {{1}, {300}, 0}; }
  SECTION("a chunk is empty") { parts[1].second = {}; }
  SECTION("a chunk is cut") { parts[1].second = parts[1].second.first(parts[1].second.size() - 1); }
  Result<Adjacency> loaded = Adjacency::load(Side::in, parts);
  REQUIRE(!loaded.ok());
  CHECK(loaded.status().code() == Code::corrupt);
}

TEST_CASE("damaged chunks are refused or still sound, never undefined") {
  for (std::uint64_t seed = 1; seed <= 300; ++seed) {
    CAPTURE(seed);
    Random random(seed);
    Side side = seed % 2 == 0 ? Side::in : Side::out;
    Adjacency adjacency = Adjacency::empty(side);
    for (int i = 0; i < 12; ++i) {
      ModelEdge edge = random_edge(random, side, 30);
      adjacency.put(to_entry(random_slot(random, 1000), edge));
    }
    std::string chunk;
    adjacency.take_changes([&](const EdgeSlot&, BlobRef blob) { chunk = as_text(blob.bytes()); });
    REQUIRE(Adjacency::check_chunk(side, as_bytes(chunk)).ok());
    for (std::size_t size = 0; size < chunk.size(); ++size)
      REQUIRE(!Adjacency::check_chunk(side, as_bytes(std::string_view(chunk).substr(0, size))).ok());
    REQUIRE(!Adjacency::check_chunk(side, as_bytes(chunk + '\0')).ok());
    for (std::size_t i = 0; i < 50; ++i) {
      std::string damaged = chunk;
      damaged[below(random, damaged.size())] ^= static_cast<char>(1 << below(random, 8));
      Result<Adjacency> loaded = Adjacency::load(side, {{first_slot, as_bytes(damaged)}});
      if (!loaded.ok()) continue;
      // It parses: then it has to work like any other.
      ModelEdge edge = random_edge(random, side, 30);
      loaded->put(to_entry(random_slot(random, 1000), edge));
      loaded->erase(random_slot(random, 1000));
      EdgeEntry entry;
      std::size_t count = 0;
      for (auto cursor = loaded->begin(); cursor.next(entry);) ++count;
      REQUIRE(count == loaded->degree());
    }
  }
}

}  // namespace
}  // namespace engram
