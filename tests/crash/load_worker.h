#pragma once
// One client that changes the graph at random, and knows afterwards what has to be there.

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "tests/crash/graph_state.h"

namespace engram::test {

/// What all workers of a graph have in common. Every function may be called by any thread.
class Ledger {
 public:
  static constexpr int places = 12;
  static constexpr int accounts = 6;
  static constexpr std::int64_t first_balance = 1000;

  static std::string place(std::uint64_t number) { return "place/" + std::to_string(number % places); }
  static std::string account(std::uint64_t number) { return "account/" + std::to_string(number % accounts); }
  static std::vector<std::string> hubs();

  /// `added` is what the change adds to items that several workers change.
  void commit(const Effects& own, const GraphState& added);
  [[nodiscard]] std::optional<std::int64_t> find(const std::string& item) const;
  [[nodiscard]] GraphState expected() const;
  void complain(std::string problem);
  /// And forgets them.
  std::vector<std::string> problems();

  std::atomic<std::uint64_t> committed{0}, failed{0}, unknown{0}, duplicates{0};

 private:
  mutable std::mutex mutex_;
  GraphState expected_;
  std::vector<std::string> problems_;
};

/// A change and what follows if it is committed. `own` belongs to one worker alone and always makes a difference, so
/// that the graph itself tells whether the change happened.
struct Change {
  client::Batch batch;
  Effects own;
  GraphState added;
  Code refusal = Code::none;   // the only right answer
  bool may_lose = false;       // another worker may have been quicker: precondition_failed is right as well
};

/// A change without an answer.
struct Pending {
  Change change;
  client::Outcome outcome;
  Effects before;
};

enum class Presence { absent, whole, torn };

/// One session over all lives of the engine. The thread belongs to it; the caller sees `pending` only while it is idle.
class LoadWorker {
 public:
  LoadWorker(unsigned number, std::string server, std::uint64_t seed, Ledger& ledger);
  ~LoadWorker();
  LoadWorker(const LoadWorker&) = delete;
  LoadWorker& operator=(const LoadWorker&) = delete;

  /// Changes until `stop_load`. Nothing may be pending; what has no answer by then is.
  void begin_load();
  void stop_load() { stopping_ = true; }
  /// Asks again for what is pending, knowing whether it is there; sometimes just takes the graph's word.
  void begin_settle(bool present);
  [[nodiscard]] bool idle() const;

  [[nodiscard]] const std::optional<Pending>& pending() const { return pending_; }
  /// Of the last settling: an item of a change that was not there, but is said to have happened before. Right only if
  /// the engine was killed meanwhile, since the question is then repeated to the next one.
  [[nodiscard]] const std::string& settled_late() const { return settled_late_; }
  /// Whether what is pending is in this state of the graph.
  [[nodiscard]] Presence presence_in(const GraphState& actual) const;

 private:
  enum class Task { none, load, settle, end };
  void begin(Task task);
  void run();
  void load();
  void ask_again();
  void settle();
  void finish(Change change, client::Outcome outcome);
  bool connect();

  std::optional<Change> next_change();
  Change create();
  Change count();
  Change remove();
  Change relink();
  Change heavy();
  Change refused();
  std::optional<Change> count_together();
  std::optional<Change> transfer();
  void add_receipt(Change& change);
  std::optional<std::int64_t> read_value(const std::string& key);
  [[nodiscard]] std::string own(const std::string& name) const;

  unsigned number_;
  std::string server_;
  std::mt19937_64 random_;
  Ledger& ledger_;
  std::optional<client::Client> client_;
  std::optional<Pending> pending_;
  bool present_ = false;
  std::string settled_late_;
  std::uint64_t created_ = 0, receipts_ = 0;
  std::vector<std::pair<std::string, std::string>> here_;  // what it created, and the place that goes with it
  std::atomic<bool> stopping_{false};

  mutable std::mutex mutex_;
  std::condition_variable changed_;
  Task task_ = Task::none;
  std::thread thread_;
};

}  // namespace engram::test
