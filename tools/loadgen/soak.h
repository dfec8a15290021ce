#pragma once
// A whole soak run: clients of a cluster that goes through something, a rolling restart perhaps, and an account of what they saw.

#include <functional>
#include <string>
#include <vector>

#include "tools/loadgen/soak_client.h"

namespace engram::loadgen {

/// What cannot be run, with the option's name.
Status check(const SoakOptions& options);

struct SoakInterval {
  double since_begin_seconds = 0;   // its end
  double seconds = 0;               // its length
  SoakCounts counts;                // of all clients
  std::int64_t longest_ns = 0;      // the longest of its calls, those that still wait included
};

struct SoakResult {
  struct OfClient {
    SoakCounts counts;
    std::int64_t longest_pause_ns = 0;
  };
  std::vector<OfClient> clients;
  SoakCounts counts;                 // of all
  std::int64_t longest_pause_ns = 0;
  std::uint64_t unsent = 0;          // see SoakClient::unsent
  double seconds = 0;
  WriteCheck writes;
  [[nodiscard]] bool all_right() const { return counts.failures() == 0 && counts.calls > 0 && writes.all_right(); }
};

using OnInterval = std::function<void(const SoakInterval&)>;

/// Fails if a client cannot connect, or if what was written cannot be read back. `stop`, once it is true, ends the load sooner;
/// the check of what was written follows all the same.
Result<SoakResult> run_soak(const SoakOptions& options, const std::atomic<bool>& stop, const OnInterval& on_interval = {});

}  // namespace engram::loadgen
