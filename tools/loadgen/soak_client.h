#pragma once
// One client of a soak run: an application's thread that uses the client library as applications do.

#include <atomic>
#include <cstdint>
#include <map>
#include <mutex>
#include <optional>
#include <string>

#include "tools/loadgen/histogram.h"
#include "tools/loadgen/options.h"
#include "tools/loadgen/soak_writes.h"

namespace engram::loadgen {

struct SoakOptions {
  client::Options client;                // `server` is a list, for a cluster
  KeySpace keys = KeySpace::numbers(1000);   // of vertices that are there: what is read, and where edges lead
  std::vector<Share> mix = {{CallKind::get, 80}, {CallKind::put, 15}, {CallKind::link, 5}};   // of these three
  unsigned clients = 4;
  double rate = 400;                     // calls a second, all together
  double seconds = 60;
  double report_every_seconds = 1;
  std::uint64_t seed = 1;
};

/// Calls that were answered in a while.
struct SoakCounts {
  Histogram latency_ns;                  // of calls without an error, from their intended start
  std::uint64_t calls = 0;
  std::uint64_t missing = 0;             // gets of a vertex that should be there
  std::map<Code, std::uint64_t> errors;
  std::string first_error;
  void merge(const SoakCounts& other);
  [[nodiscard]] std::uint64_t failures() const;   // errors and missing vertices
};

/// Nanoseconds of CLOCK_MONOTONIC; the same for all clients.
struct SoakWindow {
  std::int64_t begin = 0;
  std::int64_t end = 0;
  const std::atomic<bool>* stop = nullptr;   // ends it sooner
  [[nodiscard]] bool is_over(std::int64_t now) const { return now >= end || (stop != nullptr && stop->load()); }
};

/// connect(), run(), check() and disconnect() are for one thread, which the client library's part belongs to. Calls are sent one at a time, in an open loop:
/// each has an intended start from which its latency counts, so that a pause is seen by all calls that it made late.
class SoakClient {
 public:
  /// `prefix` is of the keys that it writes: no other client of any run has it.
  SoakClient(const SoakOptions& options, unsigned index, const std::string& prefix);

  Status connect();
  void run(const SoakWindow& window);
  Result<WriteCheck> check();
  void disconnect() { client_.reset(); }

  /// What was answered since this was called last. Any thread.
  SoakCounts take_counts();
  /// How long the call that is due has been waiting by now; 0: none is. Any thread.
  [[nodiscard]] std::int64_t waiting_ns(std::int64_t now) const;
  /// The longest time without a completed call, once run() is over.
  [[nodiscard]] std::int64_t longest_pause_ns() const { return longest_pause_ns_; }
  /// Calls that were due in the window and not sent, because the one before them was not answered.
  [[nodiscard]] std::uint64_t unsent() const { return unsent_; }

 private:
  struct Answer {
    Status status;
    bool missing = false;
  };
  Answer call();
  std::string draw_key();
  void record(std::int64_t due, const Answer& answer);
  void end_pause(std::int64_t now);

  const SoakOptions& options_;
  unsigned index_;
  KeyDraw draw_;
  std::vector<double> cumulative_;
  SoakWrites writes_;
  std::optional<client::Client> client_;

  mutable std::mutex mutex_;
  SoakCounts counts_;
  std::atomic<std::int64_t> waiting_since_{0};
  std::int64_t last_completed_ = 0;
  std::int64_t longest_pause_ns_ = 0;
  std::uint64_t unsent_ = 0;
};

}  // namespace engram::loadgen
