#pragma once
// `engram verify` without its words: checks a data directory whose engine does not run. Changes nothing in it.

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "actors/partition/invariants.h"
#include "actors/partition/settle.h"
#include "cluster/identity/node_identity.h"
#include "tools/offline/verify_log.h"

namespace engram::cli {

struct VerifyOptions {
  std::string data_dir;
  std::string archived_dir;  // empty: archived/ in the data directory
  std::size_t max_findings = 100;
  /// What is being done, and how much of it, 0 to 1. May be empty.
  std::function<void(const std::string& what, double share)> progress;
};

struct VerifyReport {
  NodeIdentity identity;
  LogCounts log;
  std::uint64_t warm_stores = 0;
  std::uint64_t warm_entries = 0;
  std::uint64_t replayed = 0;  // records behind what the warm stores have
  SettledTransactions settled;
  GraphCounts graph;
  Findings findings;
  std::string skipped;  // why the graph was not checked; empty: it was
};

/// Errors: nothing was checked (no such directory, an engine runs on it, its identity cannot be read).
Result<VerifyReport> verify(Files& files, const VerifyOptions& options);

}  // namespace engram::cli
