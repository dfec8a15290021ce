#pragma once
// A whole benchmark: connect, warm up, measure, then measure the machine's floors.

#include <cstdint>
#include <functional>
#include <optional>

#include "tools/loadgen/worker.h"

namespace engram::loadgen {

struct Floors {
  std::optional<Histogram> tcp_round_trip_ns;   // of messages of the same size, over loopback
  std::optional<Histogram> sync_ns;             // of a write of the same size, in BenchOptions::floor_dir
  std::uint64_t request_bytes = 0;
  std::uint64_t reply_bytes = 0;
};

struct RunResult {
  TotalsByCall totals;
  double seconds = 0;          // of the window
  std::uint64_t unsent = 0;    // see Worker::unsent
  Floors floors;
};

/// Called about once a second: seconds since the start, and calls answered so far (the warm-up's included).
using OnProgress = std::function<void(double seconds, std::uint64_t calls)>;

/// Fails if it cannot connect, or if what the options ask for makes no sense on this engine. Errors of calls are counted
/// in the result.
Result<RunResult> run_bench(const BenchOptions& options, const OnProgress& on_progress = {});

}  // namespace engram::loadgen
