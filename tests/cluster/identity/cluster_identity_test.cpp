// What a volume knows of its cluster.
#include <catch2/catch.hpp>

#include "cluster/identity/node_identity.h"
#include "tests/support/faulty_files.h"
#include "tests/support/manual_clock.h"
#include "tests/support/memory_files.h"
#include "tests/support/seeded_random.h"

using namespace engram;
using Catch::Contains;

namespace {

/// tests/golden/v1, byte for byte.
constexpr const char* version_1_text =
    "# Whose data this is. Written once by engram; do not edit, copy or delete.\n"
    "format_version = 1\n"
    "cluster_id = e12ac08ddcfb57951c85c84875ceb8a5\n"
    "disk_id = a9a97c4c77dada4fcf4703773c22a8b0\n"
    "log_id = ec7bf380a6d4bcec\n"
    "ordinal = 0\n"
    "partitions = 2\n"
    "created_ns = 1795256753247566994\n"
    "checksum = c421aaba10399fa5\n";

/// What the first version with clusters writes for node 1 of 3: it has to be read for ever.
constexpr const char* version_2_text =
    "# Whose data this is. Written once by engram; do not edit, copy or delete.\n"
    "format_version = 2\n"
    "cluster_id = e12ac08ddcfb57951c85c84875ceb8a5\n"
    "disk_id = a9a97c4c77dada4fcf4703773c22a8b0\n"
    "log_id = ec7bf380a6d4bcec\n"
    "ordinal = 1\n"
    "nodes = 3\n"
    "name = mind\n"
    "partitions = 16\n"
    "created_ns = 1795256753247566994\n"
    "checksum = cfd59a7612b0e8b1\n";

struct Setup {
  test::MemoryFiles files;
  test::SeededRandom random{7};
  test::ManualClock clock;
  IdentityOptions options;

  Setup() {
    options.data_dir = "/data";
    options.ordinal = 1;
    options.default_partitions = 16;
    options.nodes = 3;
    options.name = "mind";
  }
  Result<NodeDirectory> open() { return NodeDirectory::open(options, files, random, clock); }
  NodeIdentity identity() {
    Result<NodeDirectory> opened = open();
    INFO(opened.status().message());
    REQUIRE(opened.ok());
    return opened->identity();
  }
  Status refusal() {
    Result<NodeDirectory> opened = open();
    REQUIRE_FALSE(opened.ok());
    CHECK(opened.status().code() == Code::invalid_argument);
    return opened.status();
  }
};

}  // namespace

TEST_CASE("a directory of the first version is one node's, and a single node's is still written like that") {
  NodeIdentity old = parse_identity(version_1_text, "NODE").value();
  CHECK(old.nodes == 1);
  CHECK(old.partitions == 2);
  CHECK(format_identity(old) == version_1_text);

  Setup setup;
  setup.options = {};
  setup.options.data_dir = "/data";
  CHECK(setup.identity().format_version == 1);
  setup.files.set_content("/data/NODE", version_1_text);
  CHECK(setup.identity() == old);
}

TEST_CASE("a directory of a cluster has a format that older engines refuse, and it stays as it is") {
  NodeIdentity identity = parse_identity(version_2_text, "NODE").value();
  CHECK(identity.ordinal == 1);
  CHECK(identity.nodes == 3);
  CHECK(identity.name == "mind");
  CHECK(identity.partitions == 16);
  CHECK(format_identity(identity) == version_2_text);

  Setup setup;
  NodeIdentity made = setup.identity();
  CHECK(made.format_version == 2);
  CHECK(made.nodes == 3);
  CHECK(made.name == "mind");
  CHECK(setup.identity() == made);
}

TEST_CASE("every flipped bit and every cut of a cluster's NODE file is found") {
  const std::string text = version_2_text;
  for (std::size_t size = 0; size < text.size(); ++size)
    CHECK(parse_identity(text.substr(0, size), "NODE").status().code() == Code::corrupt);
  for (std::size_t bit = 0; bit < text.size() * 8; ++bit) {
    std::string damaged = text;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
    CHECK(parse_identity(damaged, "NODE").status().code() == Code::corrupt);
  }
}

TEST_CASE("fields that cannot be are damage") {
  const NodeIdentity good = parse_identity(version_2_text, "NODE").value();
  auto is_damaged = [&](auto change) {
    NodeIdentity bad = good;
    change(bad);
    return parse_identity(format_identity(bad), "NODE").status().code() == Code::corrupt;
  };
  CHECK_FALSE(is_damaged([](NodeIdentity&) {}));
  CHECK(is_damaged([](NodeIdentity& identity) { identity.ordinal = 3; }));
  CHECK(is_damaged([](NodeIdentity& identity) { identity.nodes = 0; }));
  CHECK(is_damaged([](NodeIdentity& identity) { identity.nodes = 17; }));
  CHECK(is_damaged([](NodeIdentity& identity) { identity.name = ""; }));
}

TEST_CASE("number of nodes and name are fixed when the directory is made") {
  Setup setup;
  (void)setup.identity();
  setup.options.nodes = 5;
  CHECK(setup.refusal().field() == "cluster.nodes");
  CHECK_THAT(setup.refusal().message(), Contains("made with nodes 3, but cluster.nodes = 5") &&
                                            Contains("set cluster.nodes = 3"));
  setup.options.nodes = 1;
  CHECK_THAT(setup.refusal().message(), Contains("made with nodes 3, but cluster.nodes = 1"));
  setup.options.nodes = 3;
  setup.options.name = "heart";
  CHECK(setup.refusal().field() == "node.name");
  CHECK_THAT(setup.refusal().message(), Contains("made with the name mind-1, but node.name = heart-1"));
  setup.options.name = "mind";
  setup.options.ordinal = 2;
  CHECK(setup.refusal().field() == "node.ordinal");
  setup.options.ordinal = 1;
  setup.options.partitions = 8;
  CHECK(setup.refusal().field() == "cluster.partitions");
  setup.options.partitions = 16;
  CHECK(setup.open().ok());
}

TEST_CASE("a single node may be renamed, but not become one of several") {
  Setup setup;
  setup.options.nodes = 1;
  NodeIdentity alone = setup.identity();
  setup.options.name = "heart";
  CHECK(setup.identity() == alone);
  setup.options.nodes = 3;
  CHECK_THAT(setup.refusal().message(), Contains("made with nodes 1, but cluster.nodes = 3"));
}

TEST_CASE("a new directory takes the id of the cluster that it joins") {
  Setup setup;
  Id128 cluster_id;
  cluster_id.bytes.fill(0xab);
  setup.options.cluster_id = cluster_id;
  NodeIdentity joined = setup.identity();
  CHECK(joined.cluster_id == cluster_id);
  CHECK(joined.disk_id != cluster_id);
  CHECK(setup.identity() == joined);

  // It is never taken over into another one.
  cluster_id.bytes.fill(0xcd);
  setup.options.cluster_id = cluster_id;
  CHECK_THAT(setup.refusal().message(), Contains("belongs to the cluster abab") && Contains("are the cluster cdcd"));
  setup.options.cluster_id.reset();
  CHECK(setup.identity() == joined);
}

TEST_CASE("what could not be a node of a cluster makes no directory") {
  Setup setup;
  SECTION("no such ordinal") { setup.options.ordinal = 3; }
  SECTION("fewer partitions than nodes") { setup.options.partitions = 2; }
  CHECK(setup.refusal().field() == "cluster.nodes");
  CHECK(NodeDirectory::is_new("/data", setup.files).value());
}

TEST_CASE("whether a directory is new can be asked without making it") {
  Setup setup;
  CHECK(NodeDirectory::is_new("/data", setup.files).value());
  CHECK_FALSE(setup.files.exists("/data"));
  setup.files.set_content("/data/lost+found", "");
  CHECK(NodeDirectory::is_new("/data", setup.files).value());
  CHECK_FALSE(setup.files.exists("/data/NODE"));

  (void)setup.identity();
  CHECK_FALSE(NodeDirectory::is_new("/data", setup.files).value());
  // Also while an engine runs on it.
  Result<NodeDirectory> held = setup.open();
  REQUIRE(held.ok());
  CHECK_FALSE(NodeDirectory::is_new("/data", setup.files).value());
}

TEST_CASE("data without a NODE file is not new, whatever the cluster says") {
  for (const char* name : {"commands-00000000000000000000.log", "STARTS", "PEERS"}) {
    CAPTURE(name);
    Setup setup;
    setup.files.set_content("/data/" + std::string(name), "");
    Result<bool> is_new = NodeDirectory::is_new("/data", setup.files);
    CHECK(is_new.status().code() == Code::corrupt);
    CHECK_THAT(is_new.status().message(), Contains(name) && Contains("no NODE file"));
    CHECK(setup.open().status().code() == Code::corrupt);
  }
}

TEST_CASE("power cut while a node joins: the directory is the cluster's, or still new") {
  for (std::uint64_t seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    Setup setup;
    setup.options.cluster_id.emplace().bytes.fill(0xab);
    test::FaultyFiles faulty(setup.files);
    faulty.faults().operations_before_crash = seed % 10;
    bool told = NodeDirectory::open(setup.options, faulty, setup.random, setup.clock).ok();
    setup.files.cut_power(seed);
    bool is_new = NodeDirectory::is_new("/data", setup.files).value();
    if (told) CHECK_FALSE(is_new);
    CHECK(setup.open()->created() == is_new);
    CHECK(setup.identity().cluster_id == *setup.options.cluster_id);
  }
}
