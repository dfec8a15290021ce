#pragma once
// Loads many batches fast: several are on their way at once, and add() waits when the window is full.

#include <cstdint>
#include <functional>
#include <memory>

#include "client/engram/client.h"

namespace engram::client {

struct LoadTotals {
  std::uint64_t batches = 0;      // committed
  std::uint64_t operations = 0;   // in them
  std::uint64_t created = 0;
  std::uint64_t updated = 0;
  std::uint64_t deleted = 0;
  std::uint64_t retries = 0;      // attempts beyond the first: overload, conflicts, lost connections
  std::uint64_t failed = 0;       // batches that `on_failure` let pass
};

struct LoaderOptions {
  std::uint32_t in_flight = 16;         // batches on their way at once
  std::uint32_t timeout_ms = 120'000;   // for one batch, all its retries included
  /// A batch failed, or its outcome is unknown, for good. True: go on without it. Without a function the load stops.
  std::function<bool(Batch& batch, const Outcome& outcome)> on_failure = {};
  /// After every committed batch.
  std::function<void(const LoadTotals&)> on_progress = {};
};

/// Batches that are in flight together may be applied in any order; flush() between two makes an order. Overload, conflicts
/// and lost connections are retried within the deadline, each attempt with the rules of Client::submit. Batches settle, and
/// `on_failure` and `on_progress` are called, in the order in which they were added. The client must
/// outlive the loader and must not be used for changes while batches are in flight. Destroying a loader gives up what is
/// in flight: call flush() first.
class Loader {
 public:
  explicit Loader(Client& client, LoaderOptions options = {});
  ~Loader();
  Loader(const Loader&) = delete;
  Loader& operator=(const Loader&) = delete;

  /// Sends the batch, or waits for room first. An error is the one that stopped the load: every later call repeats it.
  Status add(Batch batch);
  /// Waits until everything added is committed.
  Status flush();
  [[nodiscard]] const LoadTotals& totals() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace engram::client
