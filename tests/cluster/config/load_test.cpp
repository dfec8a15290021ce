#include "cluster/config/load.h"

#include <CLI/CLI.hpp>
#include <catch2/catch.hpp>

#include "cluster/config/flags.h"
#include "tests/support/temporary_directory.h"
#include "tests/support/text_file.h"

using namespace engram;
using Catch::Contains;

namespace {

struct Setup {
  test::TemporaryDirectory directory;
  ConfigSources sources{.environment = {{"HOME", "/home/ada"}},
                        .machine = {8, 16ull << 30, "memory-2.example.org"}};

  void file(const std::string& text) {
    sources.file = directory / "engram.toml";
    test::write_text(sources.file, text);
  }
  LoadedConfig load() {
    Result<LoadedConfig> loaded = load_config(sources);
    INFO(loaded.status().message());
    REQUIRE(loaded.ok());
    return std::move(loaded).value();
  }
  std::string refusal() {
    Result<LoadedConfig> loaded = load_config(sources);
    REQUIRE_FALSE(loaded.ok());
    CHECK(loaded.status().code() == Code::invalid_argument);
    return loaded.status().message();
  }
};

}  // namespace

TEST_CASE("without anything the engine listens on loopback and keeps its data in the home directory") {
  Setup setup;
  LoadedConfig loaded = setup.load();
  CHECK(loaded.config.listen.address == "127.0.0.1:9470");
  CHECK(loaded.config.operations.address == "127.0.0.1:9471");
  CHECK(loaded.config.data.dir == "/home/ada/.local/share/engram");
  CHECK(loaded.config.data.archived_dir == "/home/ada/.local/share/engram/archived");
  CHECK(loaded.config.listen.unix == "/home/ada/.local/share/engram/engram.sock");
  CHECK(loaded.config.hot.bytes == 8ull << 30);
  CHECK(loaded.config.listen.loops == 2);
  CHECK(loaded.config.cluster.partitions == 0);
  CHECK(loaded.origins["cluster.partitions"] == "default (8 in a new data directory)");
  CHECK(loaded.machine.cores == 8);
  CHECK(loaded.origins["data.dir"] == "default (in HOME)");

  setup.sources.environment.clear();
  CHECK(setup.load().config.data.dir == "./engram-data");
}

TEST_CASE("flags win over the environment, and the environment over the file") {
  Setup setup;
  setup.file(
      "[limits]\nmax_operations = 100\nmax_sessions = 7\nmax_command_bytes = \"1MiB\"\n[log]\nrotate_after_ms = "
      "5000\n");
  setup.sources.environment["ENGRAM_LIMITS_MAX_OPERATIONS"] = "200";
  setup.sources.environment["ENGRAM_LIMITS_MAX_SESSIONS"] = "8";
  setup.sources.flags["limits.max_sessions"] = "9";

  LoadedConfig loaded = setup.load();
  CHECK(loaded.config.limits.max_command_bytes == 1 << 20);
  CHECK(loaded.config.log.rotate_after_ms == 5000);
  CHECK(loaded.config.limits.max_operations == 200);
  CHECK(loaded.config.limits.max_sessions == 9);
  CHECK(loaded.origins["limits.max_command_bytes"] == setup.sources.file + ":4");
  CHECK(loaded.origins["limits.max_operations"] == "environment ENGRAM_LIMITS_MAX_OPERATIONS");
  CHECK(loaded.origins["limits.max_sessions"] == "flag --limits-max-sessions");
  CHECK(loaded.origins["listen.address"] == "default");
}

TEST_CASE("an empty environment variable counts as none") {
  Setup setup;
  setup.sources.environment["ENGRAM_LIMITS_MAX_OPERATIONS"] = "";
  CHECK(setup.load().config.limits.max_operations == 10000);
}

TEST_CASE("a misspelt key in the file is an error with its line and the right spelling") {
  Setup setup;
  setup.file("[listen]\naddress = \"127.0.0.1:1\"\n\nmax_conections = 5\n");
  CHECK_THAT(setup.refusal(), Contains("engram.toml:4: unknown key listen.max_conections") &&
                                  Contains("did you mean listen.max_connections?"));
  setup.file("[lissten]\n");
  CHECK_THAT(setup.refusal(), Contains("engram.toml:1: unknown key lissten"));
  setup.file("[node]\npartitions = 3\n");
  CHECK_THAT(setup.refusal(), Contains("engram.toml:2: unknown key node.partitions; did you mean cluster.partitions?"));
  setup.file("listen = 3\n");
  CHECK_THAT(setup.refusal(), Contains("engram.toml:1: listen is a section"));
}

TEST_CASE("a misspelt environment variable is a warning, since Kubernetes makes some of its own") {
  Setup setup;
  setup.sources.environment["ENGRAM_LISTEN_ADRESS"] = "127.0.0.1:1";
  setup.sources.environment["ENGRAM_SERVICE_HOST"] = "10.0.0.1";
  setup.sources.environment["ENGRAM_NODE_PARTITIONS"] = "4";
  LoadedConfig loaded = setup.load();
  REQUIRE(loaded.warnings.size() == 2);
  CHECK_THAT(loaded.warnings[0], Contains("ENGRAM_LISTEN_ADRESS"));
  CHECK_THAT(loaded.warnings[1], Contains("ENGRAM_NODE_PARTITIONS") && Contains("ENGRAM_CLUSTER_PARTITIONS"));
}

TEST_CASE("a bad value is refused with key, value, allowed range and origin") {
  Setup setup;
  setup.file("[limits]\nmax_operations = 0\n");
  CHECK_THAT(setup.refusal(),
             Contains("engram.toml:2: limits.max_operations = \"0\"") && Contains("allowed: 1 to 1000000"));
  setup.file("[logging]\nformat = \"xml\"\n");
  CHECK_THAT(setup.refusal(), Contains("logging.format = \"xml\"") && Contains("allowed: text, json"));
  setup.file("[logging]\nformat = \"text|json\"\n");
  CHECK_THAT(setup.refusal(), Contains("none of the choices"));
  setup.file("[security]\nallow_insecure = \"yes\"\n");
  CHECK_THAT(setup.refusal(), Contains("wrong type") && Contains("true or false"));
  setup.file("[data]\ndir = 5\n");
  CHECK_THAT(setup.refusal(), Contains("data.dir has a value of the wrong type"));

  setup.sources.file.clear();
  setup.sources.environment["ENGRAM_LOG_SEGMENT_BYTES"] = "12 potatoes";
  CHECK_THAT(setup.refusal(), Contains("environment ENGRAM_LOG_SEGMENT_BYTES: log.segment_bytes = \"12 potatoes\"") &&
                                  Contains("allowed: 1MiB to 4GiB"));
  setup.sources.environment.erase("ENGRAM_LOG_SEGMENT_BYTES");
  setup.sources.flags["listen.address"] = "localhost";
  CHECK_THAT(setup.refusal(), Contains("flag --listen-address") && Contains("has no port"));
}

TEST_CASE("a file that cannot be read or parsed is an error with its place") {
  Setup setup;
  setup.sources.file = setup.directory / "missing.toml";
  CHECK_THAT(setup.refusal(), Contains("missing.toml"));
  setup.file("[listen]\naddress = \"127.0.0.1:1\"\naddress = \"127.0.0.1:2\"\n");
  CHECK_THAT(setup.refusal(), Contains("engram.toml:3"));
  setup.file("[listen\n");
  CHECK_THAT(setup.refusal(), Contains("engram.toml:1"));
}

TEST_CASE("paths may begin with the home directory") {
  Setup setup;
  setup.file("[data]\ndir = \"~/graphs\"\n");
  CHECK(setup.load().config.data.dir == "/home/ada/graphs");
}

TEST_CASE("a data directory with a long name has no default socket, and says so") {
  Setup setup;
  setup.sources.flags["data.dir"] = "/" + std::string(120, 'x');
  LoadedConfig loaded = setup.load();
  CHECK(loaded.config.listen.unix == "none");
  REQUIRE(loaded.warnings.size() == 1);
  CHECK_THAT(loaded.warnings[0], Contains("listen.unix"));
}

TEST_CASE("the printed configuration names origins and is read back to the same values") {
  Setup setup;
  setup.file("[data]\ndir = '/data/with \"quotes\" and \\'\n");
  setup.sources.flags["hot.bytes"] = "3GiB";
  LoadedConfig loaded = setup.load();
  std::string printed = print_config(loaded);
  CHECK_THAT(printed,
             Contains("# flag --hot-bytes") && Contains("# " + setup.sources.file + ":2") && Contains("# default\n"));

  Setup again;
  again.file(printed);
  LoadedConfig reloaded = again.load();
  CHECK(reloaded.config.data.dir == "/data/with \"quotes\" and \\");
  reloaded.origins = loaded.origins;
  CHECK(print_config(reloaded) == printed);
}

TEST_CASE("a single node is called engram-0, whatever its host is called") {
  Setup setup;
  LoadedConfig loaded = setup.load();
  CHECK(loaded.config.node.name == "engram-0");
  CHECK(loaded.config.node.ordinal == 0);
  CHECK(loaded.origins["node.name"] == "default (with node.ordinal)");
  CHECK(loaded.origins["node.ordinal"] == "default");
  CHECK(loaded.origins["cluster.peers"] == "default");

  setup.sources.flags["node.ordinal"] = "3";
  CHECK(setup.load().config.node.name == "engram-3");
}

TEST_CASE("a node of several knows its name and ordinal from the host, and says so") {
  Setup setup;
  setup.file("[cluster]\nnodes = 3\naddress = \"0.0.0.0:9472\"\nallow_insecure = true\n");
  LoadedConfig loaded = setup.load();
  CHECK(loaded.config.node.name == "memory-2");
  CHECK(loaded.config.node.ordinal == 2);
  CHECK(loaded.origins["node.name"] == "host name");
  CHECK(loaded.origins["node.ordinal"] == "host name");
  CHECK(loaded.origins["cluster.partitions"] == "default (16 in a new data directory)");
  CHECK(loaded.origins["cluster.peers"] == "default (memory-{}.memory:9472)");
  CHECK(loaded.warnings.empty());
  CHECK_THAT(print_config(loaded), Contains("# host name\n"));

  // What is printed is complete: another host with it is the same node.
  setup.file(print_config(loaded));
  setup.sources.machine.host_name = "elsewhere";
  CHECK(setup.load().config.node.name == "memory-2");

  setup.file("[cluster]\nnodes = 2\n");
  setup.sources.machine.host_name = "memory-2";
  CHECK_THAT(setup.refusal(), Contains("node.ordinal = 2, but cluster.nodes = 2: ordinals are 0 to 1"));
  setup.sources.machine.host_name = "laptop";
  CHECK_THAT(setup.refusal(), Contains("the host name \"laptop\" does not end in an ordinal"));
}

TEST_CASE("a name that is given gives the ordinal, and must not contradict one that is given too") {
  Setup setup;
  setup.file("[cluster]\nnodes = 3\n");
  setup.sources.environment["ENGRAM_NODE_NAME"] = "mind-1";
  LoadedConfig loaded = setup.load();
  CHECK(loaded.config.node.ordinal == 1);
  CHECK(loaded.origins["node.name"] == "environment ENGRAM_NODE_NAME");
  CHECK(loaded.origins["node.ordinal"] == "node.name");

  setup.sources.flags["node.ordinal"] = "0";
  CHECK_THAT(setup.refusal(), Contains("node.name = \"mind-1\" has another ordinal than node.ordinal = 0"));

  setup.sources.environment["ENGRAM_NODE_NAME"] = "mind";
  loaded = setup.load();
  CHECK(loaded.config.node.name == "mind-0");
  CHECK(loaded.origins["node.name"] == "environment ENGRAM_NODE_NAME, with node.ordinal");
  CHECK(loaded.origins["node.ordinal"] == "flag --node-ordinal");
}

TEST_CASE("an address where the other nodes look in vain is a warning that says what to set") {
  Setup setup;
  setup.file("[cluster]\nnodes = 3\n");
  LoadedConfig loaded = setup.load();
  REQUIRE(loaded.warnings.size() == 1);
  CHECK_THAT(loaded.warnings[0], Contains("this node at memory-2.memory:9472") &&
                                     Contains("set cluster.address to 0.0.0.0:9472"));
  setup.file("[cluster]\nnodes = 3\npeers = \"127.0.0.1:947{}\"\n");
  CHECK(setup.load().warnings.empty());
}

TEST_CASE("an IP address that clients are told of a node with TLS is a warning, since they compare names") {
  const std::string cluster = "[cluster]\nnodes = 3\npeers = \"127.0.0.1:947{}\"\n";
  const std::string tls = "[tls]\ncertificate = \"/c.pem\"\nkey = \"/k.pem\"\n";
  auto warnings = [](const std::string& text) {
    Setup setup;
    setup.sources.machine.host_name = "memory-2";
    setup.file(text);
    return setup.load().warnings;
  };
  for (const char* address : {"address = \"127.0.0.1:9490\"", "advertise = \"127.0.0.1:9490\""}) {
    CAPTURE(address);
    auto told = warnings(cluster + tls + "[listen]\n" + address + "\n");
    REQUIRE(told.size() == 1);
    CHECK_THAT(told[0], Contains("127.0.0.1:9490") && Contains("Set listen.advertise") && Contains("tls.certificate"));
  }
  CHECK(warnings(cluster + tls + "[listen]\naddress = \"127.0.0.1:9490\"\nadvertise = \"localhost:9490\"\n").empty());
  CHECK(warnings(cluster + tls + "[listen]\naddress = \"localhost:9490\"\n").empty());
  CHECK(warnings(cluster + tls + "[listen]\naddress = \"none\"\n").empty());
  CHECK(warnings(cluster + "[listen]\naddress = \"127.0.0.1:9490\"\n").empty());  // no names are compared
  CHECK(warnings(tls + "[listen]\naddress = \"127.0.0.1:9490\"\n").empty());     // no other node tells of it
}

TEST_CASE("every setting is a flag of the command line") {
  CLI::App app;
  FlagValues values;
  add_config_flags(app, values);
  app.parse("--listen-max-connections 5 --security-allow-insecure --log-segment-bytes=128MiB");
  CHECK(values == FlagValues{{"listen.max_connections", "5"},
                             {"security.allow_insecure", "true"},
                             {"log.segment_bytes", "128MiB"}});

  CLI::App other;
  FlagValues taken_back;
  add_config_flags(other, taken_back);
  other.parse("--security-allow-insecure=false");
  CHECK(taken_back == FlagValues{{"security.allow_insecure", "false"}});
  CHECK_THAT(other.help(), Contains("--shutdown-timeout-ms") && Contains("[30s]"));
}
