#pragma once
// One client of a load: a thread that asks one thing after the other.

#include <atomic>
#include <functional>
#include <optional>
#include <random>
#include <thread>

#include "client/engram/client.h"
#include "tests/chaos/load.h"

namespace engram::test {

class LoadClient {
 public:
  LoadClient(unsigned number, LoadPlan& plan, std::uint64_t seed);
  ~LoadClient() { stop(); }

  void begin();
  void stop();
  /// How often it was told `ok`.
  [[nodiscard]] std::uint64_t told_ok() const { return told_ok_; }
  /// The edition of the servers that it uses, and no older one.
  [[nodiscard]] unsigned edition() const { return edition_; }
  /// Once it is stopped.
  Histories take() { return std::move(told_); }

 private:
  void run();
  bool connect();
  void next();

  void append();
  void read_lists();
  void transfer();
  void read_accounts();
  void insert();
  void claim();
  void link();
  void unlink();
  void read_edges();

  std::optional<std::vector<client::Vertex>> read(const std::vector<std::string>& keys, history::Operation& when);
  /// Fills in when and how it ended.
  client::Outcome submit(client::Batch& batch, history::Operation& operation);
  history::AccountState note_account(const std::string& key, const client::Vertex& vertex, const history::Operation& when);
  history::ListAccess note_list(const std::string& key, const client::Vertex& vertex, const history::Operation& when);
  [[nodiscard]] std::vector<unsigned> some_slots(unsigned count);
  std::int64_t next_number() { return static_cast<std::int64_t>(number_) * 10'000'000 + ++numbers_; }

  unsigned number_;
  LoadPlan& plan_;
  std::mt19937_64 random_;
  std::optional<client::Client> client_;
  Histories told_;
  std::vector<history::EdgeName> linked_;  // and not unlinked
  std::int64_t numbers_ = 0;
  bool tired_ = false;                     // got no answer: tries elsewhere, and with another patience
  std::atomic<std::uint64_t> told_ok_{0};
  std::atomic<unsigned> edition_{0};
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace engram::test
