#pragma once
// How far a node is, from start to end; what the probes answer. Thread-safe.

#include <cstdint>
#include <mutex>
#include <string>

namespace engram {

enum class Phase : std::uint8_t { starting, replaying, ready, draining, stopping };
const char* phase_name(Phase phase);

/// Goes forward only: starting → replaying → ready → draining → stopping, steps may be left out. A step back is
/// ignored, so that a SIGTERM during the replay is not undone when the replay ends.
class Readiness {
 public:
  struct Probe {
    bool ok = false;
    std::string reason;  // one line: "replaying the command log: 40 % (400000 of 1000000 bytes)"
  };

  /// Also to be called as the replay goes on; `done` and `total` in bytes.
  void replaying(std::uint64_t done_bytes, std::uint64_t total_bytes);
  void ready();
  void draining();
  void stopping();
  /// The process cannot recover by itself (the log failed): it is not alive any more, and not ready.
  void fail(std::string reason);

  [[nodiscard]] Phase phase() const;
  [[nodiscard]] Probe live() const;       // false only after `fail`
  [[nodiscard]] Probe startup() const;    // true from the first `ready` on
  [[nodiscard]] Probe readiness() const;  // true while in `ready`
  [[nodiscard]] std::uint64_t replayed_bytes() const;
  [[nodiscard]] std::uint64_t replay_total_bytes() const;

 private:
  void advance(Phase to);
  [[nodiscard]] std::string describe() const;  // needs mutex_

  mutable std::mutex mutex_;
  Phase phase_ = Phase::starting;
  bool started_ = false;
  std::uint64_t done_bytes_ = 0;
  std::uint64_t total_bytes_ = 0;
  std::string failure_;
};

}  // namespace engram
