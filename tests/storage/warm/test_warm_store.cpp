#include <atomic>
#include <map>
#include <thread>

#include "tests/storage/warm/warm_script.h"

using namespace engram;
using namespace engram::test;

namespace {

std::vector<std::string> keys_from(const WarmStore::View& view, WarmTable table, std::string_view first,
                                   std::string_view prefix, std::size_t limit = 1000) {
  std::vector<std::string> keys;
  Status status = view.scan(table, as_bytes(first), as_bytes(prefix), [&](Bytes key, Bytes) {
    keys.emplace_back(as_text(key));
    return keys.size() < limit;
  });
  REQUIRE(status.ok());
  return keys;
}

}  // namespace

TEST_CASE("what was written is there after a reopen, with its LSN") {
  TemporaryDirectory directory;
  WarmOptions options{directory / "warm/p7"};
  auto store = open_store(options);
  CHECK(WarmStore::View(*store).applied_lsn() == Lsn{0});
  write(*store, 12, {put(WarmTable::vertices, warm_vertex_key({5}), "five"), put(WarmTable::names, "n", "likes"),
                     put(WarmTable::ordered, "index entry", "")});
  write(*store, 15, {put(WarmTable::vertices, warm_vertex_key({6}), "six"), erase(WarmTable::names, "n")});

  store.reset();
  store = open_store(options);
  CHECK(WarmStore::View(*store).applied_lsn() == Lsn{15});
  CHECK(read(*store, WarmTable::vertices, warm_vertex_key({5})) == "five");
  CHECK(read(*store, WarmTable::vertices, warm_vertex_key({6})) == "six");
  CHECK(read(*store, WarmTable::ordered, "index entry") == "");
  CHECK(read(*store, WarmTable::names, "n") == std::nullopt);
  CHECK(read(*store, WarmTable::meta, "n") == std::nullopt);
  CHECK(WarmStore::View(*store).entries(WarmTable::vertices) == 2);
  CHECK(store->check({}).ok());
}

TEST_CASE("of several changes to one key the last one counts, and a delete of nothing is no error") {
  TemporaryDirectory directory;
  auto store = open_store({directory.path()});
  write(*store, 1, {put(WarmTable::meta, "a", "1"), put(WarmTable::meta, "b", "1"), erase(WarmTable::meta, "b"),
                    put(WarmTable::meta, "a", "2"), erase(WarmTable::meta, "never"), erase(WarmTable::meta, "c"),
                    put(WarmTable::meta, "c", "3")});
  CHECK(read(*store, WarmTable::meta, "a") == "2");
  CHECK(read(*store, WarmTable::meta, "b") == std::nullopt);
  CHECK(read(*store, WarmTable::meta, "c") == "3");
  write(*store, 2, {put(WarmTable::meta, "c", "4"), put(WarmTable::meta, "d", "4"), erase(WarmTable::meta, "c")});
  CHECK(read(*store, WarmTable::meta, "c") == std::nullopt);
  CHECK(read(*store, WarmTable::meta, "d") == "4");
}

TEST_CASE("a scan starts where it is told and stays within its prefix") {
  TemporaryDirectory directory;
  auto store = open_store({directory.path()});
  write(*store, 1, {put(WarmTable::names, "b3", ""), put(WarmTable::names, "a1", ""), put(WarmTable::names, "b1", ""),
                    put(WarmTable::names, "c1", ""), put(WarmTable::names, "b2", "")});
  WarmStore::View view(*store);
  using Keys = std::vector<std::string>;
  CHECK(keys_from(view, WarmTable::names, "", "") == Keys{"a1", "b1", "b2", "b3", "c1"});
  CHECK(keys_from(view, WarmTable::names, "", "b") == Keys{"b1", "b2", "b3"});
  CHECK(keys_from(view, WarmTable::names, "b2", "b") == Keys{"b2", "b3"});
  CHECK(keys_from(view, WarmTable::names, "b15", "b") == Keys{"b2", "b3"});
  CHECK(keys_from(view, WarmTable::names, "b4", "b").empty());
  CHECK(keys_from(view, WarmTable::names, "", "", 2) == Keys{"a1", "b1"});
  CHECK(keys_from(view, WarmTable::meta, "", "").empty());
}

TEST_CASE("a view sees one state while writes go on") {
  TemporaryDirectory directory;
  auto store = open_store({directory.path()});
  write(*store, 1, {put(WarmTable::meta, "k", "old")});
  WarmStore::View before(*store);
  std::thread([&] { write(*store, 2, {put(WarmTable::meta, "k", "new")}); }).join();
  WarmStore::View after(*store);
  CHECK(read(before, WarmTable::meta, "k") == "old");
  CHECK(before.applied_lsn() == Lsn{1});
  CHECK(read(after, WarmTable::meta, "k") == "new");
  CHECK(after.applied_lsn() == Lsn{2});
}

TEST_CASE("every write makes the one before it durable, and sync the last one") {
  TemporaryDirectory directory;
  auto store = open_store({directory.path()});
  write(*store, 10, {});
  CHECK(store->synced_lsn() == Lsn{0});
  write(*store, 20, {});
  CHECK(store->synced_lsn() == Lsn{10});
  REQUIRE(store->sync().ok());
  CHECK(store->synced_lsn() == Lsn{20});
  store.reset();
  CHECK(open_store({directory.path()})->synced_lsn() == Lsn{20});
}

TEST_CASE("random batches of any order agree with a map, after every reopen too") {
  for (unsigned seed = 1; seed <= 10; ++seed) {
    INFO("seed " << seed);
    std::srand(seed);
    TemporaryDirectory directory;
    WarmOptions options{directory.path(), std::size_t{1} << 20};
    auto store = open_store(options);
    std::map<std::pair<WarmTable, std::string>, std::string> model;
    for (std::uint64_t lsn = 1; lsn <= 40; ++lsn) {
      std::vector<WarmChange> changes;
      for (int i = std::rand() % 200; i > 0; --i) {
        auto table = static_cast<WarmTable>(std::rand() % static_cast<int>(WarmTable::count_));
        std::string key = warm_vertex_key({static_cast<std::uint64_t>(std::rand() % 300) + lsn * 5});
        std::string value(static_cast<std::size_t>(std::rand() % 40 == 0 ? 9000 : std::rand() % 50),
                          static_cast<char>('a' + std::rand() % 26));
        if (std::rand() % 3 == 0) {
          changes.push_back(erase(table, key));
          model.erase({table, key});
        } else {
          changes.push_back(put(table, key, value));
          model[{table, key}] = value;
        }
      }
      write(*store, lsn, std::move(changes));
      if (lsn % 10 != 0) continue;
      store.reset();
      store = open_store(options);
      REQUIRE(store->check({}).ok());
      WarmStore::View view(*store);
      std::map<std::pair<WarmTable, std::string>, std::string> found;
      for (int i = 0; i < static_cast<int>(WarmTable::count_); ++i) {
        auto table = static_cast<WarmTable>(i);
        REQUIRE(view.scan(table, {}, {}, [&](Bytes key, Bytes value) {
          found[{table, std::string(as_text(key))}] = std::string(as_text(value));
          return true;
        }).ok());
      }
      REQUIRE(found == model);
    }
  }
}

TEST_CASE("a key that LMDB cannot take is refused by name, and nothing of its batch is written") {
  TemporaryDirectory directory;
  auto store = open_store({directory.path()});
  for (const std::string& key : {std::string(), std::string(512, 'k')}) {
    Status status = store->write({put(WarmTable::meta, "good", "1"), put(WarmTable::keys, key, "1")}, Lsn{1});
    CHECK(status.code() == Code::too_large);
    CHECK(status.field() == "key");
    CHECK(status.limit() == 511);
    CHECK(status.message().find("'keys'") != std::string::npos);
  }
  write(*store, 1, {put(WarmTable::keys, std::string(511, 'k'), "1")});
  CHECK(read(*store, WarmTable::meta, "good") == std::nullopt);
  CHECK(read(*store, WarmTable::keys, std::string(511, 'k')) == "1");
}

TEST_CASE("the map grows by itself, in small and in large batches, with idle views in the pool") {
  TemporaryDirectory directory;
  WarmOptions options{directory.path(), std::size_t{1} << 20};
  auto store = open_store(options);
  const std::string value(4000, 'v');
  std::uint64_t lsn = 0;
  for (std::uint64_t batch : {1000, 2000, 8000, 100, 9000}) {
    std::vector<WarmChange> changes;
    for (std::uint64_t i = 0; i < batch; ++i)
      changes.push_back(put(WarmTable::vertices, warm_vertex_key({lsn++}), value));
    write(*store, lsn, std::move(changes));
    CHECK(read(*store, WarmTable::vertices, warm_vertex_key({lsn - 1})) == value);
  }
  CHECK(store->sizes().map_bytes > std::size_t{64} << 20);
  CHECK(store->sizes().file_bytes > std::size_t{64} << 20);
  CHECK(store->sizes().used_bytes > std::size_t{64} << 20);
  CHECK(store->sizes().used_bytes <= store->sizes().file_bytes);
  store.reset();
  store = open_store(options);
  CHECK(WarmStore::View(*store).entries(WarmTable::vertices) == lsn);
  CHECK(store->check({}).ok());
}

TEST_CASE("growing waits for a view that is open in another thread, and the view stays whole") {
  TemporaryDirectory directory;
  auto store = open_store({directory.path(), std::size_t{1} << 20});
  write(*store, 1, {put(WarmTable::meta, "k", "kept")});
  auto view = std::make_unique<WarmStore::View>(*store);
  std::thread writer([&] {
    std::vector<WarmChange> changes;
    for (std::uint64_t i = 0; i < 1000; ++i)
      changes.push_back(put(WarmTable::vertices, warm_vertex_key({i}), std::string(3000, 'v')));
    write(*store, 2, std::move(changes));
  });
  std::this_thread::sleep_for(std::chrono::milliseconds(100));
  CHECK(read(*view, WarmTable::meta, "k") == "kept");
  CHECK(read(*store, WarmTable::meta, "k") == "kept");  // a second view of this thread, while growth waits
  view.reset();
  writer.join();
  CHECK(read(*store, WarmTable::vertices, warm_vertex_key({999})) == std::string(3000, 'v'));
}

TEST_CASE("reads and writes from several threads, while the map grows") {
  TemporaryDirectory directory;
  auto store = open_store({directory.path(), std::size_t{1} << 20});
  std::atomic<bool> done{false};
  std::atomic<int> mismatches{0};
  auto reader = [&] {
    while (!done) {
      WarmStore::View view(*store);
      std::uint64_t lsn = view.applied_lsn().value;
      auto value = view.get(WarmTable::meta, as_bytes("lsn"));
      if (lsn != 0 && (!value.ok() || !*value || as_text(**value) != std::to_string(lsn))) ++mismatches;
    }
  };
  std::thread first(reader);
  std::thread second(reader);
  for (std::uint64_t lsn = 1; lsn <= 100; ++lsn) {
    std::vector<WarmChange> changes{put(WarmTable::meta, "lsn", std::to_string(lsn))};
    for (std::uint64_t i = 0; i < 50; ++i)
      changes.push_back(put(WarmTable::vertices, warm_vertex_key({lsn * 50 + i}), std::string(3000, 'v')));
    write(*store, lsn, std::move(changes));
  }
  done = true;
  first.join();
  second.join();
  CHECK(mismatches == 0);
  CHECK(store->sizes().map_bytes > std::size_t{8} << 20);
}

TEST_CASE("more views than there are slots answer an error, and work again when one is free") {
  TemporaryDirectory directory;
  auto store = open_store({directory.path()});
  write(*store, 1, {put(WarmTable::meta, "k", "v")});
  std::vector<std::unique_ptr<WarmStore::View>> views;
  for (int i = 0; i < 126; ++i) views.push_back(std::make_unique<WarmStore::View>(*store));
  CHECK(read(*views.back(), WarmTable::meta, "k") == "v");
  {
    WarmStore::View one_more(*store);
    CHECK(one_more.get(WarmTable::meta, as_bytes("k")).status().code() == Code::unavailable);
    CHECK(one_more.scan(WarmTable::meta, {}, {}, [](Bytes, Bytes) { return true; }).code() == Code::unavailable);
  }
  views.pop_back();
  CHECK(read(*store, WarmTable::meta, "k") == "v");
}

TEST_CASE("a store is open in one place at a time; readers share") {
  TemporaryDirectory directory;
  auto store = open_store({directory.path()});
  write(*store, 3, {put(WarmTable::meta, "k", "v")});
  CHECK(open_error({directory.path()}) == Code::unavailable);
  CHECK(open_error({directory.path(), 1 << 20, true}) == Code::unavailable);
  store.reset();

  auto reader = open_store({directory.path(), 1 << 20, true});
  auto other = open_store({directory.path(), 1 << 20, true});
  CHECK(read(*reader, WarmTable::meta, "k") == "v");
  CHECK(WarmStore::View(*other).applied_lsn() == Lsn{3});
  CHECK(other->check({}).ok());
  CHECK(!reader->write({put(WarmTable::meta, "k", "w")}, Lsn{4}).ok());
  CHECK(open_error({directory.path()}) == Code::unavailable);
}

TEST_CASE("hashes of keys tell spaces apart") {
  CHECK(warm_key_hash({1}, "a").size() == 16);
  CHECK(warm_key_hash({1}, "a") == warm_key_hash({1}, "a"));
  CHECK(warm_key_hash({1}, "a") != warm_key_hash({2}, "a"));
  CHECK(warm_key_hash({1}, "a") != warm_key_hash({1}, "b"));
  CHECK(warm_vertex_key({255}) < warm_vertex_key({256}));
}
