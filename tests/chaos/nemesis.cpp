#include "tests/chaos/nemesis.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <chrono>
#include <csignal>
#include <cstdlib>

#include "tests/support/wait.h"

namespace engram::test {
namespace {

using Clock = std::chrono::steady_clock;

// Nodes notice after 4 s that nothing comes from another one (PeerWireOptions::silence_ms).
constexpr int unnoticed_ms = 1500, noticed_ms = 5500;
constexpr std::int64_t shift_s = 7200;

std::int64_t elapsed_ms(Clock::time_point since) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - since).count();
}

}  // namespace

std::uint64_t number_from(const char* variable, std::uint64_t otherwise) {
  const char* text = std::getenv(variable);
  return text == nullptr || *text == '\0' ? otherwise : std::strtoull(text, nullptr, 10);
}

const char* name_of(Fault fault) {
  constexpr const char* names[] = {"cut off short", "cut off long",  "cut pair", "cut one way", "flaky",
                                   "pause short",   "pause long",    "pause cut off", "kill",   "kill all",
                                   "kill cut off",  "kill cut pair", "restart",       "clock ahead", "clock behind", "copied volume", "moved"};
  static_assert(std::size(names) == fault_kinds);
  return names[static_cast<unsigned>(fault)];
}

std::vector<Fault> plan_of_faults(std::mt19937_64& random) {
  std::vector<Fault> plan;
  for (unsigned i = 0; i < fault_kinds; ++i) plan.push_back(static_cast<Fault>(i));
  std::shuffle(plan.begin(), plan.end(), random);
  return plan;
}

void Nemesis::apply(Fault fault) {
  unsigned node = some_node(), other = (node + 1 + static_cast<unsigned>(random_() % (ChaosCluster::nodes - 1))) %
                                       ChaosCluster::nodes;
  switch (fault) {
    case Fault::cut_off_short:
    case Fault::cut_off_long:
    case Fault::cut_pair:
    case Fault::cut_one_way:
    case Fault::flaky: return cut_for(fault, node, other);
    case Fault::pause_short:
    case Fault::pause_long:
    case Fault::pause_cut_off: return pause_for(fault, node);
    case Fault::kill:
    case Fault::kill_all:
    case Fault::kill_cut_off:
    case Fault::kill_cut_pair: return kill_and_start(fault, node, other);
    case Fault::restart:
      cluster_.stop(node);
      cluster_.start(node);
      return cluster_.require_ready(node);
    case Fault::clock_ahead: return shift_clock(node, "+2h");
    case Fault::clock_behind: return shift_clock(node, "-2h");
    case Fault::copied_volume: return copy_volume(node);
    case Fault::moved:
      cluster_.kill(node);
      cluster_.move(node);
      cluster_.start(node);
      return cluster_.require_ready(node);
  }
}

void Nemesis::cut_for(Fault fault, unsigned node, unsigned other) {
  for (int times = fault == Fault::flaky ? 5 : 1; times > 0; --times) {
    if (fault == Fault::cut_pair)
      cluster_.cut(node, other);
    else if (fault == Fault::cut_one_way)
      cluster_.cut_one_way(node, other);
    else
      cluster_.isolate(node);
    pause_ms(fault == Fault::flaky ? 300 : fault == Fault::cut_off_short ? unnoticed_ms : noticed_ms);
    cluster_.heal();
    if (times > 1) pause_ms(200);
  }
}

void Nemesis::pause_for(Fault fault, unsigned node) {
  cluster_.pause(node);
  if (fault == Fault::pause_cut_off) {
    pause_ms(noticed_ms / 2);
    cluster_.isolate(node);
    pause_ms(noticed_ms / 2);
    cluster_.go_on(node);
    pause_ms(unnoticed_ms);
    return cluster_.heal();
  }
  pause_ms(fault == Fault::pause_short ? 100 + static_cast<std::int64_t>(random_() % 1000) : noticed_ms);
  cluster_.go_on(node);
}

void Nemesis::kill_and_start(Fault fault, unsigned node, unsigned other) {
  std::vector<unsigned> nodes{node};
  bool is_cut = fault == Fault::kill_cut_off || fault == Fault::kill_cut_pair;
  if (fault == Fault::kill_all) nodes = {0, 1, 2};
  if (fault == Fault::kill_cut_off) cluster_.isolate(node);
  if (fault == Fault::kill_cut_pair) cluster_.cut(node, other);
  if (is_cut) pause_ms(static_cast<std::int64_t>(random_() % 500));
  for (unsigned one : nodes) cluster_.kill(one);
  pause_ms(static_cast<std::int64_t>(random_() % 1000));
  std::shuffle(nodes.begin(), nodes.end(), random_);
  for (unsigned one : nodes) cluster_.start(one);
  if (is_cut) {
    pause_ms(noticed_ms / 2);
    cluster_.heal();
  }
  for (unsigned one : nodes) cluster_.require_ready(one);
}

// --- Clocks

/// What a change that is decided at this node gets for its time, less the time of this process.
std::int64_t Nemesis::clock_difference_s(unsigned node) {
  client::Client client = connect_to(cluster_.server(node));
  std::string key;
  do key = load_.plan().key("time/" + std::to_string(++touched_));
  while (client.owner_of(key).value % ChaosCluster::nodes != node);
  client::Batch batch;
  client::Outcome outcome = client.submit(batch.put_vertex(key));
  INFO(outcome.status.message());
  REQUIRE(outcome.committed());
  auto now = std::chrono::system_clock::now().time_since_epoch();
  return (outcome.accepted_ns - std::chrono::duration_cast<std::chrono::nanoseconds>(now).count()) / 1'000'000'000;
}

void Nemesis::shift_clock(unsigned node, const char* offset) {
  cluster_.kill(node);
  cluster_.start(node, shifted_clock(offset));
  cluster_.require_ready(node);
  std::int64_t difference_s = clock_difference_s(node);
  CHECK(std::abs(difference_s - (*offset == '-' ? -shift_s : shift_s)) < 60);
  (void)wait_for_progress();
  pause_ms(unnoticed_ms);
  cluster_.kill(node);
  cluster_.start(node);
  cluster_.require_ready(node);
}

// --- Volumes

/// While the old process stands still its volume is copied, and the copy is served by a new one. Then the old one goes on: it
/// must end as soon as it hears of the other, and whatever it thinks it is about to say must not be listened to. No client is
/// connected to it: until it hears, it may acknowledge what is about its own partitions only, which is then on its volume only
/// (docs/operations.md).
void Nemesis::copy_volume(unsigned node) {
  std::vector<std::string> others = cluster_.servers();
  others.erase(others.begin() + node);
  load_.use_servers(others);
  cluster_.pause(node);
  std::unique_ptr<EngineProcess> older = cluster_.start_copy(node);
  cluster_.require_ready(node);
  (void)wait_for_progress();
  load_.use_servers(cluster_.servers());
  older->send_signal(SIGCONT);
  auto ended = older->wait_end(longest_wait_ms);
  INFO(older->output() << cluster_.outputs());
  REQUIRE(ended);
  CHECK(ended->exit_code() == 70);
  CHECK(cluster_.running(node));
}

// --- After a fault

std::int64_t Nemesis::wait_for_progress() {
  const auto limit_ms = 1000 * static_cast<std::int64_t>(number_from("ENGRAM_CHAOS_PROGRESS_SECONDS", 60));
  auto began = Clock::now();
  for (unsigned node = 0; node < ChaosCluster::nodes; ++node) {
    client::Client client = connect_to(cluster_.server(node));
    client::Batch batch;
    std::vector<bool> has(client.server().partitions, false);
    for (std::size_t left = has.size(); left > 0;) {
      std::string key = load_.plan().key("touch/" + std::to_string(++touched_));
      auto partition = client.owner_of(key).value;
      if (has[partition]) continue;
      has[partition] = true;
      --left;
      batch.put_vertex(key);
    }
    auto left_ms = limit_ms - elapsed_ms(began);
    client::Outcome outcome = client.submit(batch, static_cast<std::uint32_t>(std::max<std::int64_t>(left_ms, 1)));
    INFO("node " << node << ": " << outcome.status.message() << "\n" << cluster_.outputs());
    REQUIRE(outcome.committed());
  }
  bool all = load_.wait_for_progress(limit_ms - elapsed_ms(began));
  INFO("a client of the load makes no progress\n" << cluster_.outputs());
  REQUIRE(all);
  return elapsed_ms(began);
}

}  // namespace engram::test
