// A node that stops while calls are in flight: they end well, and nobody else waits for them.

#include <csignal>
#include <functional>
#include <future>
#include <set>

#include <nlohmann/json.hpp>

#include "tests/cluster/nodes/visitor.h"

using namespace engram;
using namespace engram::test;

namespace {

/// So long that a stop that waits for what this test holds up does not end before the test has failed.
const std::vector<std::string> patient = {"--cluster-partitions", "6", "--shutdown-timeout-ms", "5m"};

std::string key_on(const client::Client& client, unsigned node, unsigned nodes) {
  for (int i = 0;; ++i)
    if (std::string key = "v" + std::to_string(i); client.owner_of(key).value % nodes == node) return key;
}

void wait_for_output(EngineProcess& engine, const std::string& text) {
  for (int waited_ms = 0; waited_ms < 20'000; waited_ms += 10) {
    if (engine.output().find(text) != std::string::npos) return;
    pause_ms(10);
  }
  FAIL("the engine does not say '" << text << "'");
}

/// Scans all there is, beginning at node 1; on another thread.
Status scan_all(const std::string& servers, const std::function<bool(client::ScanPage&)>& on_page) {
  client::Options options;
  options.server = servers;
  options.timeout_ms = 60'000;
  options.random = [] { return 1; };
  auto client = client::Client::connect(options);
  if (!client.ok()) return client.status();
  if (client->server().node != 1) return {Code::internal, "it is connected to another node"};
  return client->scan({}, on_page).status();
}

/// A read that needs a node that is away, asked at the other; on another thread.
Status read_patiently(const std::string& server, const std::string& key) {
  auto client = client::Client::connect({.server = server, .timeout_ms = 120'000, .attempt_timeout_ms = 120'000});
  return client.ok() ? client->get(key).status() : client.status();
}

/// Until node 0 was told that a call is in flight at the node.
void wait_for_call_at(client::Client& client, unsigned node) {
  for (int waited_ms = 0; waited_ms < 20'000; waited_ms += 100) {
    auto told = client.engine_statistics();
    REQUIRE(told.ok());
    if (nlohmann::json::parse(*told)["cluster"]["nodes"][node].value("calls_in_flight", 0) > 0) return;
    pause_ms(100);
  }
  FAIL("no call is in flight at node " << node);
}

}  // namespace

TEST_CASE("a node stops without waiting for a scan's slow reader, and the scan goes on at another node") {
  ClusterProcesses cluster(2, patient);
  cluster.start_all();
  auto writer = cluster.connect(cluster.servers());
  std::set<std::string> written;
  for (int first = 0; first < 12'000; first += 4000) {
    client::Batch batch;
    for (int i = first; i < first + 4000; ++i) {
      batch.put_vertex("v" + std::to_string(i));
      written.insert("v" + std::to_string(i));
    }
    REQUIRE(writer.submit(batch, 60'000).committed());
  }

  std::promise<void> has_a_page, may_go_on;
  auto go_on = may_go_on.get_future().share();
  std::multiset<std::string> seen;
  auto take = [&, first = true](client::ScanPage& page) mutable {
    for (const client::Vertex& vertex : page.vertices) seen.insert(vertex.key);
    if (std::exchange(first, false)) has_a_page.set_value();
    go_on.wait();
    return true;
  };
  auto scan = std::async(std::launch::async, scan_all, cluster.servers(), take);
  has_a_page.get_future().wait();
  auto ended = cluster.engine(1).terminate();
  cluster.start(1);
  cluster.require_ready(1);
  may_go_on.set_value();
  Status scanned = scan.get();
  INFO(cluster.outputs());
  REQUIRE(ended);
  CHECK(ended->code == 0);
  INFO(scanned.message());
  CHECK(scanned.ok());
  CHECK(seen == std::multiset<std::string>(written.begin(), written.end()));
}

TEST_CASE("while a stopping node answers what is in flight, the others get what is on it, and a second SIGTERM does no harm") {
  ClusterProcesses cluster(3, patient);
  cluster.start_all();
  auto of_others = cluster.connect(cluster.server(0));
  std::string on_stopping = key_on(of_others, 1, 3), on_away = key_on(of_others, 2, 3);
  for (const std::string& key : {on_stopping, on_away}) REQUIRE(of_others.submit(client::Batch().put_vertex(key)).committed());
  cluster.engine(2).kill_now();
  auto in_flight = std::async(std::launch::async, read_patiently, cluster.server(1), on_away);
  wait_for_call_at(of_others, 1);
  cluster.engine(1).send_signal(SIGTERM);
  wait_for_output(cluster.engine(1), "stopping");
  cluster.engine(1).send_signal(SIGTERM);
  wait_for_output(cluster.engine(1), "already stopping");
  pause_ms(300);  // what it would have told the others has arrived
  CHECK(of_others.get(on_stopping, {}, 20'000).ok());
  CHECK(of_others.submit(client::Batch().put_vertex(on_stopping), 20'000).committed());
  bool stopped_before = !cluster.engine(1).running();
  cluster.start(2);
  cluster.require_ready(2);
  Status answered = in_flight.get();
  auto ended = cluster.engine(1).wait_end(30'000);
  INFO(answered.message() << "\n" << cluster.outputs());
  CHECK_FALSE(stopped_before);
  CHECK(answered.ok());
  REQUIRE(ended);
  CHECK(ended->code == 0);
}
