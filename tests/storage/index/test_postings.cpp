#include <map>
#include <random>
#include <set>
#include <tuple>

#include "storage/index/postings.h"
#include "tests/storage/warm/warm_script.h"

using namespace engram;
using namespace engram::test;

namespace {

using Model = std::map<std::pair<SpaceId, NameId>, std::set<LocalId>>;

std::vector<std::uint64_t> ids_from(const Postings& postings, SpaceId space, NameId label, std::uint64_t first,
                                    std::size_t limit = 1000000) {
  std::vector<std::uint64_t> ids;
  postings.for_each_from(space, label, {first}, [&](LocalId id) {
    ids.push_back(id.value);
    return ids.size() < limit;
  });
  return ids;
}

void write_back(Postings& postings, WarmStore& store, std::uint64_t lsn) {
  std::vector<WarmChange> changes;
  postings.take_changes(changes);
  write(store, lsn, std::move(changes));
}

void check_agrees(const Postings& postings, const Model& model) {
  for (const auto& [name, members] : model) {
    std::vector<std::uint64_t> expected;
    for (LocalId id : members) expected.push_back(id.value);
    REQUIRE(ids_from(postings, name.first, name.second, 0) == expected);
    REQUIRE(postings.count(name.first, name.second) == expected.size());
  }
}

}  // namespace

TEST_CASE("ids come in order, from any point on, over blocks") {
  Postings postings;
  for (std::uint64_t id : {70000ull, 3ull, 65535ull, 65536ull, 1ull << 40, 5ull}) CHECK(postings.add({1}, {2}, {id}));
  CHECK(!postings.add({1}, {2}, {5}));
  using Ids = std::vector<std::uint64_t>;
  CHECK(ids_from(postings, {1}, {2}, 0) == Ids{3, 5, 65535, 65536, 70000, 1ull << 40});
  CHECK(ids_from(postings, {1}, {2}, 4) == Ids{5, 65535, 65536, 70000, 1ull << 40});
  CHECK(ids_from(postings, {1}, {2}, 65536) == Ids{65536, 70000, 1ull << 40});
  CHECK(ids_from(postings, {1}, {2}, 70001) == Ids{1ull << 40});
  CHECK(ids_from(postings, {1}, {2}, 0, 2) == Ids{3, 5});
  CHECK(ids_from(postings, {1}, {3}, 0).empty());
  CHECK(ids_from(postings, {2}, {2}, 0).empty());
  CHECK(postings.contains({1}, {2}, {65536}));
  CHECK(!postings.contains({1}, {2}, {65537}));
  CHECK(!postings.contains({2}, {2}, {65536}));
  CHECK(postings.count({1}, {2}) == 6);
  CHECK(postings.remove({1}, {2}, {5}));
  CHECK(!postings.remove({1}, {2}, {5}));
  CHECK(!postings.remove({9}, {2}, {5}));
  CHECK(postings.count({1}, {2}) == 5);
}

TEST_CASE("labels of a space are those that a vertex carries") {
  Postings postings;
  postings.add({1}, {7}, {1});
  postings.add({1}, Postings::all, {1});
  postings.add({1}, Postings::all, {2});
  postings.add({1}, {3}, {2});
  postings.remove({1}, {3}, {2});
  postings.add({2}, {9}, {2});
  using Labels = std::vector<std::pair<NameId, std::uint64_t>>;
  CHECK(postings.labels({1}) == Labels{{{0}, 2}, {{7}, 1}});
  CHECK(postings.labels({5}).empty());
}

TEST_CASE("only changed blocks are handed out, each once, and an empty one as a delete") {
  Postings postings;
  for (std::uint64_t id = 0; id < 200000; ++id) postings.add({1}, {1}, {id});
  std::vector<WarmChange> changes;
  postings.take_changes(changes);
  CHECK(changes.size() == 4);
  changes.clear();
  postings.take_changes(changes);
  CHECK(changes.empty());

  postings.remove({1}, {1}, {70000});
  postings.add({1}, {1}, {70000});
  postings.add({1}, {1}, {300000});
  postings.remove({1}, {1}, {300000});
  postings.take_changes(changes);
  REQUIRE(changes.size() == 2);
  CHECK(changes[0].value);
  CHECK(!changes[1].value);
}

TEST_CASE("many empty spaces cost nothing, and one with a few vertices little") {
  Postings postings;
  std::vector<WarmChange> changes;
  for (std::uint64_t space = 1; space <= 10000; ++space) {
    postings.add({space}, Postings::all, {space});
    postings.remove({space}, Postings::all, {space});
  }
  postings.take_changes(changes);
  CHECK(postings.bytes() / 10000 < 200);
  for (std::uint64_t space = 1; space <= 10000; ++space) postings.add({space}, Postings::all, {space});
  CHECK(postings.bytes() / 10000 < 400);
}

TEST_CASE("a dropped space is gone, in memory and after a reopen; its number may be used again") {
  TemporaryDirectory directory;
  auto store = open_store({directory.path()});
  Postings postings;
  for (std::uint64_t id = 0; id < 100000; id += 7) {
    postings.add({1}, Postings::all, {id});
    postings.add({1}, {4}, {id});
    postings.add({2}, Postings::all, {id + 1});
  }
  write_back(postings, *store, 1);
  postings.drop_space({1});
  CHECK(postings.count({1}, Postings::all) == 0);
  CHECK(ids_from(postings, {1}, {4}, 0).empty());
  CHECK(postings.add({1}, {4}, {14}));
  write_back(postings, *store, 2);

  Postings again;
  REQUIRE(again.load(WarmStore::View(*store)).ok());
  CHECK(again.labels({1}) == std::vector<std::pair<NameId, std::uint64_t>>{{{4}, 1}});
  CHECK(again.count({2}, Postings::all) == postings.count({2}, Postings::all));
}

TEST_CASE("entries that are no set of vertices are an error") {
  TemporaryDirectory directory;
  auto store = open_store({directory.path()});
  Postings postings;
  postings.add({1}, {1}, {5});
  std::vector<WarmChange> changes;
  postings.take_changes(changes);
  std::string key = changes[0].key;
  std::string value(as_text(changes[0].value.bytes()));
  auto load_of = [&](const std::string& stored_key, const std::string& stored) {
    write(*store, 1, {erase(WarmTable::postings, key), put(WarmTable::postings, stored_key, stored)});
    Postings loaded;
    Status status = loaded.load(WarmStore::View(*store));
    write(*store, 1, {erase(WarmTable::postings, stored_key)});
    if (!status.ok()) CHECK(loaded.labels({1}).empty());
    return status.code();
  };
  CHECK(load_of(key, value) == Code::none);
  CHECK(load_of(key, "") == Code::corrupt);
  CHECK(load_of(key, value + "x") == Code::corrupt);
  CHECK(load_of(key, value.substr(1)) == Code::corrupt);
  CHECK(load_of(key, value.substr(0, value.size() - 1)) == Code::corrupt);
  CHECK(load_of(key.substr(1), value) == Code::corrupt);
}

TEST_CASE("postings agree with sets, whatever the order of changes, write-backs and reopens") {
  for (unsigned seed = 1; seed <= 30; ++seed) {
    INFO("seed " << seed);
    std::mt19937 random(seed);
    TemporaryDirectory directory;
    auto store = open_store({directory.path(), std::size_t{1} << 22});
    auto postings = std::make_unique<Postings>();
    Model model;
    for (std::uint64_t step = 1; step <= 30; ++step) {
      for (int i = 0; i < 200; ++i) {
        SpaceId space{random() % 3};
        NameId label{static_cast<std::uint32_t>(random() % 3)};
        LocalId id{random() % 40 + (random() % 4) * 65530};
        bool changes = random() % 2 == 0 ? postings->add(space, label, id) == model[{space, label}].insert(id).second
                                         : postings->remove(space, label, id) == (model[{space, label}].erase(id) == 1);
        REQUIRE(changes);
        REQUIRE(postings->contains(space, label, id) == (model[{space, label}].count(id) == 1));
      }
      if (random() % 8 == 0) {
        SpaceId dropped{random() % 3};
        postings->drop_space(dropped);
        for (auto& [name, members] : model) {
          if (name.first == dropped) members.clear();
        }
      }
      if (random() % 2 == 0) write_back(*postings, *store, step);
      if (random() % 5 == 0) {
        write_back(*postings, *store, step);
        postings = std::make_unique<Postings>();
        REQUIRE(postings->load(WarmStore::View(*store)).ok());
      }
      check_agrees(*postings, model);
    }
  }
}
