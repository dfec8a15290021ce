// Damaged, foreign and newer files: every one is an error that says what to do, none a crash.

#include <cstring>
#include <filesystem>

#include "storage/warm/warm_entry.h"
#include "storage/warm/warm_pages.h"
#include "tests/storage/warm/warm_script.h"
#include "tests/support/text_file.h"

using namespace engram;
using namespace engram::test;

namespace {

std::string key_of(std::size_t number) { return warm_vertex_key({number}); }

void fill(const std::string& path, std::size_t entries, const std::string& value) {
  auto store = open_store({path, std::size_t{1} << 24});
  std::vector<WarmChange> changes;
  for (std::size_t i = 0; i < entries; ++i) changes.push_back(put(WarmTable::vertices, key_of(i), value));
  write(*store, 9, std::move(changes));
}

/// Where the header page of the last commit starts.
std::size_t newest_header(const std::string& content) {
  std::uint64_t transactions[2];
  std::memcpy(&transactions[0], content.data() + 144, sizeof(std::uint64_t));
  std::memcpy(&transactions[1], content.data() + 4096 + 144, sizeof(std::uint64_t));
  return transactions[0] > transactions[1] ? 0 : 4096;
}

std::filesystem::path memory_directory() {
  return std::filesystem::exists("/dev/shm") ? "/dev/shm" : std::filesystem::temp_directory_path();
}

}  // namespace

TEST_CASE("every flipped bit in a value or its checksum is found") {
  TemporaryDirectory directory;
  const std::string value = "twenty bytes exactly";
  const std::size_t bits = (value.size() + warm_checksum_bytes) * 8;
  fill(directory.path(), bits + 1, value);
  {
    RawStore raw(directory.path());
    for (std::size_t bit = 0; bit < bits; ++bit) {
      std::string stored = raw.stored("vertices", key_of(bit));
      stored[bit / 8] = static_cast<char>(stored[bit / 8] ^ (1 << bit % 8));
      raw.store("vertices", key_of(bit), stored);
    }
  }
  auto store = open_store({directory.path()});
  WarmStore::View view(*store);
  for (std::size_t bit = 0; bit < bits; ++bit) {
    auto found = view.get(WarmTable::vertices, as_bytes(key_of(bit)));
    INFO("bit " << bit);
    REQUIRE(found.status().code() == Code::corrupt);
    CHECK(found.status().message().find("'vertices'") != std::string::npos);
  }
  CHECK(read(view, WarmTable::vertices, key_of(bits)) == value);
  CHECK(view.scan(WarmTable::vertices, {}, {}, [](Bytes, Bytes) { return true; }).code() == Code::corrupt);

  std::size_t damaged = 0;
  std::uint64_t visited = 0;
  Status checked = store->check([&](WarmTable, std::uint64_t done, std::uint64_t) { visited += done; },
                                [&](const Status&) { ++damaged; });
  CHECK(checked.code() == Code::corrupt);
  CHECK(damaged == bits);
  CHECK(visited == bits + 1);
}

TEST_CASE("a value in the wrong place is found, and so is one too short to have a checksum") {
  TemporaryDirectory directory;
  fill(directory.path(), 4, "value");
  {
    RawStore raw(directory.path());
    raw.store("vertices", key_of(0), raw.stored("vertices", key_of(1)));
    raw.store("edges", key_of(1), raw.stored("vertices", key_of(1)));
    raw.store("vertices", key_of(2), "abc");
    raw.store("vertices", key_of(3), "");
  }
  auto store = open_store({directory.path()});
  WarmStore::View view(*store);
  CHECK(view.get(WarmTable::vertices, as_bytes(key_of(0))).status().code() == Code::corrupt);
  CHECK(read(view, WarmTable::vertices, key_of(1)) == "value");
  CHECK(view.get(WarmTable::edges, as_bytes(key_of(1))).status().code() == Code::corrupt);
  CHECK(view.get(WarmTable::vertices, as_bytes(key_of(2))).status().code() == Code::corrupt);
  CHECK(view.get(WarmTable::vertices, as_bytes(key_of(3))).status().code() == Code::corrupt);
}

TEST_CASE("a store of a newer format is refused, and the message names both versions") {
  TemporaryDirectory directory;
  fill(directory.path(), 1, "value");
  {
    RawStore raw(directory.path());
    std::uint64_t newer = 7;
    std::string stored(sizeof newer + warm_checksum_bytes, '\0');
    seal_warm_value(warm_header_table, as_bytes("format"),
                    {reinterpret_cast<const std::byte*>(&newer), sizeof newer},
                    reinterpret_cast<std::byte*>(stored.data()));
    raw.store("header", "format", stored);
  }
  Status status = WarmStore::open({directory.path()}).status();
  CHECK(status.code() == Code::unsupported);
  CHECK(status.message().find("format 7") != std::string::npos);
  CHECK(status.message().find("up to 1") != std::string::npos);
}

TEST_CASE("a damaged LSN or format is not taken for zero") {
  TemporaryDirectory directory;
  fill(directory.path(), 1, "value");
  const char* name = GENERATE("format", "applied_lsn");
  {
    RawStore raw(directory.path());
    std::string stored = raw.stored("header", name);
    stored[0] = static_cast<char>(stored[0] ^ 1);
    raw.store("header", name, stored);
  }
  CHECK(open_error({directory.path()}) == Code::corrupt);
}

TEST_CASE("files that are no warm store are refused and left alone") {
  TemporaryDirectory directory;
  const std::string file = directory / "data.mdb";
  auto content = GENERATE(as<std::string>(), "hello", std::string(4096, '\0'), std::string(100000, '\0'),
                          std::string(100000, 'x'));
  write_text(file, content);
  Status status = WarmStore::open({directory.path()}).status();
  CHECK(status.code() == Code::corrupt);
  CHECK(status.message().find(file) != std::string::npos);
  CHECK(read_text(file) == content);
}

TEST_CASE("a large value that a smaller one replaced in the same transaction is no damage") {
  TemporaryDirectory directory;
  fill(directory.path(), 10, "value");
  {
    RawStore raw(directory.path());
    raw.store("vertices", "large", std::string(100'000, 'a'));
    raw.store("vertices", "large", std::string(20'000, 'b'));  // LMDB leaves it all of the pages
  }
  Status status = check_warm_pages(directory.path(), WarmPages::all);
  INFO(status.message());
  CHECK(status.ok());
}

TEST_CASE("an LMDB file of another program is refused") {
  TemporaryDirectory directory;
  { RawStore(directory.path()).store("recipes", "bread", "flour"); }
  CHECK(open_error({directory.path()}) == Code::corrupt);
}

TEST_CASE("a directory that is not there or cannot be made is an error") {
  TemporaryDirectory directory;
  CHECK(open_error({directory / "missing", 1 << 20, true}) == Code::unavailable);
  CHECK(open_error({directory.path(), 1 << 20, true}) == Code::unavailable);
  write_text(directory / "file", "");
  CHECK(open_error({directory / "file/store"}) == Code::unavailable);
}

TEST_CASE("a file cut off anywhere is an error or whole, never a crash") {
  TemporaryDirectory directory(memory_directory());
  fill(directory.path(), 600, std::string(900, 'v'));
  // Frees pages at the file's beginning, to which the next commits move the roots: the end holds vertices only.
  std::vector<WarmChange> erased;
  for (std::size_t i = 0; i < 300; ++i) erased.push_back(erase(WarmTable::vertices, key_of(i)));
  for (std::uint64_t lsn = 10; lsn < 16; ++lsn)
    write(*open_store({directory.path()}), lsn, lsn == 10 ? erased : std::vector{put(WarmTable::meta, "a", "b")});
  const std::string file = directory / "data.mdb";
  const std::string content = read_text(file);
  std::size_t refused = 0;
  for (std::size_t size = 1; size < content.size(); size += 2731) {
    write_text(file, content.substr(0, size));
    auto store = WarmStore::open({directory.path()});
    INFO("cut at " << size << ": " << store.status().message());
    if (!store.ok()) {
      CHECK(store.status().code() == Code::corrupt);
      ++refused;
      continue;
    }
    CHECK((*store)->check({}).ok());
    CHECK(WarmStore::View(**store).entries(WarmTable::vertices) == 300);
  }
  CHECK(refused > content.size() / 2731 / 2);
}

TEST_CASE("a damaged list of tables or free pages is found at the start of an engine") {
  TemporaryDirectory directory(memory_directory());
  fill(directory.path(), 600, std::string(900, 'v'));
  const std::string file = directory / "data.mdb";
  const std::string content = read_text(file);
  for (std::size_t root_at : {80, 128}) {  // of the free pages and of the tables, in a header page
    for (std::size_t header : {0, 4096}) {
      std::uint64_t root = 0;
      std::memcpy(&root, content.data() + header + root_at, sizeof root);
      if (root > content.size() / 4096) continue;
      std::string damaged = content;
      damaged.replace(root * 4096 + 8, 300, 300, '\x5a');
      write_text(file, damaged);
      auto store = WarmStore::open({directory.path()});
      if (header == newest_header(content)) CHECK(store.status().code() == Code::corrupt);
    }
  }
}
