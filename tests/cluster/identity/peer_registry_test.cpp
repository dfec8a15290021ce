#include "cluster/identity/peer_registry.h"

#include <catch2/catch.hpp>

#include <atomic>
#include <thread>

#include "tests/support/faulty_files.h"
#include "tests/support/memory_files.h"

using namespace engram;
using Catch::Contains;

namespace {

Id128 disk(std::uint8_t number) {
  Id128 id;
  id.bytes.fill(number);
  return id;
}

struct Setup {
  test::MemoryFiles disk_files;
  test::FaultyFiles files{disk_files};

  Setup() { (void)disk_files.make_directory("/data"); }
  std::unique_ptr<PeerRegistry> open() {
    auto registry = PeerRegistry::open("/data", disk_files);
    INFO(registry.status().message());
    REQUIRE(registry.ok());
    return std::move(*registry);
  }
  std::unique_ptr<PeerRegistry> open_faulty() { return PeerRegistry::open("/data", files).value(); }
};

constexpr Incarnation first_start{1, 500};
constexpr Incarnation second_start{2, 30};

}  // namespace

TEST_CASE("a peer that nobody saw before is remembered, and known after a restart") {
  Setup setup;
  {
    auto registry = setup.open();
    CHECK(registry->judge(1, disk(7), first_start).value() == PeerStanding::first_seen);
    CHECK_FALSE(setup.disk_files.exists("/data/PEERS"));  // judging changes nothing
    REQUIRE(registry->remember(1, disk(7), first_start).ok());
  }
  auto again = setup.open();
  CHECK(again->judge(1, disk(7), first_start).value() == PeerStanding::known);
  CHECK(again->judge(1, disk(7), second_start).value() == PeerStanding::restarted);
  CHECK(again->judge(2, disk(8), first_start).value() == PeerStanding::first_seen);
  CHECK(again->peers() == KnownPeers{{1, {disk(7), first_start}}});
}

TEST_CASE("another volume than the known one is refused, with both ids and the way out") {
  Setup setup;
  auto registry = setup.open();
  REQUIRE(registry->remember(1, disk(7), second_start).ok());
  Status refused = registry->judge(1, disk(9), {5, 5}).status();
  CHECK(refused.code() == Code::precondition_failed);
  CHECK_THAT(refused.message(), Contains(disk(7).hex()) && Contains(disk(9).hex()) &&
                                    Contains("bring back the old volume") && Contains("`engram cluster forget-volume 1`"));
  CHECK(registry->remember(1, disk(9), {5, 5}).code() == Code::precondition_failed);
  CHECK(registry->peers().at(1).disk_id == disk(7));

  // Lost for good: the operator says so, and then the new volume is right.
  REQUIRE(registry->forget(1).ok());
  CHECK(setup.open()->judge(1, disk(9), first_start).value() == PeerStanding::first_seen);
  REQUIRE(registry->remember(1, disk(9), first_start).ok());
  CHECK(registry->judge(1, disk(7), second_start).status().code() == Code::precondition_failed);
  CHECK(registry->forget(40).ok());
}

TEST_CASE("an empty volume may ask for its cluster, unless its node had one before") {
  Setup setup;
  auto registry = setup.open();
  CHECK(registry->judge(1, Id128(), {}).value() == PeerStanding::first_seen);
  REQUIRE(registry->remember(1, Id128(), {}).ok());
  CHECK(registry->peers().empty());
  REQUIRE(registry->remember(1, disk(7), first_start).ok());
  Status refused = registry->judge(1, Id128(), {}).status();
  CHECK(refused.code() == Code::precondition_failed);
  CHECK_THAT(refused.message(), Contains("has an empty volume"));
}

TEST_CASE("of two processes that claim one ordinal, the older one has to stop") {
  Setup setup;
  auto registry = setup.open();
  REQUIRE(registry->remember(1, disk(7), first_start).ok());
  REQUIRE(registry->remember(1, disk(7), second_start).ok());
  Status refused = registry->judge(1, disk(7), first_start).status();
  CHECK(refused.code() == Code::conflict);
  CHECK_THAT(refused.message(), Contains("newer process of node 1") && Contains("start 2") && Contains("has to stop") &&
                                    Contains("`engram cluster forget-volume 1`"));
  CHECK(registry->remember(1, disk(7), first_start).code() == Code::conflict);
  CHECK(setup.open()->judge(1, disk(7), first_start).status().code() == Code::conflict);

  // Two copies of one volume have counted the same number of starts: one of them wins, and always the same.
  Incarnation copy{2, 31};
  REQUIRE(registry->remember(1, disk(7), copy).ok());
  CHECK(registry->judge(1, disk(7), second_start).status().code() == Code::conflict);
}

TEST_CASE("of two volumes that come at the same time for one ordinal, one is remembered") {
  for (int round = 0; round < 20; ++round) {
    Setup setup;
    auto registry = setup.open();
    std::atomic<int> remembered{0}, refused{0};
    std::vector<std::thread> threads;
    for (std::uint8_t i = 1; i <= 4; ++i)
      threads.emplace_back([&, i] {
        Status status = registry->remember(1, disk(i), first_start);
        if (status.ok()) ++remembered;
        if (status.code() == Code::precondition_failed) ++refused;
      });
    for (std::thread& thread : threads) thread.join();
    CHECK(remembered == 1);
    CHECK(refused == 3);
    CHECK(setup.open()->peers() == registry->peers());
  }
}

TEST_CASE("a volume that could not be written down is not known") {
  Setup setup;
  auto registry = setup.open_faulty();
  setup.files.faults().room_bytes = 0;
  CHECK(registry->remember(1, disk(7), first_start).code() == Code::disk_full);
  CHECK(registry->judge(1, disk(7), first_start).value() == PeerStanding::first_seen);
  setup.files.faults().room_bytes = test::Faults::never;
  CHECK(registry->remember(1, disk(7), first_start).ok());
  CHECK(setup.open()->peers() == registry->peers());
}

TEST_CASE("a newer process counts although the disk is full, and is written when there is room") {
  Setup setup;
  auto registry = setup.open_faulty();
  REQUIRE(registry->remember(1, disk(7), first_start).ok());
  setup.files.faults().room_bytes = 0;
  CHECK(registry->remember(1, disk(7), second_start).code() == Code::disk_full);
  CHECK(registry->judge(1, disk(7), first_start).status().code() == Code::conflict);
  CHECK(setup.open()->peers().at(1).newest == first_start);
  setup.files.faults().room_bytes = test::Faults::never;
  CHECK(registry->remember(1, disk(7), second_start).ok());
  CHECK(setup.open()->peers().at(1).newest == second_start);
}

TEST_CASE("what cannot be forgotten on disk is still known") {
  Setup setup;
  auto registry = setup.open_faulty();
  REQUIRE(registry->remember(1, disk(7), first_start).ok());
  setup.files.faults().syncs_before_error = 0;
  CHECK(registry->forget(1).code() == Code::internal);
  CHECK(registry->judge(1, disk(9), first_start).status().code() == Code::precondition_failed);
  setup.files.faults().syncs_before_error = test::Faults::never;
  CHECK(registry->forget(1).ok());
  CHECK(registry->peers().empty());
}

TEST_CASE("nothing is written when nothing is new") {
  Setup setup;
  auto registry = setup.open_faulty();
  REQUIRE(registry->remember(1, disk(7), first_start).ok());
  std::uint64_t before = setup.files.faults().operations;
  for (int i = 0; i < 100; ++i) REQUIRE(registry->remember(1, disk(7), first_start).ok());
  CHECK(setup.files.faults().operations == before);
}

TEST_CASE("peers are read back from their text, and every damage of it is found") {
  KnownPeers many;
  for (std::uint32_t i = 0; i < 65536; i += 13) many[i] = {disk(static_cast<std::uint8_t>(i)), {i * 5ull, ~0ull - i}};
  CHECK(parse_peers(format_peers(many), "PEERS").value() == many);
  CHECK(parse_peers(format_peers({}), "PEERS").value().empty());

  const std::string text = format_peers({{1, {disk(7), first_start}}, {2, {disk(8), second_start}}});
  for (std::size_t size = 0; size < text.size(); ++size)
    CHECK(parse_peers(text.substr(0, size), "PEERS").status().code() == Code::corrupt);
  for (std::size_t bit = 0; bit < text.size() * 8; ++bit) {
    std::string damaged = text;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    CHECK(parse_peers(damaged, "PEERS").status().code() == Code::corrupt);
  }
}

TEST_CASE("a damaged file stops the start and says what to do") {
  Setup setup;
  setup.disk_files.set_content("/data/PEERS", "node 1 = nobody\n");
  Status damaged = PeerRegistry::open("/data", setup.files).status();
  CHECK(damaged.code() == Code::corrupt);
  CHECK_THAT(damaged.message(), Contains("/data/PEERS is damaged") && Contains("remove this file if"));
}

TEST_CASE("a thousand peers survive a restart") {
  Setup setup;
  auto registry = setup.open();
  KnownPeers all;
  for (std::uint32_t i = 0; i < 1000; ++i) {
    all[i] = {disk(static_cast<std::uint8_t>(i + 1)), {i + 1, i}};
    if (all[i].disk_id == Id128()) all[i].disk_id = disk(1);
    REQUIRE(registry->remember(i, all[i].disk_id, all[i].newest).ok());
  }
  CHECK(setup.open()->peers() == all);
}

TEST_CASE("power cut while peers come and go: what was promised is known, and the file is whole") {
  for (std::uint64_t seed = 0; seed < 400; ++seed) {
    CAPTURE(seed);
    Setup setup;
    setup.files.faults().operations_before_crash = seed % 25;
    KnownPeers promised;
    {
      auto registry = setup.open_faulty();
      for (std::uint32_t i = 0; i < 5; ++i) {
        Incarnation incarnation{i + 1, seed};
        if (registry->remember(i % 3, disk(static_cast<std::uint8_t>(i % 3 + 1)), incarnation).ok())
          promised[i % 3] = {disk(static_cast<std::uint8_t>(i % 3 + 1)), incarnation};
      }
    }
    setup.disk_files.cut_power(seed);
    KnownPeers found = setup.open()->peers();
    for (const auto& [ordinal, peer] : promised) {
      CAPTURE(ordinal);
      REQUIRE(found.contains(ordinal));
      CHECK(found[ordinal].disk_id == peer.disk_id);
      CHECK(found[ordinal].newest >= peer.newest);
    }
  }
}

TEST_CASE("power cut while a volume is forgotten: it is forgotten once that was promised") {
  for (std::uint64_t seed = 0; seed < 100; ++seed) {
    CAPTURE(seed);
    Setup setup;
    auto registry = setup.open_faulty();
    REQUIRE(registry->remember(1, disk(7), first_start).ok());
    setup.files.faults().operations_before_crash = setup.files.faults().operations + seed % 7;
    bool forgotten = registry->forget(1).ok();
    setup.disk_files.cut_power(seed);
    if (forgotten) CHECK(setup.open()->peers().empty());
    (void)setup.open();
  }
}
