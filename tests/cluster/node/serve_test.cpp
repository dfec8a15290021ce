// The engine as a process: what it does with the limits and signals that it gets.

#include <catch2/catch.hpp>

#include <sys/resource.h>
#include <sys/stat.h>

#include <csignal>
#include <filesystem>
#include <list>

#include "cluster/node/open_files.h"
#include "cluster/security/token_store.h"
#include "tests/cluster/gateway/raw_connection.h"
#include "tests/support/engine_process.h"
#include "tests/support/patient_client.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/text_file.h"

using namespace engram;
using namespace engram::test;
using Catch::Contains;

namespace {

EngineSetup small_setup(const TemporaryDirectory& directory, std::vector<std::string> flags) {
  EngineSetup setup = setup_in(
      directory, {"--cluster-partitions", "2", "--warm-initial-map-bytes", "16MiB", "--hot-bytes", "64MiB"});
  setup.flags.insert(setup.flags.end(), flags.begin(), flags.end());
  return setup;
}

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

int sealed_segments(const std::string& data_dir) {
  int found = 0;
  for (const auto& file : std::filesystem::recursive_directory_iterator(data_dir))
    found += file.path().string().ends_with(".sealed.log");
  return found;
}

}  // namespace

TEST_CASE("the limit of open files is raised as far as it may be") {
  rlimit before{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &before) == 0);
  rlimit low = before;
  low.rlim_cur = 128;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &low) == 0);
  CHECK(open_files_limit() == 128);
  raise_open_files_limit();
  CHECK(open_files_limit() == before.rlim_max);
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &before) == 0);
}

TEST_CASE("connections have what files leave them, and one always") {
  CHECK(connections_within(1024, 30, 1) > 800);
  CHECK(connections_within(1024, 30, 1) < 1024 - 100);
  CHECK(connections_within(1024, 30, 16) < connections_within(1024, 30, 1));
  CHECK(connections_within(1024, 300, 1) == connections_within(1024, 30, 1) - 270);
  CHECK(connections_within(64, 30, 1) == 1);
  CHECK(connections_within(RLIM_INFINITY, 30, 1) > 1'000'000);
}

TEST_CASE("more connections than there may be open files leave the log the files that it needs") {
  TemporaryDirectory directory;
  EngineSetup setup = small_setup(directory, {"--log-segment-bytes", "1MiB", "--log-spare-segments", "0"});
  setup.address = "127.0.0.1:0";
  setup.max_open_files = 256;
  EngineProcess engine(setup);
  require_ready(engine);
  CHECK_THAT(engine.output(), Contains("the limit of open files is too low for listen.max_connections") &&
                                  Contains("max_connections=1024") && Contains("open_files_limit=256"));

  client::Client client = connect_patiently(setup.server());
  std::string address = engine.rpc_address();
  auto port = static_cast<std::uint16_t>(std::stoul(address.substr(address.rfind(':') + 1)));
  std::list<RawConnection> idle;
  for (int i = 0; i < 300; ++i) idle.emplace_back(port);
  REQUIRE(comes_true([&] { return count(engine.output(), "connection refused: too many") > 0; }));
  client::VertexOptions options;
  options.properties = {{"ballast", std::string(100'000, 'b')}};
  for (int i = 0; i < 40; ++i)
    REQUIRE(client.submit(client::Batch().put_vertex("vertex " + std::to_string(i), options)).committed());
  CHECK(comes_true([&] { return sealed_segments(setup.data_dir) >= 2; }));
  CHECK_THAT(engine.output(), !Contains("cannot accept connections") && !Contains("Too many open files"));
  CHECK(engine.terminate()->code == 0);
}

TEST_CASE("SIGHUP has tokens read again that seem not to have changed") {
  TemporaryDirectory directory;
  const std::string path = directory / "tokens.toml";
  write_text(path, token_entry_toml({.name = "reader", .digest = sha256(as_bytes(std::string_view("a token")))}));
  ::chmod(path.c_str(), 0600);
  EngineProcess engine(small_setup(directory, {"--security-tokens", path}));
  require_ready(engine);
  engine.send_signal(SIGHUP);
  CHECK(comes_true([&] { return count(engine.output(), "reloaded what=tokens") == 1; }));
  engine.send_signal(SIGHUP);
  CHECK(comes_true([&] { return count(engine.output(), "reloaded what=tokens") == 2; }));
  CHECK(engine.terminate()->code == 0);
}
