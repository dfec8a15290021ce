// Clients that reach the owners of what they ask for over TLS: what a node tells of itself has to be a name in its certificate.

#include "tests/cluster/nodes/visitor.h"
#include "tests/support/free_port.h"
#include "tests/support/run_program.h"

using namespace engram;
using namespace engram::test;
using Catch::Contains;

namespace {

/// Two nodes at ports of this machine, with the certificates that `engram certs` makes for nodes.
class TlsPair {
 public:
  explicit TlsPair(const std::string& advertised_host) {
    certs({"init", directory_.path()});
    certs({"node", directory_.path(), "--nodes", "2"});
    for (unsigned node = 0; node < 2; ++node) {
      ports_.push_back(std::to_string(free_port()));
      EngineSetup& setup = cluster.setup(node);
      setup.address = "127.0.0.1:" + ports_[node];
      for (const std::string& flag : {std::string("--tls-certificate"), directory_ / (node_name(node) + ".pem"),
                                      std::string("--tls-key"), directory_ / (node_name(node) + ".key")})
        setup.flags.push_back(flag);
      if (!advertised_host.empty())
        setup.flags.insert(setup.flags.end(), {"--listen-advertise", advertised_host + ":" + ports_[node]});
    }
    cluster.start_all();
  }

  /// Told of both nodes, and connected to the first one.
  client::Client client() {
    client::Options options;
    options.server = "localhost:" + ports_[0] + ",localhost:" + ports_[1];
    options.tls.ca_file = directory_ / "ca.pem";
    options.timeout_ms = 20'000;
    options.random = [] { return 0; };
    auto connected = client::Client::connect(options);
    INFO(connected.status().message() << "\n" << cluster.outputs());
    REQUIRE(connected.ok());
    REQUIRE(connected->server().node == 0);
    return std::move(connected).value();
  }
  /// Whether a client has asked this node for a vertex, not by way of the other one.
  bool was_asked(unsigned node) { return cluster.engine(node).output().find(" operation=get ") != std::string::npos; }

  ClusterProcesses cluster{2, {"--cluster-partitions", "6", "--logging-level", "debug"}};

 private:
  static void certs(std::vector<std::string> words) {
    words.insert(words.begin(), {engine_binary(), "certs"});
    Ran ran = run_program(words);
    INFO(ran.errors);
    REQUIRE(ran.exit_code == 0);
  }

  TemporaryDirectory directory_;
  std::vector<std::string> ports_;
};

std::string key_at(const client::Client& client, unsigned node) {
  for (int i = 0;; ++i)
    if (std::string key = "k" + std::to_string(i); client.owner_of(key).value % 2 == node) return key;
}

/// Puts a vertex of the second node and reads it for so long, or until that node was asked for it by the client itself.
bool reaches_owner(TlsPair& pair, std::chrono::milliseconds patience) {
  client::Client client = pair.client();
  std::string key = key_at(client, 1);
  client::Batch batch;
  REQUIRE(client.submit(batch.put_vertex(key)).committed());
  auto until = std::chrono::steady_clock::now() + patience;
  while (!pair.was_asked(1) && std::chrono::steady_clock::now() < until) {
    REQUIRE(client.get(key).ok());
    pause_ms(5);
  }
  return pair.was_asked(1);
}

}  // namespace

TEST_CASE("a client reaches the owner over TLS where the node tells a name that its certificate has") {
  TlsPair pair("localhost");
  CHECK(reaches_owner(pair, std::chrono::seconds(30)));
  CHECK_THAT(pair.cluster.outputs(), !Contains("listen.advertise"));
}

TEST_CASE("a node that tells its IP address with TLS says that it is not reached so, and answers by way of another") {
  TlsPair pair("");
  CHECK(!reaches_owner(pair, std::chrono::seconds(1)));
  for (unsigned node = 0; node < 2; ++node)
    CHECK_THAT(pair.cluster.engine(node).output(), Contains("Set listen.advertise to a name in tls.certificate"));
}
