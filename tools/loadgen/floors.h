#pragma once
// What the machine itself takes, measured beside the engine: no engine can be faster than these.

#include <cstddef>
#include <string>

#include "storage/base/result.h"
#include "tools/loadgen/histogram.h"

namespace engram::loadgen {

/// TCP round trips on loopback between this process and a child that only answers: blocking reads on both sides, which
/// sleep between messages as an idle engine and its client do. Each has a core of its own, if there are two: where the
/// kernel happens to run both on one, nothing has to be woken on a core that sleeps, and a round trip takes a tenth of it,
/// which no engine that works beside its client can have. Call it before threads are started: it forks.
Result<Histogram> measure_tcp_round_trip(std::size_t request_bytes, std::size_t reply_bytes, double seconds);

/// A write of `bytes` and an fdatasync, over and over, to a file in `folder` that was written before and is removed after:
/// what a command log that recycles its segments has to wait for.
Result<Histogram> measure_sync(const std::string& folder, std::size_t bytes, double seconds);

}  // namespace engram::loadgen
