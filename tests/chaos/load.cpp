#include "tests/chaos/load.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>

#include "tests/chaos/load_client.h"
#include "tests/support/patient_client.h"

namespace engram::test {
namespace {

using Clock = std::chrono::steady_clock;
constexpr std::uint32_t reader = 1000;  // the process that reads in the end

std::int64_t now_ns() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(Clock::now().time_since_epoch()).count();
}

template <typename T>
T require(Result<T> result) {
  INFO(result.status().message());
  REQUIRE(result.ok());
  return std::move(result).value();
}

/// What is there once nothing is under way any more.
class FinalReader {
 public:
  FinalReader(const LoadPlan& plan, const std::string& server) : plan_(plan), client_(connect_to(server)) {}

  void read_into(Histories& all) {
    for (unsigned slot = 0; slot < LoadPlan::list_slots; ++slot)
      for (unsigned generation = 0; generation <= plan_.generation(slot); ++generation) {
        std::string key = plan_.list(slot, generation);
        history::Operation when;
        client::Vertex vertex = get(key, when);
        all.lists.push_back({when, {list_state(key, vertex)}});
      }
    for (unsigned i = 0; i < LoadPlan::accounts; ++i) {
      std::string key = plan_.account(i);
      all.bank.first_balances[key] = LoadPlan::first_balance;
      history::Operation when;
      client::Vertex vertex = get(key, when);
      all.bank.final_reads.push_back({when, account_state(key, vertex)});
    }
    scan("Member", [&](const client::Vertex& vertex) { all.members.push_back(vertex.key); });
    scan("Claim", [&](const client::Vertex& vertex) {
      if (!all.owners.emplace(vertex.key, number_of(vertex, "number")).second) FAIL(vertex.key << " is there twice");
    });
    for (unsigned i = 0; i < LoadPlan::places; ++i) {
      read_edges(plan_.place(i), client::Direction::out, all.edges.outgoing);
      read_edges(plan_.place(i), client::Direction::in, all.edges.incoming);
    }
  }

 private:
  client::Vertex get(const std::string& key, history::Operation& when) {
    when.process = reader;
    when.began_ns = now_ns();
    client::VertexRef vertex(key);
    auto read = require(client_.get(std::span(&vertex, 1)));
    when.ended_ns = now_ns();
    return std::move(read[0]);
  }
  void scan(const std::string& label, const std::function<void(const client::Vertex&)>& take) {
    client::ScanQuery query;
    query.label = plan_.key(label);
    (void)require(client_.scan(query, [&](client::ScanPage& page) {
      std::for_each(page.vertices.begin(), page.vertices.end(), take);
      return true;
    }));
  }
  void read_edges(const std::string& place, client::Direction direction, std::vector<history::EdgeName>& edges) {
    client::NeighborsQuery query;
    query.direction = direction;
    do {
      auto page = require(client_.neighbors(place, query));
      for (const client::Edge& edge : page.edges) edges.push_back(name_of(edge));
      query.cursor = page.cursor;
    } while (!query.cursor.empty());
  }

  const LoadPlan& plan_;
  client::Client client_;
};

}  // namespace

// --- What the graph holds

history::EdgeName name_of(const client::Edge& edge) {
  return {edge.source_key, edge.type, edge.target_key, edge.rank};
}

client::Client connect_to(const std::string& servers) {
  client::Options options = patient_options(servers);
  options.attempt_timeout_ms = 3000;
  return connect_patiently(options);
}

// --- LoadPlan

std::string LoadPlan::list(unsigned slot, unsigned generation) const {
  return key("list/" + std::to_string(slot) + "." + std::to_string(generation));
}

void LoadPlan::renew_list(unsigned slot, const std::string& full) {
  std::lock_guard lock(mutex_);
  if (list(slot) == full) ++generations_[slot];
}

LoadPlan::Servers LoadPlan::servers() const {
  std::lock_guard lock(mutex_);
  return {servers_, edition_};
}

unsigned LoadPlan::set_servers(std::vector<std::string> servers) {
  std::lock_guard lock(mutex_);
  servers_ = std::move(servers);
  return ++edition_;
}

// --- Load

Load::Load(std::string prefix, const std::vector<std::string>& servers, unsigned clients, std::uint64_t seed)
    : plan_(std::move(prefix), servers) {
  make_places();
  for (unsigned i = 1; i <= clients; ++i) clients_.push_back(std::make_unique<LoadClient>(i, plan_, seed + i));
}

Load::~Load() { stop(); }

void Load::make_places() {
  client::Client client = connect_to(plan_.servers().all[0]);
  client::Batch batch;
  for (unsigned i = 0; i < LoadPlan::accounts; ++i) {
    client::VertexOptions options;
    options.properties = {{"balance", LoadPlan::first_balance}};
    batch.put_vertex(plan_.account(i), options);
  }
  for (unsigned i = 0; i < LoadPlan::places; ++i) batch.put_vertex(plan_.place(i));
  client::Outcome outcome = client.submit(batch);
  INFO(outcome.status.message());
  REQUIRE(outcome.committed());
}

void Load::begin() {
  for (auto& client : clients_) client->begin();
}

void Load::use_servers(const std::vector<std::string>& servers) {
  unsigned edition = plan_.set_servers(servers);
  for (auto& client : clients_) REQUIRE(comes_true([&] { return client->edition() >= edition; }));
}

bool Load::wait_for_progress(std::int64_t timeout_ms) {
  auto deadline = Clock::now() + std::chrono::milliseconds(timeout_ms);
  std::vector<std::uint64_t> before;
  for (auto& client : clients_) before.push_back(client->told_ok());
  for (std::size_t i = 0; i < clients_.size(); ++i)
    while (clients_[i]->told_ok() == before[i]) {
      if (Clock::now() > deadline) return false;
      pause_ms(5);
    }
  return true;
}

void Load::stop() {
  for (auto& client : clients_) client->stop();
}

Histories Load::finish(const std::string& server) {
  Histories all;
  for (auto& client : clients_) all.add(client->take());
  FinalReader(plan_, server).read_into(all);
  return all;
}

}  // namespace engram::test
