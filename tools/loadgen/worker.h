#pragma once
// One thread of load: its event loop, its connections, and the calls on them.

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include <kj/async-io.h>

#include "tools/loadgen/calls.h"
#include "tools/loadgen/histogram.h"

namespace engram::loadgen {

/// What was measured of one kind of call.
struct CallTotals {
  Histogram latency_ns;                    // of calls without an error, from their intended start
  std::uint64_t calls = 0;                 // answered in the window, errors included
  std::uint64_t items = 0;
  std::uint64_t missing = 0;
  std::uint64_t exceeded = 0;
  std::map<Code, std::uint64_t> errors;
  std::uint64_t measured = 0;              // calls whose messages were measured, the warm-up's included
  std::uint64_t request_bytes = 0;
  std::uint64_t reply_bytes = 0;
  void merge(const CallTotals& other);
};
using TotalsByCall = std::array<CallTotals, call_names.size()>;

/// The times of a run, the same for all threads. Nanoseconds of CLOCK_MONOTONIC.
struct Window {
  std::int64_t begin = 0;   // calls meant to start before this one warm up
  std::int64_t end = 0;     // none starts after this one
  std::atomic<std::int64_t> calls_left{0};   // if the run is bounded by calls
  bool by_calls = false;
};

std::int64_t now_ns();

kj::Promise<Result<kj::Own<Channel>>> open_channel(kj::AsyncIoProvider& provider, const BenchOptions& options);

/// Belongs to the thread that made it: connect(), then run(). What it sends and when: a *lane* is a place for one call in
/// flight, and goes from call to call. In a closed loop it sends the next call at once. In an open loop it takes the next
/// intended start from the worker's even sequence of them and waits for it, or sends at once if it has passed: latency is
/// counted from the intended start, so that a stalled engine does not hide the calls that it made wait.
class Worker {
 public:
  Worker(const BenchOptions& options, const PartitionedKeys& partitioned, unsigned index,
         std::atomic<std::uint64_t>& live_calls);

  Status connect();
  /// Until the window's end and the last answer. A lost connection ends its lanes, and is counted as `unavailable`.
  void run(Window& window);

  [[nodiscard]] const TotalsByCall& totals() const { return totals_; }
  [[nodiscard]] std::int64_t last_answer_ns() const { return last_answer_ns_; }
  /// Calls of an open loop that were due in the window and never sent, because every lane was taken.
  [[nodiscard]] std::uint64_t unsent() const { return unsent_; }

 private:
  struct Lane {
    Channel* channel = nullptr;
    std::size_t index = 0;
  };
  struct Waiting {
    std::int64_t due_ns = 0;
    kj::Own<kj::PromiseFulfiller<void>> fulfiller;
  };

  [[nodiscard]] bool is_open_loop() const { return options_.rate > 0; }
  kj::Promise<void> next_call(Lane lane);
  kj::Promise<void> call(Lane lane, std::int64_t start_ns);
  [[nodiscard]] bool may_start(std::int64_t start_ns);
  void record(CallKind kind, std::int64_t start_ns, const Answer& answer);

  std::int64_t take_due_ns();
  kj::Promise<void> wait_until(std::int64_t due_ns);
  kj::Promise<void> serve_timer();
  void arm_timer();

  const BenchOptions& options_;
  unsigned index_;
  std::atomic<std::uint64_t>& live_calls_;
  CallMaker maker_;
  kj::AsyncIoContext io_;
  kj::Own<kj::AsyncInputStream> timer_;   // kj's own timer counts in milliseconds, which is too coarse here
  int timer_fd_ = -1;
  std::uint64_t timer_count_ = 0;
  std::vector<kj::Own<Channel>> channels_;
  Window* window_ = nullptr;

  double interval_ns_ = 0;
  double next_due_ns_ = 0;
  std::deque<Waiting> waiting_;   // by due_ns

  TotalsByCall totals_;
  std::int64_t last_answer_ns_ = 0;
  std::uint64_t unsent_ = 0;
};

}  // namespace engram::loadgen
