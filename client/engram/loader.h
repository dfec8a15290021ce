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
  /// The engine answers a retry as long as it remembers no more answers of a session than 16,384.
  static constexpr std::uint32_t max_in_flight = 8192;
  /// Batches on their way at once: 1 to max_in_flight; what is outside counts as the nearest of both. An engine takes
  /// `listen.max_calls_per_connection` (1024) at once and answers more with `overloaded`: they are sent again.
  std::uint32_t in_flight = 16;
  /// For one batch, all its retries included. Only time within add() and flush() counts: between them nobody looks for
  /// answers.
  std::uint32_t timeout_ms = 120'000;
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
