#include "tools/loadgen/soak.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <latch>
#include <memory>
#include <thread>
#include <utility>

#include "storage/base/random.h"
#include "tools/loadgen/worker.h"

namespace engram::loadgen {

namespace {

Status out_of_range(const char* option, const char* range) {
  return {Code::invalid_argument, std::string("--") + option + " has to be " + range, option};
}

/// Of this run alone: a graph may have been through other runs.
std::string run_prefix() {
  char text[40];
  std::snprintf(text, sizeof text, "soak/%016llx", static_cast<unsigned long long>(SystemRandom().next64()));
  return text;
}

class SoakRun {
 public:
  SoakRun(const SoakOptions& options, const std::atomic<bool>& stop)
      : options_(options), connected_(options.clients), begun_(1), result_{} {
    window_.stop = &stop;
    auto prefix = run_prefix();
    for (unsigned i = 0; i < options.clients; ++i)
      clients_.push_back(std::make_unique<SoakClient>(options, i, prefix + "/" + std::to_string(i)));
    result_.clients.resize(options.clients);
  }

  Result<SoakResult> run(const OnInterval& on_interval) {
    std::vector<std::thread> threads;
    for (auto& client : clients_) threads.emplace_back([this, &client] { work(*client); });
    connected_.wait();
    window_.begin = now_ns();
    window_.end = window_.begin + static_cast<std::int64_t>(options_.seconds * 1e9);
    begun_.count_down();
    report(on_interval);
    for (auto& thread : threads) thread.join();
    if (!failure_.ok()) return failure_;
    return finish();
  }

 private:
  void fail(const Status& status) {
    std::lock_guard lock(mutex_);
    if (failure_.ok()) failure_ = status;
  }
  bool failed() {
    std::lock_guard lock(mutex_);
    return !failure_.ok();
  }

  void work(SoakClient& client) {
    drive(client);
    client.disconnect();   // where it was made: its event loop is this thread's
  }

  void drive(SoakClient& client) {
    if (auto status = client.connect(); !status.ok()) fail(status);
    connected_.count_down();
    begun_.wait();
    if (!failed()) client.run(window_);
    {
      std::lock_guard lock(mutex_);
      ended_ns_ = std::max(ended_ns_, now_ns());
      ++finished_;
    }
    changed_.notify_all();
    if (failed()) return;
    auto checked = client.check();
    if (!checked.ok()) return fail({checked.status().code(), "cannot read back what was written: " + checked.status().message()});
    std::lock_guard lock(mutex_);
    result_.writes.merge(*checked);
  }

  void report(const OnInterval& on_interval) {
    auto every = std::chrono::nanoseconds(static_cast<std::int64_t>(options_.report_every_seconds * 1e9));
    auto due = std::chrono::steady_clock::now() + every;
    std::int64_t last_ns = window_.begin;
    for (bool over = false; !over; due += every) {
      {
        std::unique_lock lock(mutex_);
        over = changed_.wait_until(lock, due, [&] { return finished_ == options_.clients; });
      }
      auto interval = take_interval();
      std::int64_t now = now_ns();
      interval.since_begin_seconds = static_cast<double>(now - window_.begin) / 1e9;
      interval.seconds = static_cast<double>(now - last_ns) / 1e9;
      last_ns = now;
      if (!over && on_interval) on_interval(interval);
    }
  }

  SoakInterval take_interval() {
    SoakInterval interval;
    std::int64_t now = now_ns();
    for (std::size_t i = 0; i < clients_.size(); ++i) {
      auto counts = clients_[i]->take_counts();
      interval.counts.merge(counts);
      result_.clients[i].counts.merge(counts);
      interval.longest_ns = std::max(interval.longest_ns, clients_[i]->waiting_ns(now));
    }
    interval.longest_ns = std::max(interval.longest_ns, static_cast<std::int64_t>(interval.counts.latency_ns.max()));
    return interval;
  }

  SoakResult finish() {
    for (std::size_t i = 0; i < clients_.size(); ++i) {
      auto& of_client = result_.clients[i];
      of_client.longest_pause_ns = clients_[i]->longest_pause_ns();
      result_.counts.merge(of_client.counts);
      result_.longest_pause_ns = std::max(result_.longest_pause_ns, of_client.longest_pause_ns);
      result_.unsent += clients_[i]->unsent();
    }
    result_.seconds = static_cast<double>(ended_ns_ - window_.begin) / 1e9;
    return std::move(result_);
  }

  const SoakOptions& options_;
  std::vector<std::unique_ptr<SoakClient>> clients_;
  std::latch connected_;
  std::latch begun_;
  SoakWindow window_;

  std::mutex mutex_;
  std::condition_variable changed_;
  unsigned finished_ = 0;       // with the load
  std::int64_t ended_ns_ = 0;
  Status failure_;
  SoakResult result_;
};

}  // namespace

Status check(const SoakOptions& options) {
  auto is_one = [](const Share& share) {
    return share.call == CallKind::get || share.call == CallKind::put || share.call == CallKind::link;
  };
  if (!std::all_of(options.mix.begin(), options.mix.end(), is_one)) return out_of_range("mix", "of get, put and link");
  if (options.clients < 1 || options.clients > 256) return out_of_range("clients", "1 to 256");
  if (!(options.rate > 0)) return out_of_range("rate", "above 0");
  if (!(options.seconds > 0)) return out_of_range("seconds", "above 0");
  if (!(options.report_every_seconds >= 0.01)) return out_of_range("report-every", "0.01 or more");
  if (options.keys.size() < 1 || options.keys.size() > 0xFFFFFFFF) return out_of_range("keys", "1 to 4,294,967,295");
  return {};
}

Result<SoakResult> run_soak(const SoakOptions& options, const std::atomic<bool>& stop, const OnInterval& on_interval) {
  if (auto status = check(options); !status.ok()) return status;
  SoakRun run(options, stop);
  return run.run(on_interval);
}

}  // namespace engram::loadgen
