#include "cluster/node/serve.h"

#include <algorithm>
#include <condition_variable>
#include <csignal>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include <pthread.h>
#include <unistd.h>

#include "cluster/logging/logging.h"
#include "cluster/node/end_timer.h"
#include "cluster/node/node.h"
#include "cluster/node/open_files.h"

namespace engram {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

/// For the last lines, when all else is done.
constexpr milliseconds end_wait{2000};

/// Signals are taken by one `sigwait`, never by a handler: this thread and all that are made after it block them.
sigset_t block_signals() {
  sigset_t signals;
  sigemptyset(&signals);
  for (int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&signals, signal);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);
  std::signal(SIGXFSZ, SIG_IGN);  // a file size limit is then an error like a full disk
  return signals;
}

/// Nothing was accepted, and a start is as safe to cut as a crash.
[[noreturn]] void end_before_ready() {
  EndTimer timer(end_wait, 0);
  log_event(LogLevel::info, "stopped before it was ready");
  stop_logging();
  ::_exit(0);
}

/// Hears signals on a thread of its own, whatever the node is busy with. To be made before all other threads.
class Signals {
 public:
  /// `stop_within`: from the signal that asks for it to the end of the process, whatever the node is busy with.
  explicit Signals(milliseconds stop_within)
      : stop_within_(stop_within), set_(block_signals()), thread_([this] { take(); }) {}
  ~Signals() {
    {
      std::lock_guard lock(mutex_);
      over_ = true;
    }
    pthread_kill(thread_.native_handle(), SIGHUP);  // wakes it
    thread_.join();
  }

  /// Clients may come: from now on SIGTERM and SIGINT ask the node to stop in order. One more of them changes nothing, for
  /// whoever sends it (an init system, a terminal beside a wrapper that passes it on) does not know how far the stop is.
  void take_over() {
    std::lock_guard lock(mutex_);
    in_order_ = true;
  }
  enum class Heard { nothing, reload, stop };
  /// Returns after `wait`, and before that when there is something to do.
  Heard wait_running(seconds wait) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, wait, [this] { return stop_ || reload_; });
    if (stop_) return Heard::stop;
    return std::exchange(reload_, false) ? Heard::reload : Heard::nothing;
  }
  /// Until the process is ended; `most` if it was not asked to stop.
  milliseconds time_left(milliseconds most) {
    std::lock_guard lock(mutex_);
    if (!stop_) return most;
    auto left = std::chrono::duration_cast<milliseconds>(stop_by_ - Clock::now());
    return std::clamp(left, milliseconds(1), most);
  }

 private:
  using Clock = std::chrono::steady_clock;

  void take() {
    while (true) {
      int signal = 0;
      sigwait(&set_, &signal);
      std::lock_guard lock(mutex_);
      if (over_) return;
      if (signal == SIGHUP) {
        reload_ = true;
      } else if (!in_order_) {
        end_before_ready();
      } else if (stop_) {
        log_event(LogLevel::info, "already stopping", {{"signal", signal == SIGTERM ? "SIGTERM" : "SIGINT"}});
      } else {
        stop_ = true;
        stop_by_ = Clock::now() + stop_within_;
        end_.emplace(stop_within_, 1);
      }
      changed_.notify_all();
    }
  }

  const milliseconds stop_within_;
  sigset_t set_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool in_order_ = false, reload_ = false, stop_ = false, over_ = false;
  Clock::time_point stop_by_;
  std::optional<EndTimer> end_;
  std::thread thread_;  // the last: it uses the others
};

Status run_node(const LoadedConfig& loaded, const Clock& clock, Signals& signals) {
  Node node(loaded, clock);
  if (Status status = node.start([&] { signals.take_over(); }); !status.ok()) return status;
  for (Signals::Heard heard; (heard = signals.wait_running(seconds(2))) != Signals::Heard::stop;)
    heard == Signals::Heard::reload ? node.reload() : node.reload_if_changed();
  return node.stop(signals.time_left(milliseconds(loaded.config.shutdown.timeout_ms)).count());
}

}  // namespace

int serve_main(const LoadedConfig& loaded, const std::function<void(const Status&)>& report) {
  Signals signals{milliseconds(loaded.config.shutdown.timeout_ms)};
  raise_open_files_limit();
  SystemClock clock;
  LoggingOptions logging;
  logging.format = log_format_from(loaded.config.logging.format);
  logging.level = log_level_from(loaded.config.logging.level);
  start_logging(logging, clock);
  Status status = run_node(loaded, clock, signals);
  int code = status.ok() ? 0 : 1;
  EndTimer timer(signals.time_left(end_wait), code);
  bool written = stop_logging();
  if (!status.ok()) report(status);
  if (!written) ::_exit(code);  // the thread that waits for a reader holds on to standard error
  return code;
}

}  // namespace engram
