#include "tools/loadgen/soak_client.h"

#include <algorithm>
#include <chrono>
#include <thread>
#include <utility>

#include "tools/loadgen/worker.h"

namespace engram::loadgen {

namespace {

constexpr std::int64_t longest_sleep_ns = 100'000'000;   // so that a stop is soon seen
constexpr std::uint32_t least_check_timeout_ms = 30'000;   // a node may be starting

}  // namespace

void SoakCounts::merge(const SoakCounts& other) {
  latency_ns.merge(other.latency_ns);
  calls += other.calls;
  missing += other.missing;
  for (auto& [code, count] : other.errors) errors[code] += count;
  if (first_error.empty()) first_error = other.first_error;
}

std::uint64_t SoakCounts::failures() const {
  std::uint64_t sum = missing;
  for (auto& [code, count] : errors) sum += count;
  return sum;
}

SoakClient::SoakClient(const SoakOptions& options, unsigned index, const std::string& prefix)
    : options_(options), index_(index), draw_(options.keys, 0, options.seed * 1'000'003 + index), writes_(prefix) {
  double sum = 0;
  for (auto& share : options.mix) cumulative_.push_back(sum += share.weight);
}

Status SoakClient::connect() {
  auto connected = client::Client::connect(options_.client);
  if (connected.ok()) client_ = std::move(connected).value();
  return connected.status();
}

void SoakClient::run(const SoakWindow& window) {
  double interval_ns = 1e9 * options_.clients / options_.rate;
  double next = static_cast<double>(window.begin) + interval_ns * index_ / options_.clients;
  last_completed_ = window.begin;
  std::int64_t now = now_ns();
  while (!window.is_over(now)) {
    auto due = static_cast<std::int64_t>(next);
    if (due > now) {
      std::this_thread::sleep_for(std::chrono::nanoseconds(std::min({due - now, window.end - now, longest_sleep_ns})));
    } else {
      waiting_since_ = due;
      record(due, call());
      waiting_since_ = 0;
      next += interval_ns;
    }
    now = now_ns();
  }
  end_pause(now);
  double behind_ns = static_cast<double>(std::min(now, window.end)) - next;
  unsent_ = behind_ns > 0 ? static_cast<std::uint64_t>(behind_ns / interval_ns) : 0;
}

Result<WriteCheck> SoakClient::check() {
  return writes_.check(*client_, std::max(options_.client.timeout_ms, least_check_timeout_ms));
}

SoakClient::Answer SoakClient::call() {
  double at = draw_.dice().unit() * cumulative_.back();
  auto found = std::upper_bound(cumulative_.begin(), cumulative_.end(), at) - cumulative_.begin();
  auto kind = options_.mix[std::min<std::size_t>(found, cumulative_.size() - 1)].call;
  if (kind == CallKind::put) return {writes_.write(*client_, {})};
  if (kind == CallKind::link) return {writes_.write(*client_, draw_key())};
  client::VertexRef key = draw_key();
  auto vertices = client_->get(std::span(&key, 1));
  if (!vertices.ok()) return {vertices.status()};
  return {{}, !vertices->at(0).found};
}

std::string SoakClient::draw_key() {
  char buffer[24];
  return std::string(options_.keys.key(draw_.next(), buffer));
}

void SoakClient::record(std::int64_t due, const Answer& answer) {
  std::int64_t now = now_ns();
  if (answer.status.ok()) end_pause(now);
  std::lock_guard lock(mutex_);
  ++counts_.calls;
  counts_.missing += answer.missing ? 1 : 0;
  if (answer.status.ok()) {
    counts_.latency_ns.record(static_cast<std::uint64_t>(std::max<std::int64_t>(now - due, 0)));
    return;
  }
  ++counts_.errors[answer.status.code()];
  if (counts_.first_error.empty()) counts_.first_error = answer.status.message();
}

void SoakClient::end_pause(std::int64_t now) {
  longest_pause_ns_ = std::max(longest_pause_ns_, now - last_completed_);
  last_completed_ = now;
}

SoakCounts SoakClient::take_counts() {
  SoakCounts taken;
  std::lock_guard lock(mutex_);
  std::swap(taken, counts_);
  return taken;
}

std::int64_t SoakClient::waiting_ns(std::int64_t now) const {
  std::int64_t since = waiting_since_;
  return since == 0 ? 0 : std::max<std::int64_t>(now - since, 0);
}

}  // namespace engram::loadgen
