// Starts that must not be: each ends with exit code 1 and says what is wrong and what to do; the data stays as it was.
// And what a client may rely on after a start that is right.

#include <catch2/catch.hpp>

#include <arpa/inet.h>
#include <capnp/serialize.h>
#include <lmdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>
#include <map>
#include <thread>

#include "client/engram/connection.h"
#include "schema/command.capnp.h"
#include "storage/warm/warm_entry.h"
#include "tests/support/engine_process.h"
#include "tests/support/patient_client.h"
#include "tests/support/skip.h"
#include "tests/support/small_volume.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/text_file.h"

using namespace engram;
using namespace engram::test;
using Catch::Contains;

namespace {

/// An engine's place in a directory of its own.
EngineSetup setup_in(const TemporaryDirectory& directory, const std::string& name = "data") {
  EngineSetup setup;
  setup.data_dir = directory / name;
  setup.socket = directory / (name + "-socket");
  setup.output = directory / (name + "-output");
  // Nothing is written back: the log alone holds the graph.
  setup.flags = {"--cluster-partitions", "2", "--log-segment-bytes", "1MiB", "--warm-write-back-after-ms", "1h",
                 "--warm-initial-map-bytes", "16MiB", "--hot-bytes", "64MiB"};
  return setup;
}

void put_vertices(const EngineSetup& setup, int first, int count, std::size_t ballast_bytes) {
  client::Client client = connect_patiently(setup.server());
  for (int i = first; i < first + count; ++i) {
    client::VertexOptions options;
    options.properties = {{"ballast", std::string(ballast_bytes, 'b')}};
    REQUIRE(client.submit(client::Batch().put_vertex("vertex " + std::to_string(i), options)).committed());
  }
}

void require_vertices(const EngineSetup& setup, std::uint64_t count) {
  auto statistics = connect_patiently(setup.server()).statistics();
  REQUIRE(statistics.ok());
  CHECK(statistics->space.vertices == count);
}

using Files = std::map<std::string, std::string>;

/// The files that are not the same, by name.
std::vector<std::string> differences(const Files& before, const Files& after) {
  std::vector<std::string> names;
  for (const auto& [name, content] : before)
    if (!after.contains(name) || after.at(name) != content) names.push_back(name);
  for (const auto& [name, content] : after)
    if (!before.contains(name)) names.push_back(name);
  return names;
}

/// Every file's content, but LMDB's table of readers, which is memory rather than data.
Files files_in(const std::string& directory) {
  Files files;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(directory))
    if (entry.is_regular_file() && entry.path().filename() != "lock.mdb") files[entry.path()] = read_text(entry.path());
  return files;
}

std::string find_file(const std::string& directory, const std::string& suffix, bool sealed) {
  for (const auto& entry : std::filesystem::directory_iterator(directory)) {
    std::string name = entry.path().filename();
    if (name.starts_with("commands-") && name.ends_with(suffix) && name.ends_with(".sealed.log") == sealed)
      return entry.path();
  }
  FAIL("no segment in " << directory);
  return {};
}

/// The other bits at one place of a file.
void flip_byte(const std::string& path, std::size_t offset) {
  std::string text = read_text(path);
  REQUIRE(text.size() > offset);
  text[offset] = static_cast<char>(~text[offset]);
  write_text(path, text);
}

class TakenPort {
 public:
  TakenPort() : socket_(::socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    REQUIRE(::bind(socket_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::listen(socket_, 1) == 0);
    REQUIRE(::getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    port_ = ntohs(address.sin_port);
  }
  ~TakenPort() { ::close(socket_); }
  [[nodiscard]] std::string endpoint() const { return "127.0.0.1:" + std::to_string(port_); }

 private:
  int socket_;
  int port_ = 0;
};

/// Writes another format number into a warm store, with a checksum that is right.
void set_warm_format(const std::string& store, std::uint64_t format) {
  MDB_env* environment = nullptr;
  MDB_txn* write = nullptr;
  MDB_dbi header = 0;
  REQUIRE(mdb_env_create(&environment) == 0);
  mdb_env_set_maxdbs(environment, 64);
  REQUIRE(mdb_env_open(environment, store.c_str(), 0, 0600) == 0);
  REQUIRE(mdb_txn_begin(environment, nullptr, 0, &write) == 0);
  REQUIRE(mdb_dbi_open(write, warm_table_name(warm_header_table), 0, &header) == 0);
  std::string key = "format";
  std::string sealed(sizeof format + warm_checksum_bytes, '\0');
  seal_warm_value(warm_header_table, as_bytes(key), std::as_bytes(std::span(&format, 1)),
                  reinterpret_cast<std::byte*>(sealed.data()));
  MDB_val key_value{key.size(), key.data()}, value{sealed.size(), sealed.data()}, old{};
  REQUIRE(mdb_get(write, header, &key_value, &old) == 0);
  REQUIRE(mdb_put(write, header, &key_value, &value, 0) == 0);
  REQUIRE(mdb_txn_commit(write) == 0);
  mdb_env_close(environment);
}

/// One command as another client library would send it, without any retry.
client::Outcome submit_raw(const std::string& server, std::uint64_t session, std::uint64_t sequence,
                           const std::string& key) {
  capnp::MallocMessageBuilder message(1024);
  auto command = message.initRoot<schema::Command>();
  command.setSession(session);
  command.setSequence(sequence);
  command.setFirstIncomplete(1);
  auto put = command.initBatch().initOperations(1)[0].initPutVertex();
  put.setKey(key.c_str());
  put.setMode(schema::PutMode::CREATE);
  auto words = capnp::messageToFlatArray(message);
  client::Outcome outcome;
  std::thread([&] {  // a loop of its own: the client library has one in this thread
    auto io = kj::setupAsyncIo();
    auto connection = client::Connection::connect(*io.provider, server).wait(io.waitScope);
    auto access = connection.value()->authenticate("").wait(io.waitScope);
    auto space = client::open_space(access.value().session, "default").wait(io.waitScope);
    KJ_IF_MAYBE (writer, space.value().writer)
      outcome = client::submit(*writer, words.asBytes(), longest_wait_ms).wait(io.waitScope);
  }).join();
  return outcome;
}

}  // namespace

TEST_CASE("A directory in use is refused, and the engine that uses it is not disturbed") {
  TemporaryDirectory directory;
  EngineSetup setup = setup_in(directory);
  EngineProcess engine(setup);
  require_ready(engine);
  put_vertices(setup, 0, 5, 10);
  EngineSetup second = setup;
  second.socket = directory / "second-socket";
  second.output = directory / "second-output";
  CHECK_THAT(refused_start(second), Contains("is in use by") && Contains("stop that one first"));
  put_vertices(setup, 5, 5, 10);
  require_vertices(setup, 10);
  CHECK(engine.terminate()->code == 0);
}

TEST_CASE("A port in use is refused, and named") {
  TemporaryDirectory directory;
  TakenPort taken;
  EngineSetup setup = setup_in(directory);
  SECTION("for clients") { setup.address = taken.endpoint(); }
  SECTION("for operations") { setup.operations = taken.endpoint(); }
  CHECK_THAT(refused_start(setup), Contains(taken.endpoint()) && Contains("in use"));
}

TEST_CASE("A data directory that cannot be written is refused") {
  TemporaryDirectory directory;
  EngineSetup setup = setup_in(directory);
  std::filesystem::create_directory(setup.data_dir);
  SmallVolume volume(setup.data_dir, "size=32m");
  if (!volume.mounted() && ::geteuid() == 0) return skip_case(SmallVolume::no_right);  // and modes do not stop root
  {
    EngineProcess engine(setup);
    require_ready(engine);
    put_vertices(setup, 0, 5, 10);
    CHECK(engine.terminate()->code == 0);
  }
  auto set_writable = [&](bool writable) {
    if (volume.mounted())
      volume.set_writable(writable);
    else
      for (const auto& entry : std::filesystem::recursive_directory_iterator(setup.data_dir))
        std::filesystem::permissions(
            entry, std::filesystem::perms::owner_write,
            writable ? std::filesystem::perm_options::add : std::filesystem::perm_options::remove);
  };
  Files before = files_in(setup.data_dir);
  set_writable(false);
  CHECK_THAT(refused_start(setup), Contains(setup.data_dir) && Contains("writable"));
  CHECK(differences(before, files_in(setup.data_dir)) == std::vector<std::string>());
  set_writable(true);
  {
    EngineProcess engine(setup);
    require_ready(engine);
    require_vertices(setup, 5);
  }
}

TEST_CASE("Damage in the middle of the log stops every start, is named, and is not touched") {
  TemporaryDirectory directory;
  EngineSetup setup = setup_in(directory);
  {
    EngineProcess engine(setup);
    require_ready(engine);
    put_vertices(setup, 0, 40, 40'000);  // one and a half segments
    (void)engine.kill_now();
  }
  std::string damaged;
  std::size_t offset = 0;
  SECTION("in a sealed segment") {
    damaged = find_file(setup.data_dir, ".sealed.log", true);
    offset = 500'000;
  }
  SECTION("in the open segment") {
    damaged = find_file(setup.data_dir, ".log", false);
    offset = 60'000;
  }
  flip_byte(damaged, offset);
  Files before = files_in(setup.data_dir);
  std::string output = refused_start(setup);
  CHECK_THAT(output, Contains(std::filesystem::path(damaged).filename().string()) && Contains("offset"));
  CHECK((read_text(damaged) == before.at(damaged)));
  // Sealed segments are read when the last one has been settled already, which any start does and none minds.
  if (!damaged.ends_with(".sealed.log"))
    CHECK(differences(before, files_in(setup.data_dir)) == std::vector<std::string>());
  CHECK_THAT(refused_start(setup), Contains("offset"));
  flip_byte(damaged, offset);
  EngineProcess engine(setup);
  require_ready(engine);
  require_vertices(setup, 40);
}

TEST_CASE("A log that has lost its end is refused before anything is added to it") {
  TemporaryDirectory directory, kept;
  EngineSetup setup = setup_in(directory);
  for (int run = 0; run < 2; ++run) {
    EngineProcess engine(setup);
    require_ready(engine);
    put_vertices(setup, run * 5, 5, 10);
    CHECK(engine.terminate()->code == 0);  // everything is in the warm stores
  }
  std::string lost = find_file(setup.data_dir, ".sealed.log", true);
  std::string archived = setup.data_dir + "/archived";
  SECTION("the newest segment") {
    for (const auto& entry : std::filesystem::directory_iterator(archived))
      if (entry.path().extension() == ".log")
        std::filesystem::rename(entry.path(), setup.data_dir / entry.path().filename());
    for (const auto& entry : std::filesystem::directory_iterator(setup.data_dir))
      if (entry.path().filename().string().ends_with(".sealed.log")) lost = std::max(lost, entry.path().string());
  }
  SECTION("all that there was") {}
  std::string copy = kept / "segment";
  std::filesystem::copy_file(lost, copy);
  std::filesystem::remove(lost);
  for (int start = 0; start < 2; ++start)
    CHECK_THAT(refused_start(setup), Contains("segments are missing") && Contains("restore them from a copy"));
  std::filesystem::copy_file(copy, lost, std::filesystem::copy_options::overwrite_existing);
  EngineProcess engine(setup);
  require_ready(engine);
  require_vertices(setup, 10);
}

TEST_CASE("Segments that no restart needs are archived while writes follow each other without a pause") {
  TemporaryDirectory directory;
  EngineSetup setup = setup_in(directory);
  setup.flags = {"--cluster-partitions", "2", "--log-segment-bytes", "1MiB", "--warm-write-back-after-ms", "50ms"};
  EngineProcess engine(setup);
  require_ready(engine);
  client::Client client = connect_patiently(setup.server());
  client::VertexOptions options;
  options.properties = {{"ballast", std::string(10'000, 'b')}};
  auto archived = [&] {
    std::filesystem::directory_iterator entries(setup.data_dir + "/archived");
    return std::any_of(begin(entries), end(entries),
                       [](const auto& entry) { return entry.path().string().ends_with(".sealed.log"); });
  };
  int puts = 0;
  for (; puts < 10'000 && (puts % 100 != 0 || !archived()); ++puts)
    REQUIRE(client.submit(client::Batch().put_vertex("vertex " + std::to_string(puts % 50), options)).committed());
  CHECK(archived());
}

TEST_CASE("A warm store of a newer format is refused, and is as it was") {
  TemporaryDirectory directory;
  EngineSetup setup = setup_in(directory);
  {
    EngineProcess engine(setup);
    require_ready(engine);
    put_vertices(setup, 0, 5, 10);
    CHECK(engine.terminate()->code == 0);
  }
  std::string store = setup.data_dir + "/warm/p1";
  set_warm_format(store, 99);
  Files before = files_in(setup.data_dir + "/warm");
  CHECK_THAT(refused_start(setup), Contains("format 99") && Contains("start the newer engine"));
  CHECK(differences(before, files_in(setup.data_dir + "/warm")) == std::vector<std::string>());
  set_warm_format(store, 1);
  EngineProcess engine(setup);
  require_ready(engine);
  require_vertices(setup, 5);
}

TEST_CASE("A retry with the same session and number gets the first answer, also from the next engine") {
  TemporaryDirectory directory;
  EngineSetup setup = setup_in(directory);
  bool written_back = GENERATE(false, true);  // the session table comes from the log, or from the warm store
  constexpr std::uint64_t session = 0xE46AA;
  client::Outcome first, refused;
  {
    EngineProcess engine(setup);
    require_ready(engine);
    first = submit_raw(setup.server(), session, 1, "once");
    REQUIRE(first.committed());
    CHECK_FALSE(first.duplicate);
    refused = submit_raw(setup.server(), session, 2, "once");
    CHECK(refused.status.code() == Code::vertex_exists);
    if (written_back)
      CHECK(engine.terminate()->code == 0);
    else
      (void)engine.kill_now();
  }
  EngineProcess engine(setup);
  require_ready(engine);
  for (int i = 0; i < 2; ++i) {
    client::Outcome again = submit_raw(setup.server(), session, 1, "once");
    INFO(again.status.message());
    REQUIRE(again.committed());
    CHECK(again.duplicate);
    CHECK(again.version == first.version);
    CHECK(again.accepted_ns == first.accepted_ns);
    CHECK(again.created == 1);
  }
  CHECK(submit_raw(setup.server(), session, 2, "once").status.code() == refused.status.code());
  CHECK(submit_raw(setup.server(), session, 3, "once more").committed());
  require_vertices(setup, 2);
}
