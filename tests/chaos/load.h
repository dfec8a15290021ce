#pragma once
// Several clients that change and read one graph all the while, and remember what they asked and were told.

#include <array>
#include <atomic>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "client/engram/client.h"
#include "tests/history/graph_states.h"
#include "tests/history/histories.h"

namespace engram::test {

class LoadClient;

/// What the clients of a load have in common. Every function may be called by any thread.
class LoadPlan {
 public:
  static constexpr unsigned list_slots = 10;
  static constexpr unsigned accounts = 9;
  static constexpr unsigned places = 12;
  static constexpr std::int64_t first_balance = 1000;

  LoadPlan(std::string prefix, std::vector<std::string> servers) : prefix_(std::move(prefix)), servers_(std::move(servers)) {}

  /// Keys of two loads differ by their prefix, and so do labels.
  [[nodiscard]] std::string key(const std::string& name) const { return prefix_ + "/" + name; }
  [[nodiscard]] std::string account(std::uint64_t number) const { return key("account/" + std::to_string(number % accounts)); }
  [[nodiscard]] std::string place(std::uint64_t number) const { return key("place/" + std::to_string(number % places)); }
  /// Lists that got long make room for new ones.
  [[nodiscard]] std::string list(unsigned slot) const { return list(slot, generations_[slot]); }
  [[nodiscard]] std::string list(unsigned slot, unsigned generation) const;
  [[nodiscard]] unsigned generation(unsigned slot) const { return generations_[slot]; }
  void renew_list(unsigned slot, const std::string& full);
  /// About three ask for each key.
  std::string next_claim() { return key("claim/" + std::to_string(claims_++ / 3)); }

  /// Servers that clients may use, and a number that grows when these change.
  struct Servers {
    std::vector<std::string> all;
    unsigned edition;
  };
  [[nodiscard]] Servers servers() const;
  unsigned set_servers(std::vector<std::string> servers);

 private:
  std::string prefix_;
  mutable std::mutex mutex_;
  std::vector<std::string> servers_;
  unsigned edition_ = 1;
  std::array<std::atomic<unsigned>, list_slots> generations_{};
  std::atomic<unsigned> claims_{0};
};

class Load {
 public:
  /// `prefix`: of all keys. Accounts and places are made; all servers have to be there.
  Load(std::string prefix, const std::vector<std::string>& servers, unsigned clients, std::uint64_t seed);
  ~Load();

  void begin();
  /// No client is connected to any other when this returns.
  void use_servers(const std::vector<std::string>& servers);
  /// True: every client was told `ok` once more within so long.
  bool wait_for_progress(std::int64_t timeout_ms);
  void stop();
  /// Once it is stopped and nothing is under way: reads what is there by way of `server`, and gives all out.
  Histories finish(const std::string& server);

  [[nodiscard]] const LoadPlan& plan() const { return plan_; }

 private:
  void make_places();

  LoadPlan plan_;
  std::vector<std::unique_ptr<LoadClient>> clients_;
};

/// A client that does not give up soon, and soon tries again what a node that stands still does not answer; fails the test if it
/// cannot connect.
client::Client connect_to(const std::string& servers);

/// An edge as the checkers name it.
history::EdgeName name_of(const client::Edge& edge);

}  // namespace engram::test
