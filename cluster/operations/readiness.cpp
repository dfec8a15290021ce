#include "cluster/operations/readiness.h"

#include <algorithm>

namespace engram {

const char* phase_name(Phase phase) {
  switch (phase) {
    case Phase::starting:
      return "starting";
    case Phase::replaying:
      return "replaying";
    case Phase::ready:
      return "ready";
    case Phase::draining:
      return "draining";
    case Phase::stopping:
      return "stopping";
  }
  return "unknown";
}

void Readiness::advance(Phase to) {
  std::lock_guard guard(mutex_);
  phase_ = std::max(phase_, to);
  started_ = started_ || phase_ == Phase::ready;
}

void Readiness::replaying(std::uint64_t done_bytes, std::uint64_t total_bytes) {
  std::lock_guard guard(mutex_);
  phase_ = std::max(phase_, Phase::replaying);
  done_bytes_ = done_bytes;
  total_bytes_ = total_bytes;
}

void Readiness::ready() {
  advance(Phase::ready);
}
void Readiness::draining() {
  advance(Phase::draining);
}
void Readiness::stopping() {
  advance(Phase::stopping);
}

void Readiness::fail(std::string reason) {
  std::lock_guard guard(mutex_);
  if (failure_.empty()) failure_ = reason.empty() ? "failed" : std::move(reason);
}

Phase Readiness::phase() const {
  std::lock_guard guard(mutex_);
  return phase_;
}

std::string Readiness::describe() const {
  if (!failure_.empty()) return "failed: " + failure_;
  if (phase_ != Phase::replaying) return phase_name(phase_);
  std::uint64_t percent =
      total_bytes_ == 0
          ? 0
          : static_cast<std::uint64_t>(100.0 * static_cast<double>(done_bytes_) / static_cast<double>(total_bytes_));
  return "replaying the command log: " + std::to_string(percent) + " % (" + std::to_string(done_bytes_) + " of " +
         std::to_string(total_bytes_) + " bytes)";
}

Readiness::Probe Readiness::live() const {
  std::lock_guard guard(mutex_);
  return {failure_.empty(), describe()};
}

Readiness::Probe Readiness::startup() const {
  std::lock_guard guard(mutex_);
  return {started_ && failure_.empty(), describe()};
}

Readiness::Probe Readiness::readiness() const {
  std::lock_guard guard(mutex_);
  return {phase_ == Phase::ready && failure_.empty(), describe()};
}

std::uint64_t Readiness::replayed_bytes() const {
  std::lock_guard guard(mutex_);
  return done_bytes_;
}

std::uint64_t Readiness::replay_total_bytes() const {
  std::lock_guard guard(mutex_);
  return total_bytes_;
}

}  // namespace engram
