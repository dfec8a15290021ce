#include "tests/sim/sim_world.h"

#include <algorithm>
#include <stdexcept>

#include "actors/partition/invariants.h"
#include "tests/history/graph_states.h"

namespace engram::test {
namespace {

constexpr std::int64_t tick_ns = 50'000'000;
constexpr std::uint64_t most_steps = 400'000;  // a simulation that takes more does not end

}  // namespace

SimWorld::SimWorld(const SimOptions& options, std::string warm_directory)
    : around_(options), observer_(1'000, 0, around_, nodes_), room_again_ns_(options.nodes) {
  around_.warm_directory = std::move(warm_directory);
  for (unsigned i = 0; i < options.nodes; ++i) nodes_.push_back(std::make_unique<SimNode>(around_, i));
  for (unsigned i = 0; i < options.clients; ++i)
    clients_.push_back(std::make_unique<SimClient>(i, options.calls, around_, nodes_));
}

void SimWorld::run() {
  for (auto& node : nodes_) start(*node);
  prepare();
  faults_ = true;
  std::vector<SimClient*> all;
  for (auto& client : clients_) all.push_back(client.get());
  run_until_done(all);
  faults_ = false;
  settle();
  read_all();
}

/// The accounts and places, before anything goes wrong.
void SimWorld::prepare() {
  client::Batch batch;
  for (unsigned i = 0; i < SimClient::accounts; ++i) {
    client::VertexOptions options;
    options.properties = {{"balance", SimClient::first_balance}};
    batch.put_vertex(SimClient::account(i), options);
    told_.bank.first_balances[SimClient::account(i)] = SimClient::first_balance;
  }
  for (unsigned i = 0; i < SimClient::places; ++i) batch.put_vertex(SimClient::place(i));
  observer_.submit(std::move(batch), [](const history::Operation& when, const client::Outcome& outcome) {
    if (when.ending != history::Ending::ok) throw std::runtime_error("the first batch failed: " + outcome.status.message());
  }, 0);
  run_until_done({&observer_});
}

void SimWorld::run_until_done(std::vector<SimClient*> clients) {
  auto done = [](SimClient* client) { return client->is_done(); };
  while (!std::all_of(clients.begin(), clients.end(), done)) {
    if (++tally_.steps > most_steps) throw std::runtime_error("it does not end");
    if (faults_) fault();
    if (around_.random() % 4 == 0) clients[around_.random() % clients.size()]->step();
    if (!step()) for (SimClient* client : clients) client->step();
  }
}

/// One thing that can happen. False: nothing but time.
bool SimWorld::step() {
  std::vector<std::pair<unsigned, unsigned>> streams = around_.network.ready();
  std::size_t choices = streams.size();
  for (auto& node : nodes_) choices += node->choices();
  bool time_passes = choices == 0 || one_in(around_.random, 8);
  if (time_passes) {
    around_.clock.advance_ms(static_cast<std::int64_t>(1 + around_.random() % (choices == 0 ? 60 : 10)));
    if (one_in(around_.random, 3)) around_.network.connect_some();
    for (auto& node : nodes_) {
      if (!node->is_up() && (!faults_ || one_in(around_.random, 20))) start(*node);
      if (node->is_up() && node->stopped()) end(*node, SimNode::End::killed);
    }
    if (around_.clock.monotonic_ns() - last_tick_ns_ < tick_ns) return choices != 0;
    last_tick_ns_ = around_.clock.monotonic_ns();
    for (auto& node : nodes_)
      if (node->is_up()) node->tick();
    return choices != 0;
  }
  std::size_t choice = around_.random() % choices;
  if (choice < streams.size()) {
    auto [to, from] = streams[choice];
    nodes_[to]->receive(from, around_.network.take(to, from));
    return true;
  }
  choice -= streams.size();
  for (auto& node : nodes_) {
    if (choice < node->choices()) {
      if (!node->act(choice)) {
        ++tally_.torn_writes;
        end(*node, SimNode::End::power_lost);
      }
      return true;
    }
    choice -= node->choices();
  }
  return true;
}

// --- faults -------------------------------------------------------------------------------------------------------------

void SimWorld::fault() {
  const SimOptions& options = around_.options;
  SimNode& node = *nodes_[around_.random() % nodes_.size()];
  auto dice = around_.random() % 10'000;
  auto comes = [&dice](unsigned rate) {
    bool now = dice < rate;
    dice -= std::min<std::uint64_t>(dice, rate);
    return now;
  };
  if (comes(options.cuts)) return around_.network.cut_some();
  if (comes(options.losses)) return around_.network.break_some_stream();
  if (!node.is_up()) return;
  if (comes(options.crashes))
    return end(node, one_in(around_.random, 2) ? SimNode::End::killed : SimNode::End::power_lost);
  if (comes(options.stops) && node.is_recovered() && !node.is_stopping()) {
    ++tally_.stops;
    return node.begin_stop();
  }
  if (comes(options.full_disks)) {
    ++tally_.full_disks;
    node.files().faults().room_bytes = 0;
    room_again_ns_[node.ordinal()] = around_.clock.monotonic_ns() + 500'000'000;
  }
  if (comes(options.torn_writes)) node.tear_next_write();
  for (auto& other : nodes_) {
    std::int64_t& again = room_again_ns_[other->ordinal()];
    if (again == 0 || around_.clock.monotonic_ns() < again) continue;
    again = 0;
    other->files().faults().room_bytes = Faults::never;
  }
}

void SimWorld::end(SimNode& node, SimNode::End how) {
  how == SimNode::End::killed ? ++tally_.kills : ++tally_.power_cuts;
  room_again_ns_[node.ordinal()] = 0;
  tally_.broken_connections += node.take_dropped();
  node.end(how);
}

void SimWorld::start(SimNode& node) {
  if (faults_ && around_.random() % 100 < around_.options.flips) return flip_and_start(node);
  if (Status started = node.start(); !started.ok())
    throw std::runtime_error("node " + std::to_string(node.ordinal()) + " does not start: " + started.message());
}

/// A bit of its log is another one: it must not start, or nothing must be different by that. Then the disk is healed.
void SimWorld::flip_and_start(SimNode& node) {
  std::vector<std::string> logs;
  for (const std::string& path : node.disk().paths())
    if (path.find("commands-") != std::string::npos && node.witnessed_bytes(path) > 0) logs.push_back(path);
  if (logs.empty() || around_.options.warm) {
    if (Status started = node.start(); !started.ok()) throw std::runtime_error("it does not start: " + started.message());
    return;
  }
  const std::string path = logs[around_.random() % logs.size()];
  const std::string sound = node.disk().content(path);
  auto wanted = node.replayed_state();
  if (!wanted.ok()) throw std::runtime_error("a disk cannot be read before it is damaged: " + wanted.status().message());
  std::string damaged = sound;
  std::size_t bit = around_.random() % (8 * node.witnessed_bytes(path));
  damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << bit % 8));
  node.disk().set_content(path, damaged);
  auto found = node.replayed_state();
  found.ok() ? ++tally_.flips_harmless : ++tally_.flips_found;
  around_.trace.note("flip", bit, found.ok());
  if (found.ok() && *found != *wanted) throw std::runtime_error("a flipped bit in " + path + " changed the state unseen");
  node.disk().set_content(path, sound);
  if (Status started = node.start(); !started.ok()) throw std::runtime_error("it does not start: " + started.message());
}

// --- the end ------------------------------------------------------------------------------------------------------------

/// No faults any more: all nodes are there, and all that was begun comes to its end.
void SimWorld::settle() {
  around_.network.heal();
  for (auto& node : nodes_) node->files().faults() = Faults();
  std::int64_t quiet_since = around_.clock.monotonic_ns();
  while (around_.clock.monotonic_ns() - quiet_since < 20'000'000'000) {
    if (++tally_.steps > most_steps) throw std::runtime_error("it does not come to rest");
    (void)step();
  }
}

void SimWorld::read_all() {
  auto run = [this] { run_until_done({&observer_}); };
  for (auto& client : clients_) told_.add(std::move(client->told()));
  for (unsigned i = 0; i < SimClient::lists; ++i) {
    observer_.read(SimClient::list(i), [&](const history::Operation& when, const client::Vertex& vertex) {
      told_.lists.push_back({when, {list_state(SimClient::list(i), vertex)}});
    }, 0);
    run();
  }
  for (unsigned i = 0; i < SimClient::accounts; ++i) {
    observer_.read(SimClient::account(i), [&](const history::Operation& when, const client::Vertex& vertex) {
      told_.bank.final_reads.push_back({when, account_state(SimClient::account(i), vertex)});
    }, 0);
    run();
  }
  for (const history::Insert& insert : told_.inserts) {
    observer_.read(insert.member, [&](const history::Operation&, const client::Vertex& vertex) {
      if (vertex.found) told_.members.push_back(insert.member);
    }, 0);
    run();
  }
  for (const history::Claim& claim : told_.claims) {
    observer_.read(claim.key, [&](const history::Operation&, const client::Vertex& vertex) {
      if (vertex.found) told_.owners[claim.key] = number_of(vertex, "number");
    }, 0);
    run();
  }
  for (unsigned i = 0; i < SimClient::places; ++i) note_name(SimClient::place(i));
  for (const history::LinkChange& change : told_.edges.changes)
    if (change.edge.source.starts_with("hub/") && !change.unlink) note_name(change.edge.source);
  for (const auto& [id, key] : names_)
    for (bool incoming : {false, true}) note_edges(key, incoming);
  Counts counts = count_operations(told_);
  tally_.ok += counts.ok;
  tally_.failed += counts.failed;
  tally_.unknown += counts.unknown;
  tally_.reads += counts.reads;
}

void SimWorld::note_name(const std::string& key) {
  observer_.read(key, [&](const history::Operation&, const client::Vertex& vertex) {
    if (vertex.found) names_[vertex.id] = key;
  }, 0);
  run_until_done({&observer_});
}

/// An end that is not there has no name: such an edge is one that nobody linked.
void SimWorld::note_edges(const std::string& key, bool incoming) {
  auto name_of = [&](VertexId id) { return names_.contains(id) ? names_[id] : std::string(); };
  observer_.read_edges(key, incoming, [&](const std::vector<client::Edge>& edges) {
    for (const client::Edge& edge : edges)
      (incoming ? told_.edges.incoming : told_.edges.outgoing)
          .push_back({name_of(edge.source), "T", name_of(edge.target), edge.rank});
  });
  run_until_done({&observer_});
}

std::vector<std::string> SimWorld::complaints() {
  std::vector<std::string> all;
  for (const history::Anomaly& one : check_all(told_)) all.push_back(one.kind + ": " + one.text);
  std::vector<PartitionCore*> cores;
  for (std::uint16_t i = 0; i < around_.options.partitions; ++i) cores.push_back(&nodes_[around_.map.owner({i})]->core({i}));
  Findings findings;
  (void)check_invariants(cores, findings);
  for (const Finding& one : findings.kept()) all.push_back("invariant " + one.check + ": " + one.message);
  for (auto& node : nodes_) {
    if (around_.options.warm) break;  // the log is trimmed
    auto replayed = node->replayed_state();
    if (!replayed.ok())
      all.push_back("replay: " + replayed.status().message());
    else if (*replayed != node->state())
      all.push_back("replay: node " + std::to_string(node->ordinal()) + " has another state than its log gives");
  }
  return all;
}

}  // namespace engram::test
