#include "cluster/node/serve.h"

#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <mutex>
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
constexpr seconds end_wait{2};
/// For a write to the disk that was under way when the time to stop ran out.
constexpr seconds stop_grace{5};

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
  Signals() : set_(block_signals()), thread_([this] { take(); }) {}
  ~Signals() {
    {
      std::lock_guard lock(mutex_);
      over_ = true;
    }
    pthread_kill(thread_.native_handle(), SIGHUP);  // wakes it
    thread_.join();
  }

  /// The node is ready: from now on SIGTERM and SIGINT ask it to stop, and a second one ends the process at once.
  void ready() {
    std::lock_guard lock(mutex_);
    ready_ = true;
  }
  enum class Heard { nothing, reload, stop };
  /// Returns after `wait`, and before that when there is something to do.
  Heard wait_running(seconds wait) {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, wait, [this] { return stop_ || reload_; });
    if (stop_) return Heard::stop;
    return std::exchange(reload_, false) ? Heard::reload : Heard::nothing;
  }

 private:
  void take() {
    while (true) {
      int signal = 0;
      sigwait(&set_, &signal);
      std::lock_guard lock(mutex_);
      if (over_) return;
      if (signal == SIGHUP) {
        reload_ = true;
      } else if (!ready_) {
        end_before_ready();
      } else if (stop_) {
        ::_exit(1);  // what is not written back is replayed by the next start
      } else {
        stop_ = true;
      }
      changed_.notify_all();
    }
  }

  sigset_t set_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool ready_ = false, reload_ = false, stop_ = false, over_ = false;
  std::thread thread_;  // the last: it uses the others
};

Status run_node(const LoadedConfig& loaded, const Clock& clock, Signals& signals) {
  Node node(loaded, clock);
  if (Status status = node.start(); !status.ok()) return status;
  signals.ready();
  for (Signals::Heard heard; (heard = signals.wait_running(seconds(2))) != Signals::Heard::stop;)
    heard == Signals::Heard::reload ? node.reload() : node.reload_if_changed();
  EndTimer timer(milliseconds(loaded.config.shutdown.timeout_ms) + stop_grace, 1);
  (void)node.stop();  // what could not be flushed in time is replayed: no data is at stake
  return {};
}

}  // namespace

int serve_main(const LoadedConfig& loaded, const std::function<void(const Status&)>& report) {
  Signals signals;
  raise_open_files_limit();
  SystemClock clock;
  LoggingOptions logging;
  logging.format = log_format_from(loaded.config.logging.format);
  logging.level = log_level_from(loaded.config.logging.level);
  start_logging(logging, clock);
  Status status = run_node(loaded, clock, signals);
  int code = status.ok() ? 0 : 1;
  EndTimer timer(end_wait, code);
  bool written = stop_logging();
  if (!status.ok()) report(status);
  if (!written) ::_exit(code);  // the thread that waits for a reader holds on to standard error
  return code;
}

}  // namespace engram
