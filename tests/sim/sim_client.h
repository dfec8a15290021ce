#pragma once
// A client of a simulated cluster: one thing after the other, and what it was told, for the checkers in tests/history.

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "client/batch_impl.h"
#include "client/engram/client.h"
#include "tests/history/histories.h"
#include "tests/sim/sim_call.h"

namespace engram::test {

class SimClient {
 public:
  SimClient(unsigned number, unsigned calls, SimSurroundings& around, SimNodes& nodes)
      : number_(number), around_(around), nodes_(nodes), calls_left_(calls) {}

  [[nodiscard]] bool is_done() const { return calls_left_ == 0 && !call_; }
  /// Begins the next call, or looks after the one that is under way.
  void step();
  Histories& told() { return told_; }

  static constexpr unsigned accounts = 5, lists = 4, places = 5;
  static constexpr std::int64_t first_balance = 100;
  static std::string account(std::uint64_t number) { return "account/" + std::to_string(number % accounts); }
  static std::string list(std::uint64_t number) { return "list/" + std::to_string(number % lists); }
  static std::string place(std::uint64_t number) { return "place/" + std::to_string(number % places); }

  // Calls one by one, with `attempts` each; 0: until they are answered.
  using Told = std::function<void(const history::Operation&, const client::Outcome&)>;
  void submit(client::Batch batch, Told then, unsigned attempts = 4);
  using Seen = std::function<void(const history::Operation&, const client::Vertex&)>;
  void read(const std::string& key, Seen then, unsigned attempts = 3);
  using SeenEdges = std::function<void(const std::vector<client::Edge>&)>;
  void read_edges(const std::string& key, bool incoming, SeenEdges then);

 private:
  void begin(SimRequest request);
  void read_all(std::vector<std::string> keys, std::function<void(std::vector<client::Vertex>)> then);
  [[nodiscard]] PartitionId owner_of(const std::string& key) const;
  [[nodiscard]] std::int64_t now() const { return around_.clock.monotonic_ns(); }
  std::int64_t next_number() { return static_cast<std::int64_t>(number_) * 1'000'000 + ++numbers_; }

  void next_call();
  void append();
  void send_appends(const std::vector<std::string>& keys, const std::vector<client::Vertex>& vertices);
  void transfer();
  void send_transfer(const std::vector<std::string>& keys, const std::vector<client::Vertex>& vertices);
  void insert();
  void claim();
  void link();
  void unlink();
  void build_hub();
  void delete_hub();

  unsigned number_;
  SimSurroundings& around_;
  SimNodes& nodes_;
  std::optional<SimCall> call_;
  unsigned calls_left_;
  std::uint64_t sequence_ = 0;
  std::int64_t numbers_ = 0;
  Histories told_;
  std::vector<history::EdgeName> linked_;
  std::vector<std::vector<history::EdgeName>> hubs_;  // by their edges
};

}  // namespace engram::test
